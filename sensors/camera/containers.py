"""How many sound tracks a video file carries, read from its index without decoding anything.

MP4/MOV (ISO 14496-12 `hdlr`), AVI (`strh`) and Matroska (`TrackType`) say it in a few bytes. They are counted to be
reported as dropped; nothing here reads the tracks themselves.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

_HEAD_BYTES: Final = 1 << 20
_MAX_BOXES: Final = 10_000
_INDEX_BYTES: Final = 64 << 20


def _mp4_index(file: BinaryIO, size: int) -> bytes:
    """The `moov` box of an MP4 file, wherever it stands; empty where there is none."""
    position = 0
    for _ in range(_MAX_BOXES):
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            return b""
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        elif length == 0:
            length = size - position
        if length < 8:
            return b""
        if kind == b"moov":
            file.seek(position)
            return file.read(min(length, _INDEX_BYTES))
        position += length
    return b""


def audio_tracks(path: str) -> int:
    """Sound tracks in the file at `path`; 0 where the container is not known or can't be read."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
            if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}:
                index = _mp4_index(file, Path(path).stat().st_size)
                return sum(index[i + 12 : i + 16] == b"soun" for i in _positions(index, b"hdlr"))
    except (OSError, ValueError):
        return 0
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return sum(head[i + 8 : i + 12] == b"auds" for i in _positions(head, b"strh"))
    if head[:4] == b"\x1aE\xdf\xa3":
        # TrackType (0x83), one byte long (0x81), 2 is audio; only after the Tracks element (0x1654AE6B).
        start = head.find(b"\x16\x54\xae\x6b")
        return head[start : start + 65_536].count(b"\x83\x81\x02") if start >= 0 else 0
    return 0


def _positions(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found
