"""The one thread that writes the log: everything that waits shares one transaction and one sync to disk."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import structlog

from hub.log.interface import LogUnavailable, Retention
from hub.salvage import SalvageFailed, is_damage
from hub.twin import Mended, Twin, heal
from sensors.protocol import AnyMessage

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, received_us INTEGER NOT NULL,
    telemetry INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS consumer (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
CHUNKS: Final = (512, 128, 32, 8, 1)
"""Rows in one statement. A statement for each row would take the interpreter's lock each time: with a busy event loop
beside it that made the writer forty times slower."""
GROUP_MESSAGES: Final = 4_096
"""One transaction takes this many messages at most, so that the first of them does not wait too long."""
PURGE_SLICE: Final = 2_000

Row = tuple[bytes, int, int, bytes]
"""id, received_us, telemetry (1) or detection (0), body."""

log = structlog.get_logger()


@dataclass(slots=True)
class Append:
    """Messages to keep with their rows; afterwards the position of each, 0 for a repeat."""

    messages: Sequence[AnyMessage]
    rows: Sequence[Row]
    settle: Callable[[], None]
    positions: Sequence[int] = ()
    error: LogUnavailable | None = None


@dataclass(slots=True)
class Commit:
    """A consumer's position to keep; None forgets the consumer."""

    consumer: str
    position: int | None
    settle: Callable[[], None]
    error: LogUnavailable | None = None


@dataclass(slots=True)
class Purge:
    """Retention to carry out now."""

    keep: Retention
    now_us: int
    settle: Callable[[], None]
    deleted: int = 0
    error: LogUnavailable | None = None


@dataclass(slots=True)
class _Stop:
    settle: Callable[[], None]
    error: LogUnavailable | None = None


Job = Append | Commit | Purge | _Stop


def connect(path: Path) -> sqlite3.Connection:
    """Open the log's file for writing, each commit synced to disk."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        # The second copy must have what a checkpoint puts into the file.
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("PRAGMA cache_size = -32768")
        database.executescript(SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def fault_of(error: Exception) -> LogUnavailable:
    """The error as callers see it, with a stable code."""
    if isinstance(error, SalvageFailed):
        return LogUnavailable("log_damaged", str(error))
    if isinstance(error, OSError):
        code = "log_disk_full" if error.errno == errno.ENOSPC else "log_disk_failing"
        return LogUnavailable(code, error.strerror or str(error))
    name: str = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    for start, code in (
        ("SQLITE_FULL", "log_disk_full"),
        ("SQLITE_READONLY", "log_read_only"),
        ("SQLITE_CANTOPEN", "log_cannot_open"),
        ("SQLITE_CORRUPT", "log_damaged"),
        ("SQLITE_NOTADB", "log_damaged"),
        ("SQLITE_BUSY", "log_locked"),
        ("SQLITE_IOERR", "log_disk_failing"),
    ):
        if name.startswith(start):
            return LogUnavailable(code, str(error))
    return LogUnavailable("log_failing", f"{name}: {error}")


class Writer:
    """Takes jobs from any thread and settles them in order, in its own thread.

    `settled` is called in the writer's thread with each group of finished jobs. A fault fails the group, and the file
    is opened anew
    for the next one, so that a disk that has room again needs no hand. A damaged file is mended where it is opened, and
    `mended` called in the writer's thread.
    """

    def __init__(
        self, path: Path, settled: Callable[[list[Job]], None], mended: Callable[[Mended], None] = lambda _: None
    ) -> None:
        self._path = path
        self._mended = mended
        self.twin = Twin(path)
        self._settled = settled
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._database: sqlite3.Connection | None = None
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self.last_position = 0
        self.groups = 0
        self.fault = ""
        self.damaged = False
        """Somebody saw that the file is damaged: it is closed and mended before the next group."""
        self.lost = 0
        """Rows that were lost with damaged pages since the start."""
        self.generation = 0
        """Counts the files: a reader that opened an older one has to open anew."""

    def start(self) -> None:
        """Begin; the first job opens the file."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue one job; never blocks."""
        self._queue.put(job)

    def stop(self, settle: Callable[[], None]) -> None:
        """Finish what is queued, close the file, then settle."""
        self._queue.put(_Stop(settle))

    def _run(self) -> None:
        while True:
            jobs = self._gather()
            try:
                self._group_on_sound_file(jobs)
                self.fault = ""
            except (sqlite3.Error, OSError, SalvageFailed) as error:
                self._fail(jobs, error)
            self._settled(jobs)
            if any(isinstance(job, _Stop) for job in jobs):
                return

    def _gather(self) -> list[Job]:
        jobs = [self._queue.get()]
        messages = 0
        with contextlib.suppress(Empty):
            while messages < GROUP_MESSAGES and not isinstance(jobs[-1], _Stop):
                if isinstance(jobs[-1], Append):
                    messages += len(jobs[-1].rows)
                jobs.append(self._queue.get_nowait())
        return jobs

    def _fail(self, jobs: list[Job], error: Exception) -> None:
        fault = fault_of(error)
        if fault.code != self.fault:
            log.error("log_unavailable", code=fault.code, path=str(self._path), reason=str(error))
        self.fault = fault.code
        for job in jobs:
            if isinstance(job, Append):
                job.positions = ()
            if not isinstance(job, _Stop):
                job.error = fault
        self._close()

    def _close(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _group_on_sound_file(self, jobs: list[Job]) -> None:
        """The group, and once more where its first try found a damaged page."""
        try:
            self._group(jobs)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.damaged = True
            self._group(jobs)

    def _group(self, jobs: list[Job]) -> None:
        if self.damaged:
            self._close()
        if self._database is None:
            self._database = self._open()
            self.last_position = self._newest(self._database)
        database = self._database
        appends = [job for job in jobs if isinstance(job, Append)]
        commits = [job for job in jobs if isinstance(job, Commit)]
        if appends or commits:
            database.execute("BEGIN IMMEDIATE")
            self._append(database, appends)
            for commit in commits:
                self._commit(database, commit)
            database.execute("COMMIT")
            self.groups += 1
            if self.twin.follow():
                self.twin.checkpoint()
        for job in jobs:
            if isinstance(job, Purge):
                self._purge(database, job)
            elif isinstance(job, _Stop):
                self.twin.checkpoint()
                self._close()
                self.twin.close()

    def _open(self) -> sqlite3.Connection:
        """The file, mended first where it is damaged; SalvageFailed for one that is perhaps no log at all."""
        done = heal(self._path, time.time_ns() // 1_000, thorough=self.damaged)
        self.generation += self.damaged
        self.damaged = False
        if done is not None:
            self.lost += done.lost
            self._mended(done)
        database = connect(self._path)
        self.twin.open()
        return database

    @staticmethod
    def _newest(database: sqlite3.Connection) -> int:
        found = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
        return int(found[0]) if found else 0

    def _append(self, database: sqlite3.Connection, appends: list[Append]) -> None:
        rows = [row for job in appends for row in job.rows]
        if not rows:
            return
        inserted = 0
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                values = [value for row in rows[start : start + size] for value in row]
                inserted += database.execute(_insert(size), values).rowcount
                start += size
        before = self.last_position
        if inserted == len(rows):
            # Nothing was a repeat: the positions are the last ones, without a gap.
            newest = self._newest(database)
            first = newest - len(rows) + 1
            for job in appends:
                job.positions = range(first, first + len(job.rows))
                first += len(job.rows)
        else:
            new = {
                key: at for at, key in database.execute("SELECT position, id FROM entry WHERE position > ?", (before,))
            }
            for job in appends:
                job.positions = [new.pop(row[0], 0) for row in job.rows]
        self.last_position = self._newest(database)

    @staticmethod
    def _commit(database: sqlite3.Connection, job: Commit) -> None:
        if job.position is None:
            database.execute("DELETE FROM consumer WHERE name = ?", (job.consumer,))
            return
        database.execute(
            "INSERT INTO consumer VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)",
            (job.consumer, job.position),
        )

    def _purge(self, database: sqlite3.Connection, job: Purge) -> None:
        telemetry_us = job.now_us - int(job.keep.telemetry_s * 1e6)
        detections_us = job.now_us - int(job.keep.detections_s * 1e6)
        (limit,) = database.execute("SELECT coalesce(min(position), 0) FROM consumer").fetchone()
        start, newest = database.execute(
            "SELECT coalesce(min(position), 0), coalesce(max(position), 0) FROM entry"
        ).fetchone()
        limit = min(limit, newest)
        while start <= limit:
            end = min(start + PURGE_SLICE - 1, limit)
            job.deleted += database.execute(
                "DELETE FROM entry WHERE position BETWEEN ? AND ?"
                " AND received_us < CASE telemetry WHEN 1 THEN ? ELSE ? END",
                (start, end, telemetry_us, detections_us),
            ).rowcount
            if self.twin.follow():
                self.twin.checkpoint()
            start = end + 1


_STATEMENTS: Final = {
    size: "INSERT OR IGNORE INTO entry (id, received_us, telemetry, body) VALUES " + ",".join(["(?,?,?,?)"] * size)
    for size in CHUNKS
}


def _insert(size: int) -> str:
    return _STATEMENTS[size]
