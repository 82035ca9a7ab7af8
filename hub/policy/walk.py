"""Walks the built tree for what no red line allows to be in it: wire, labels, routes, libraries, models, source.

Run in CI over the whole tree, and at every start over what is loaded; the public page shows the result and its time.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from hub.policy.redlines import FORBIDDEN_PACKAGES, crossed
from sensors import protocol

FREE_TEXT: Final = frozenset({"type"})
"""Text on the wire that needs no pattern: msgspec's own tag, one of a closed set."""

MOST_SIGNS: Final = 128
"""Of one text: a model's name with its hash is the longest there is."""
MOST_ITEMS: Final = 16
"""Of one list in a message: more numbers than this, often enough, are a signal."""

AUDIO_OR_IMAGE_WRITERS: Final = frozenset(
    {
        "imwrite",
        "imencode",
        "VideoWriter",
        "imshow",
        "wavfile",
        "write_wav",
        "OutputStream",
        "RawOutputStream",
        "playrec",
    }
)
"""Calls that could put an image or a sound on a disk or a speaker; none may stand in an agent."""

AGENTS: Final = (
    "sensors/agent.py",
    "sensors/camera",
    "sensors/microphone",
    "sensors/spool.py",
    "sensors/uplink.py",
)


class Crossing(Struct, frozen=True):
    """One thing that lies behind a red line: where it is, and what."""

    where: str
    what: str


def _text_fields(kind: type[Struct]) -> Iterator[tuple[str, Any]]:
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        yield field.name, field.type


def _unbounded(kind: Any) -> Iterator[str]:
    """What in a wire type could carry sound, an image or a name: bytes, free text, open maps and lists."""
    inspect = msgspec.inspect
    if isinstance(
        kind, inspect.BytesType | inspect.ByteArrayType | inspect.MemoryViewType | inspect.AnyType | inspect.RawType
    ):
        yield "raw bytes or anything"
    elif isinstance(kind, inspect.StrType):
        yield from _free(kind.pattern, kind.max_length)
    elif isinstance(kind, inspect.IntType):
        if {kind.ge, kind.gt} == {None} or {kind.le, kind.lt} == {None}:
            yield "a whole number without an end"
    elif isinstance(kind, inspect.DictType):
        yield "an open map"
    elif isinstance(kind, inspect.ListType | inspect.SetType | inspect.VarTupleType):
        if kind.max_length is None or kind.max_length > MOST_ITEMS:
            yield "a list without an end"
        yield from _unbounded(kind.item_type)
    elif isinstance(kind, inspect.UnionType):
        for part in kind.types:
            yield from _unbounded(part)


def _free(pattern: str | None, longest: int | None) -> Iterator[str]:
    """Text of any words, or of any length."""
    if pattern is None:
        yield "text without a pattern"
        return
    width = int(_parser.parse(pattern).getwidth()[1])
    if min(width, longest or width) > MOST_SIGNS:
        yield "text without an end"


def walk_wire() -> list[Crossing]:
    """Every field of every message: bounded, and of a kind that can't carry sound, an image or an identity."""
    found = []
    for kind in (*get_args(protocol.AnyMessage), protocol.Position, protocol.Counts):
        if not kind.__struct_config__.forbid_unknown_fields:
            found.append(Crossing(f"wire {kind.__name__}", "takes unknown fields"))
        for name, field in _text_fields(kind):
            found += [Crossing(f"wire {kind.__name__}.{name}", what) for what in _unbounded(field)]
            found += [
                Crossing(f"wire {kind.__name__}.{name}", f"red line {line.number}") for _, line in crossed([name])
            ]
    return found


def walk_labels(labels: Iterable[str], where: str) -> list[Crossing]:
    """Names of classes of the wire, or of a model's outputs."""
    return [Crossing(f"{where} {name}", f"red line {line.number}") for name, line in crossed(labels)]


def walk_routes(paths: Iterable[str]) -> list[Crossing]:
    """Addresses of the hub: nothing to listen to, to look at, or to search in."""
    return [Crossing(f"route {path}", f"red line {line.number}") for path in paths for _, line in crossed([path])]


def walk_libraries() -> list[Crossing]:
    """What is installed beside the product, and what the product asks for."""
    found = [
        Crossing(f"library {name}", "is installed")
        for name in sorted(FORBIDDEN_PACKAGES)
        if "." not in name and importlib.util.find_spec(name) is not None
    ]
    for requirement in importlib.metadata.requires("tocsin") or []:
        name = requirement.partition(";")[0].strip().split(" ")[0].split("[")[0].split(">")[0].split("=")[0]
        if name.lower().replace("-", "_") in FORBIDDEN_PACKAGES:
            found.append(Crossing(f"library {name}", "is required"))
    return found


def walk_source(root: Path) -> list[Crossing]:
    """Every import of the tree, and every call in an agent that could keep a sound or an image."""
    found = []
    for path in sorted(
        path for part in ("hub", "sensors", "models", "dashboards") for path in (root / part).rglob("*.py")
    ):
        name = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                behind = [module for module in modules if module.partition(".")[0] in FORBIDDEN_PACKAGES]
                found += [Crossing(f"{name}:{node.lineno}", f"imports {module}") for module in behind]
            elif isinstance(node, ast.Call) and name.startswith(AGENTS) and (word := _writer(node)):
                found.append(Crossing(f"{name}:{node.lineno}", f"calls {word}"))
    return found


def _writer(call: ast.Call) -> str:
    """The name of a call that could keep a sound or an image; empty for every other."""
    word = str(getattr(call.func, "attr", getattr(call.func, "id", "")))
    if word in AUDIO_OR_IMAGE_WRITERS:
        return word
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    opened_to_write = any(not (isinstance(mode, ast.Constant) and mode.value == "r") for mode in modes)
    return word if word == "SoundFile" and opened_to_write else ""


def walk_loaded(routes: Iterable[str]) -> list[Crossing]:
    """What is checked at every start: wire, labels, routes, libraries."""
    labels = sorted(protocol.SOUND_EVENTS | protocol.VIDEO_EVENTS)
    return [*walk_wire(), *walk_labels(labels, "class"), *walk_routes(routes), *walk_libraries()]
