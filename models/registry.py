"""The registry of models: a name, a file, its sha256, its card. A model without a card or with another hash is refused.

`registry.json` beside this file names the models of this version; the weights are in `weights/`, each with a card
(Markdown, for people) of the same name.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REGISTRY: Final = Path(__file__).parent / "registry.json"
WEIGHTS: Final = Path(__file__).parent / "weights"
DEFAULT: Final = "tocsin-acoustic"
LARGEST_BYTES: Final = 16 * 1024 * 1024
SHORTEST_CARD: Final = 400
"""Characters; a card says at least what the model is for, what it was made from, how good it is and where it fails."""


class ModelRefused(ValueError):
    """A model that may not run; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered model: `labels` in the order of its output, `thresholds` chosen on the cost that its card states."""

    name: str
    file: Path
    card: Path
    sha256: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]

    @property
    def full_name(self) -> str:
        """`name@sha256 prefix`, as the wire carries it."""
        return f"{self.name}@{self.sha256[:12]}"

    def read(self) -> bytes:
        """The model file, after its card and its hash were checked.

        Raises:
            ModelRefused: `model_card_missing`, `model_missing` or `model_hash_differs`.
        """
        if not self.card.is_file() or len(self.card.read_text(encoding="utf-8").strip()) < SHORTEST_CARD:
            raise ModelRefused(
                "model_card_missing", f"{self.name}: no card at {self.card}; a model without one never runs"
            )
        if not self.file.is_file():
            raise ModelRefused("model_missing", f"{self.name}: no file at {self.file}; `tocsin models pull` fetches it")
        content = self.file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelRefused(
                "model_hash_differs", f"{self.file}: sha256 is {found[:12]}…, the registry says {self.sha256[:12]}…"
            )
        return content


def entries(registry: Path = REGISTRY) -> dict[str, Entry]:
    """Every registered model by name.

    Raises:
        ModelRefused: `registry_unreadable`.
    """
    try:
        lines = json.loads(registry.read_text(encoding="utf-8"))["models"]
        folder = registry.parent / "weights"
        return {
            line["name"]: Entry(
                name=line["name"],
                file=folder / line["file"],
                card=folder / line["card"],
                sha256=line["sha256"],
                labels=tuple(line["labels"]),
                thresholds=tuple(float(value) for value in line["thresholds"]),
            )
            for line in lines
        }
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise ModelRefused("registry_unreadable", f"{registry}: {type(problem).__name__}: {problem}") from problem


def find(name_or_path: str | Path | None = None, registry: Path = REGISTRY) -> Entry:
    """The registered model of this name, or whose file is this path; None is the default.

    Raises:
        ModelRefused: `model_unknown`: it is not in the registry, whatever it is.
    """
    known = entries(registry)
    wanted = DEFAULT if name_or_path is None else name_or_path
    for entry in known.values():
        if str(wanted) in {entry.name, entry.full_name} or Path(wanted).resolve() == entry.file.resolve():
            return entry
    raise ModelRefused(
        "model_unknown", f"{wanted} is not in the registry; it holds {', '.join(sorted(known)) or 'nothing'}"
    )


def pull_file(entry: Entry, address: str) -> int:
    """Fetch the file of `entry` from `address` (http, https or a path), keep it if its hash is right; its size, bytes.

    Raises:
        ModelRefused: as `content_of` and `keep`, or `model_hash_differs` (nothing is kept then).
    """
    content = content_of(address)
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise ModelRefused(
            "model_hash_differs", f"{address}: sha256 is {found[:12]}…, the registry says {entry.sha256[:12]}…"
        )
    keep(content, entry.file)
    return len(content)


def content_of(address: str) -> bytes:
    """What lies at `address`, an http(s) address or a path, whole.

    Raises:
        ModelRefused: `model_not_reachable` or `model_too_large`.
    """
    try:
        if address.startswith(("https://", "http://")):
            with urllib.request.urlopen(address, timeout=30) as answer:
                content = bytes(answer.read(LARGEST_BYTES + 1))
        else:
            with Path(address).open("rb") as stream:
                content = stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise ModelRefused("model_not_reachable", f"{address}: {problem}") from problem
    if len(content) > LARGEST_BYTES:
        raise ModelRefused("model_too_large", f"{address}: more than {LARGEST_BYTES:,} bytes")
    return content


def keep(content: bytes, file: Path) -> None:
    """Put `content` at `file` in one step: whoever reads meanwhile gets the old file or the new one.

    Raises:
        ModelRefused: `model_not_writable`.
    """
    half = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(content)
        half.replace(file)
    except OSError as problem:
        raise ModelRefused("model_not_writable", f"{file}: {problem.strerror or problem}") from problem


def write(
    registry: Path, name: str, file: Path, card: Path, labels: tuple[str, ...], thresholds: tuple[float, ...]
) -> None:
    """Enter a model that lies in `registry`'s folder `weights`, in place of one of the same name."""
    lines = json.loads(registry.read_text(encoding="utf-8"))["models"] if registry.is_file() else []
    line = {
        "name": name,
        "file": file.name,
        "card": card.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "labels": list(labels),
        "thresholds": list(thresholds),
    }
    kept = [other for other in lines if other["name"] != name]
    registry.write_text(json.dumps({"models": [*kept, line]}, indent=2) + "\n", encoding="utf-8")
