"""Keeps the second copy beside a database that runs: after each commit, at each checkpoint, and when it is idle."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from hub.salvage import is_sound
from hub.twin.copy import Copy, Kept
from hub.twin.tail import Tail
from hub.twin.wal import HEADER, SALTS, Head, committed, empty

CHECKPOINT_BYTES: Final = 16 * 2**20
"""So much of SQLite's log is gathered before it is copied into both files: fewer, longer copies."""
SLICE_PAGES: Final = 4_096
"""Pages that are looked through at a time, while commits wait: 16 MiB, some ten milliseconds."""
NONE: Final = "there is no second copy"
_TRIES: Final = 5

log = structlog.get_logger()


class Twin:
    """The second copy of the SQLite database `path` (WAL, no automatic checkpoints). Any thread; everything blocks.

    Several processes may share it; those that only `follow` join in where there is a copy. A disk that refuses the
    copy costs the copy, never the commit: `fault` then says why, and it is made anew by the next `look`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._index = Kept(path.with_name(f"{path.name}-shm"))
        self._copy = Copy(path)
        self._tail = Tail(path.with_name(f"{path.name}-tail"))
        self._lock = Lock()
        self._stamp: tuple[int, int, bytes] | None = None
        self._checkpointed = 0
        self._behind = False
        self.fault = NONE

    def open(self) -> None:
        """Begin, and make the copy where there is none; the database is open, and nothing writes to it yet."""
        with self._lock:
            self._stamp = None
            try:
                with self._shared():
                    if self.fault:
                        self._build()
                    self._follow()
            except OSError as error:
                self._lose(error)

    def follow(self) -> bool:
        """After a commit, before it is acknowledged: keep what it wrote. True where a checkpoint is due."""
        with self._lock:
            if self._stamp is None and not self._copy.there_is():
                return False
            try:
                with self._shared():
                    if not self.fault:
                        self._follow()
                self._behind = False
            except OSError as error:
                # SQLite's own log has it, and the next commit tries again.
                self._behind = True
                log.warning("second_copy_behind", path=str(self._path), reason=error.strerror or str(error))
            return self._grown()

    def checkpoint(self) -> None:
        """Bring both files up to what is committed, the copy first. sqlite3.Error where the database refuses."""
        with self._lock, contextlib.closing(sqlite3.connect(self._path, timeout=5.0)) as database:
            try:
                with self._shared():
                    if not self.fault:
                        self._follow()
                        self._apply()
                    database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    if not self.fault:
                        self._copy.save()
            except OSError as error:
                self._lose(error)
                database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            head = committed(self._index.read)
            self._checkpointed = head.end if head else 0

    def close(self) -> None:
        """Close the files, once nobody in this process has the database open."""
        with self._lock:
            if not self.fault and not self._wal.exists():
                with contextlib.suppress(OSError), self._shared():
                    self._leave_empty_log()
            self._copy.close()
            self._tail.close()
            self._index.close()
            self._stamp, self.fault = None, NONE

    def look(self) -> bool:
        """Compare the whole file and SQLite's log with the copy; False where the file was damaged.

        A damaged page of the copy is taken from the file. A copy that was lost is made anew.
        """
        if not self.fault and (damaged := self._damaged()):
            log.error("database_damaged", path=str(self._path), pages=len(damaged))
            return False
        if self.fault and not is_sound(self._path):
            return False
        with self._lock:
            try:
                with self._shared():
                    if self.fault:
                        self._build()
                        self._follow()
                    elif mended := self._copy.refresh(self._tail.pages):
                        log.warning("second_copy_mended", path=str(self._copy.path), pages=mended)
            except OSError as error:
                self._lose(error)
        return True

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        """Alone with the files, and knowing what another process did to them."""
        with self._tail.held():
            if self._stamp != self._tail.stamp():
                self._tail.load()
                self.fault = "" if self._copy.load() else NONE
            try:
                yield
            finally:
                self._stamp = self._tail.stamp()

    def _damaged(self) -> set[int]:
        with self._lock, self._shared():
            self._follow()
            if not self._same_log():
                return {0}
        found: set[int] = set()
        for start in range(0, len(self._copy.sums), SLICE_PAGES):
            with self._lock, self._shared():
                found |= self._copy.differing(self._tail.pages, start, start + SLICE_PAGES)
        return found

    def _same_log(self) -> bool:
        """Whether SQLite's log is, byte for byte, what was committed to it."""
        head = committed(self._index.read)
        if head is None or head.salts != self._tail.salts:
            return True
        with self._wal.open("rb", buffering=0) as file:
            return all(os.pread(file.fileno(), len(body), place) == body for place, body in self._tail.records())

    def _follow(self) -> None:
        for _ in range(_TRIES):
            head = committed(self._index.read)
            if head is None or not head.frames:
                return
            if head.salts != self._tail.salts:
                self._begin_anew()
            if head.page_size != self._copy.page_size:
                raise OSError(0, f"pages of {head.page_size} bytes, the copy has {self._copy.page_size}")
            if head.end <= self._tail.end or self._take(head):
                return
        raise OSError(0, "SQLite's log begins anew all the time")

    def _begin_anew(self) -> None:
        """SQLite began its log anew: all of the former one is in its file, and must be in the copy."""
        if self._behind:
            self._build()
        elif self._tail.fresh:
            self._apply()
            self._copy.save()
        self._tail.begin_anew()
        self._checkpointed = 0

    def _take(self, head: Head) -> bool:
        """Keep the bytes of SQLite's log up to `head`; False where it began anew meanwhile."""
        place = self._tail.end
        with self._wal.open("rb", buffering=0) as file:
            body = os.pread(file.fileno(), head.end - place, place)
        again = committed(self._index.read)
        stays = again is not None and again.salts == head.salts and len(body) == head.end - place
        if not stays or (place == 0 and (len(body) < HEADER or body[SALTS] != head.salts)):
            return False
        self._tail.append(head.salts, head.page_size, place, body)
        return True

    def _apply(self) -> None:
        if self._tail.fresh:
            self._copy.apply(self._tail.fresh, self._tail.page, self._tail.count)
            self._tail.fresh.clear()

    def _build(self) -> None:
        """Copy the file as it lies there; what SQLite's log holds beyond it, from its first frame on, follows."""
        self._tail.clear()
        self._copy.build()
        self.fault = ""
        self._behind = False

    def _lose(self, error: OSError) -> None:
        self.fault = error.strerror or str(error)
        log.error("second_copy_lost", path=str(self._copy.path), reason=self.fault)
        with contextlib.suppress(OSError):
            self._copy.drop()

    def _leave_empty_log(self) -> None:
        """SQLite deleted its log when it closed: an empty one, which goes when anybody else closes the database, tells
        the next start that nobody did."""
        salts = os.urandom(8)
        self._copy.save(salts)
        with self._wal.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(empty(salts, self._copy.page_size))
            file.flush()
            os.fsync(file.fileno())

    def _grown(self) -> bool:
        head = committed(self._index.read)
        end = head.end if head else 0
        if end < self._checkpointed:
            self._checkpointed = 0
        return end - self._checkpointed >= CHECKPOINT_BYTES
