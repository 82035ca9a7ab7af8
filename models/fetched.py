"""Models of others that a person may fetch: named here with address, hash and licence, never shipped.

Today one: a small object detector for the camera agent. Everything works without it, less well. It is fetched once, by
`tocsin models pull`, from its makers' own public release, after whoever fetches it has accepted its licence; any other
content is refused. No agent and no hub fetches anything by itself.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.registry import WEIGHTS, ModelRefused, content_of, keep

FOLDER_VARIABLE: Final = "TOCSIN_MODELS"
"""Names another folder than the package's own, where that can't be written."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One such model: `address` of the release, `sha256` of what lies there.

    `also` are other exports of the same weights that run as well, for a box that already has one. `licence` is an SPDX
    name, `terms` where its text is.
    """

    name: str
    purpose: str
    file_name: str
    address: str
    size: int
    sha256: str
    also: tuple[str, ...]
    licence: str
    holder: str
    terms: str

    @property
    def file(self) -> Path:
        """Where it lies once it was fetched."""
        return Path(os.environ.get(FOLDER_VARIABLE) or WEIGHTS) / self.file_name

    @property
    def notice(self) -> str:
        """Whose it is, under which licence, and what it is for: shown before anything is fetched."""
        return (
            f"{self.name}: {self.purpose}\n"
            f"Copyright {self.holder}, licence {self.licence}: {self.terms}\n"
            f"{self.size:,} bytes from {self.address}\nsha256 {self.sha256}"
        )

    def known(self, content: bytes) -> str:
        """`name@sha256 prefix` of `content`, as a heartbeat carries it; ModelRefused `model_hash_differs` else."""
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256 and found not in self.also:
            raise ModelRefused(
                "model_hash_differs", f"{self.name}: sha256 is {found[:12]}…, it has to be {self.sha256[:12]}…"
            )
        return f"{self.name}@{found[:12]}"

    def read(self) -> tuple[str, bytes] | None:
        """Its full name and its content, hash checked each time; None where it was not fetched.

        Raises:
            ModelRefused: `model_hash_differs` or `model_not_reachable`: it is there and may not run.
        """
        if not self.file.is_file():
            return None
        content = content_of(str(self.file))
        return self.known(content), content

    def pull(self, source: str | None = None) -> tuple[str, Path]:
        """Fetch it from `source` (an address or a path; default its release) and keep it; its full name and file.

        Raises:
            ModelRefused: as `content_of`, `known` and `keep`; nothing is kept then.
        """
        content = content_of(source or self.address)
        name = self.known(content)
        keep(content, self.file)
        return name, self.file


YOLOX_NANO: Final = Fetched(
    name="yolox-nano",
    purpose="tells a person, a cycle, a car, something heavy and a bag from each other, for the camera agent",
    file_name="yolox_nano.onnx",
    address="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
    size=3_659_407,
    sha256="c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
    # The same weights, simplified by another project: github.com/Kazuhito00/YOLOX-ONNX-TFLite-Sample.
    also=("695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",),
    licence="Apache-2.0",
    holder="2021-2022 Megvii Inc.",
    terms="https://github.com/Megvii-BaseDetection/YOLOX/blob/0.1.1rc0/LICENSE",
)

KNOWN: Final = {YOLOX_NANO.name: YOLOX_NANO}
