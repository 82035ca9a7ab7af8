"""SQLite's write-ahead log and its index as bytes (https://www.sqlite.org/walformat.html): what of it is committed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

HEADER: Final = 32
FRAME_HEADER: Final = 24
SALTS: Final = slice(16, 24)
"""Of the header, and of the index's: two numbers that differ each time the log begins anew."""
_INDEX_HEADER: Final = struct.Struct("=IIIBBHII8s8s8s")
_INDEX_VERSION: Final = 3_007_000
_MAGIC: Final = 0x377F0682


class Head(Struct, frozen=True):
    """What is committed: `frames` of the log that has these `salts`, with pages of `page_size` bytes."""

    salts: bytes
    frames: int
    page_size: int

    @property
    def end(self) -> int:
        """How many bytes of the log are committed."""
        return HEADER + self.frames * (FRAME_HEADER + self.page_size)


def committed(index: Callable[[int, int], bytes]) -> Head | None:
    """The head of the index (`-shm`) of a database that is open; None where there is none yet.

    `index` reads so many bytes of it from a place on. The header stands there twice; one that is being written is read
    again.
    """
    size = _INDEX_HEADER.size
    for _ in range(1_000):
        both = index(2 * size, 0)
        if not both:
            return None
        if len(both) == 2 * size and both[:size] == both[size:]:
            break
    else:
        return None
    version, _, _, ready, _, page_size, frames, _, _, salts, _ = _INDEX_HEADER.unpack_from(both)
    if version != _INDEX_VERSION or not ready:
        return None
    return Head(salts, frames, 65_536 if page_size == 1 else page_size)


def salts_of(header: bytes) -> bytes | None:
    """The salts of a write-ahead log that begins with `header`; None where the header is damaged or missing."""
    if len(header) < HEADER:
        return None
    (magic,) = struct.unpack_from(">I", header)
    if magic & ~1 != _MAGIC or _sum_of(header[:24], ">" if magic & 1 else "<") != header[24:HEADER]:
        return None
    return header[SALTS]


def empty(salts: bytes, page_size: int) -> bytes:
    """A write-ahead log in which nothing is; SQLite gives itself other salts when it writes the first frame."""
    begin = struct.pack(">IIII", _MAGIC, _INDEX_VERSION, page_size, 0) + salts
    return begin + _sum_of(begin, "<")


def _sum_of(data: bytes, order: str) -> bytes:
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.pack(">2I", first, second)


def frames(data: bytes, start: int, page_size: int) -> Iterator[tuple[int, int, int]]:
    """The page number, the pages of the database after it (0 where no commit ends here) and the place in `data` of the
    page of each frame. `data` are bytes of a log from `start` on, which is 0 or the begin of a frame."""
    at = HEADER if start == 0 else 0
    while at + FRAME_HEADER + page_size <= len(data):
        number, pages = struct.unpack_from(">II", data, at)
        yield number, pages, at + FRAME_HEADER
        at += FRAME_HEADER + page_size
