"""The second copy of a database's pages, with a checksum of each in a file beside it."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from hub.salvage import sync

_HEAD: Final = struct.Struct("<8sII8sI")
"""Mark, page size, pages, salts of the log that a close left, checksum of the table."""
_MARK: Final = b"TOCSIN01"
DEFAULT_PAGE: Final = 4_096
BLOCK_PAGES: Final = 256
"""Pages that are read at once."""


class Kept:
    """A file that is opened once and stays open: closing one that SQLite has open too would drop SQLite's locks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[tuple[int, int], int] = {}

    def read(self, length: int, place: int) -> bytes:
        """Bytes of the file that has the name now; none where there is no file."""
        try:
            stat = self._path.stat()
            file = self._files.get((stat.st_dev, stat.st_ino), -1)
            if file < 0:
                file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                stat = os.fstat(file)
                self._files[stat.st_dev, stat.st_ino] = file
            return os.pread(file, length, place)
        except FileNotFoundError:
            return b""

    def close(self) -> None:
        """Close it, once nobody in this process has the database open."""
        while self._files:
            os.close(self._files.popitem()[1])

    def __del__(self) -> None:
        self.close()


class Copy:
    """The copy of `database` beside it. Not for several threads at once.

    `closed` are the salts of the empty log that was left when both were closed as equals: while it lies there, nobody
    had the database open since.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.path = database.with_name(f"{database.name}-copy")
        self._sums_path = database.with_name(f"{database.name}-copy-sums")
        self._file = -1
        self._original = Kept(database)
        self.page_size = 0
        self.sums = array("I")
        self.closed = b""
        self.there = False

    def there_is(self) -> bool:
        """Whether there are checksums on the disk."""
        return self._sums_path.exists()

    def load(self) -> bool:
        """Read the checksums; False where there is no copy that could be trusted."""
        self._shut()
        self.there = False
        with contextlib.suppress(OSError, struct.error):
            data = self._sums_path.read_bytes()
            mark, self.page_size, count, closed, told = _HEAD.unpack_from(data)
            table = data[_HEAD.size : _HEAD.size + 4 * count]
            if mark == _MARK and len(table) == 4 * count and told == zlib.crc32(table):
                self.sums = array("I", table)
                self.closed = closed
                self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
                self.there = True
        return self.there

    def build(self) -> None:
        """Copy the database's file as it is now; nobody may write to it meanwhile. OSError where the disk refuses."""
        self.drop()
        fresh = self.path.with_name(f"{self.path.name}.new")
        head = self._original.read(100, 0)
        size = struct.unpack_from(">H", head, 16)[0] if len(head) == 100 else DEFAULT_PAGE
        self.page_size = 65_536 if size == 1 else size or DEFAULT_PAGE
        sums = array("I")
        with fresh.open("wb", buffering=0) as target:
            os.fchmod(target.fileno(), 0o600)
            while block := self._original.read(self.page_size * BLOCK_PAGES, len(sums) * self.page_size):
                target.write(block)
                sums.extend(zlib.crc32(block[at : at + self.page_size]) for at in range(0, len(block), self.page_size))
            os.fsync(target.fileno())
        fresh.rename(self.path)
        self.sums = sums
        self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self.save()
        self.there = True

    def apply(self, numbers: Iterable[int], page: Callable[[int], bytes], count: int) -> None:
        """Put newer pages in, and make the copy `count` pages long; on disk when it returns."""
        if not count:
            return
        if count > len(self.sums):
            self.sums.extend([0] * (count - len(self.sums)))
        for number in sorted(numbers):
            if number <= count:
                data = page(number)
                os.pwrite(self._file, data, (number - 1) * self.page_size)
                self.sums[number - 1] = zlib.crc32(data)
        del self.sums[count:]
        os.ftruncate(self._file, count * self.page_size)
        os.fdatasync(self._file)

    def lacks(self, numbers: Iterable[int], page: Callable[[int], bytes], count: int) -> bool:
        """Whether `apply` would change anything."""
        return count != len(self.sums) or any(
            zlib.crc32(page(number)) != self.sums[number - 1] for number in numbers if number <= count
        )

    def save(self, closed: bytes = b"") -> None:
        """Write the checksums."""
        table = self.sums.tobytes()
        self.closed = closed
        fresh = self._sums_path.with_name(f"{self._sums_path.name}.new")
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(_HEAD.pack(_MARK, self.page_size, len(self.sums), closed, zlib.crc32(table)) + table)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._sums_path)
        sync(fresh.parent)

    def differing(self, exempt: Collection[int], start: int = 0, stop: int | None = None) -> set[int]:
        """Numbers of the database's pages behind `start` that are not what their checksums say, but for `exempt`."""
        stop = len(self.sums) if stop is None else min(stop, len(self.sums))
        found = set()
        for first in range(start, stop, BLOCK_PAGES):
            many = min(BLOCK_PAGES, stop - first)
            block = self._original.read(many * self.page_size, first * self.page_size)
            for index in range(many):
                at = index * self.page_size
                if zlib.crc32(block[at : at + self.page_size]) != self.sums[first + index]:
                    found.add(first + index + 1)
        return found.difference(exempt)

    def put_into(self, fresh: Path) -> int:
        """Write the whole database into `fresh`, on disk; where the copy is itself damaged, the database has the page.

        Returns how many pages neither has.
        """
        neither = 0
        with fresh.open("wb", buffering=1 << 20) as target:
            os.fchmod(target.fileno(), 0o600)
            for index, told in enumerate(self.sums):
                at = index * self.page_size
                page = os.pread(self._file, self.page_size, at)
                if zlib.crc32(page) != told:
                    mine = self._original.read(self.page_size, at)
                    sound = zlib.crc32(mine) == told
                    neither += not sound
                    page = mine if sound or len(page) < self.page_size else page
                target.write(page.ljust(self.page_size, b"\0"))
            target.flush()
            os.fsync(target.fileno())
        return neither

    def refresh(self, exempt: Collection[int]) -> int:
        """Look through the copy itself; what is damaged in it is taken from the database. How many pages were."""
        mended = 0
        for index, told in enumerate(self.sums):
            at = index * self.page_size
            if index + 1 in exempt or zlib.crc32(os.pread(self._file, self.page_size, at)) == told:
                continue
            page = self._original.read(self.page_size, at)
            if zlib.crc32(page) == told:
                os.pwrite(self._file, page, at)
                mended += 1
        if mended:
            os.fdatasync(self._file)
        return mended

    def drop(self) -> None:
        """There is no copy any more that could be trusted."""
        self._shut()
        self.there = False
        self._sums_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files, once nobody in this process has the database open."""
        self._shut()
        self._original.close()

    def __del__(self) -> None:
        self._shut()

    def _shut(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
