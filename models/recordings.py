"""Labelled recordings on disk: a folder laid out as `data/audio` (a manifest and sound files), read forgivingly.

A manifest has at least the columns `path` and `class`; `source`, `group` and `open_licence` are used where they are
there. What cannot be read is told by name and reason, and the rest goes on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from models.frontend import SAMPLE_RATE_HZ, Floats

MANIFEST: Final = "manifest.csv"
LONGEST_S: Final = 600.0
"""Longer files are cut here: an evaluation must end, and an endless file must not fill the memory."""


class RecordingError(ValueError):
    """A recording or manifest that cannot be used; `code` is stable, `path` names it."""

    def __init__(self, code: str, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.code = code
        self.path = path
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest. Clips of one original recording share `group`, and a group is never split."""

    path: Path
    label: str
    source: str
    group: str
    open_licence: bool
    suspicious: str = ""


def read_manifest(folder: Path) -> list[Row]:
    """The rows of `folder/manifest.csv`.

    Raises:
        RecordingError: `manifest_missing`, `manifest_unreadable` or `manifest_columns` (needs `path` and `class`).
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise RecordingError("manifest_missing", file, "no manifest here; a folder of recordings needs one")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not {"path", "class"} <= set(reader.fieldnames or ()):
                raise RecordingError("manifest_columns", file, "needs the columns `path` and `class`")
            lines = [line for line in reader if line.get("path") and line.get("class")]
    except (UnicodeDecodeError, csv.Error, OSError) as problem:
        raise RecordingError("manifest_unreadable", file, str(problem)) from problem
    return [
        Row(
            path=folder / line["path"],
            label=line["class"].strip(),
            source=(line.get("source") or "unknown").strip(),
            group=(line.get("group") or line["path"]).strip(),
            open_licence=(line.get("open_licence") or "").strip() == "yes",
            suspicious=(line.get("suspicious") or "").strip(),
        )
        for line in lines
    ]


def decode(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> Floats:
    """Mono float32 samples in [-1, 1] at `rate_hz`; values that are not finite become 0.

    Raises:
        RecordingError: `sound_missing`, `sound_unreadable` or `sound_empty`.
    """
    if not path.is_file():
        raise RecordingError("sound_missing", path, "no such file")
    try:
        with soundfile.SoundFile(path) as file:
            source_rate = int(file.samplerate)
            samples = file.read(int(LONGEST_S * source_rate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError) as problem:
        raise RecordingError("sound_unreadable", path, str(problem)) from problem
    if not len(samples):
        raise RecordingError("sound_empty", path, "holds no samples")
    mono = np.nan_to_num(samples.mean(axis=1), posinf=0.0, neginf=0.0)
    if source_rate != rate_hz:
        mono = soxr.resample(mono, source_rate, rate_hz)
    return np.clip(np.asarray(mono, np.float32), -1.0, 1.0)


def windows(samples: Floats, length: int, hop: int) -> Iterator[Floats]:
    """Windows of `length` samples every `hop`; the last one ends with the sound, a short sound is padded with zeros."""
    if len(samples) <= length:
        yield np.pad(samples, (0, length - len(samples)))
        return
    last = len(samples) - length
    for start in [*range(0, last, hop), last]:
        yield samples[start : start + length]
