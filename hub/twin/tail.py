"""The second write-ahead log: what each commit put into SQLite's own, in records with checksums, synced before the
answer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hub.twin.wal import frames

_RECORD: Final = struct.Struct("<4sI8sQII")
"""Mark, page size, salts, place in SQLite's log, length, checksum of all this and the bytes."""
_MARK: Final = b"TAIL"


class Tail:
    """The file at `path`. Not for several threads at once.

    Records from the first that is damaged on are not used. `end` is the place in SQLite's log up to which everything
    is here, `pages` where in this file the newest version of each page lies, `fresh` the pages that the copy may lack,
    `count` the pages of the database at the last commit.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._size = 0
        self.salts = b""
        self.page_size = 0
        self.end = 0
        self.count = 0
        self.pages: dict[int, int] = {}
        self.fresh: set[int] = set()

    def load(self) -> None:
        """Read what there is."""
        self._forget()
        for salts, page_size, place, body, start in self._parse():
            self.salts, self.page_size = salts, page_size
            self._note(place, body, start)
            self._size = start + len(body)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """What there is: places in SQLite's log, and the bytes there."""
        return ((place, body) for _, _, place, body, _ in self._parse())

    def stamp(self) -> tuple[int, int, bytes]:
        """Changes whenever the file does, also by another process."""
        self._open()
        stat = os.fstat(self._file)
        return stat.st_size, stat.st_mtime_ns, os.pread(self._file, _RECORD.size, 0)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from the file."""
        self._open()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def append(self, salts: bytes, page_size: int, place: int, body: bytes) -> None:
        """Keep bytes of SQLite's log; returns once they are on disk. OSError leaves everything as it was."""
        self._open()
        told = _checksum(page_size, salts, place, body)
        head = _RECORD.pack(_MARK, page_size, salts, place, len(body), told)
        written = os.pwritev(self._file, (head, body), self._size)
        if written < len(head) + len(body):
            os.pwrite(self._file, (head + body)[written:], self._size + written)
        os.fdatasync(self._file)
        self.salts, self.page_size = salts, page_size
        self._note(place, body, self._size + len(head))
        self._size += len(head) + len(body)

    def page(self, number: int) -> bytes:
        """The newest version of a page of `pages`."""
        self._open()
        return os.pread(self._file, self.page_size, self.pages[number])

    def begin_anew(self) -> None:
        """The copy has it all: the next record is written over the first, in room that needs no new block on the disk.

        Until then what there is may be put into the copy once more.
        """
        self._forget()

    def clear(self) -> None:
        """Nothing of what there is may be put into the copy again."""
        self._open()
        os.ftruncate(self._file, 0)
        self._forget()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()

    def _open(self) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _parse(self) -> Iterator[tuple[bytes, int, int, bytes, int]]:
        data = self._path.read_bytes() if self._path.exists() else b""
        at = end = 0
        first = b""
        while at + _RECORD.size <= len(data):
            mark, page_size, salts, place, length, told = _RECORD.unpack_from(data, at)
            start = at + _RECORD.size
            body = data[start : start + length]
            if mark != _MARK or told != _checksum(page_size, salts, place, body):
                # Cut by a death and never acknowledged, or damaged: SQLite's own log has it, and it is written again.
                return
            first = first or salts
            if salts != first or place != end:
                # A rest of what was here before it began anew.
                return
            end = place + length
            yield salts, page_size, place, body, start
            at = start + length

    def _forget(self) -> None:
        self._size = self.end = self.count = self.page_size = 0
        self.salts = b""
        self.pages.clear()
        self.fresh.clear()

    def _note(self, place: int, body: bytes, start: int) -> None:
        for number, count, at in frames(body, place, self.page_size):
            self.pages[number] = start + at
            self.fresh.add(number)
            self.count = count or self.count
        self.end = max(self.end, place + len(body))


def _checksum(page_size: int, salts: bytes, place: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<I8sQI", page_size, salts, place, len(body))))
