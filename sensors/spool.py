"""Messages on disk until the hub has acknowledged them.

SQLite in its own thread. Bounded by bytes and by age: what no longer fits is dropped oldest first, telemetry before
detections, and every drop is counted, also over a restart. A detection is synced to disk before `put` returns;
telemetry
survives a crash of the agent but a power cut may take the last moments of it, which spares the flash of a small box.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
import structlog

from sensors.protocol import AnyMessage, Detection

Lane = Literal["detection", "telemetry"]
LANES: Final[tuple[Lane, Lane]] = ("detection", "telemetry")

DAY_S: Final = 86_400.0
DEFAULT_MAX_BYTES: Final = 64 * 2**20
"""About 300,000 messages: a day of one-second sound levels three times over."""
DEFAULT_MAX_AGE_S: Final = 6.5 * DAY_S
"""Below the hub's own limit of seven days (`hub.ingest`), so that nothing is sent only to be refused as too old."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, lane INTEGER NOT NULL, kept_us INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS message_by_lane ON message (lane, sequence);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
MEMORY_MESSAGES: Final = 1_000
"""Messages of each lane that are kept in memory while the disk refuses."""
_OVERHEAD: Final = 48
"""Bytes that a row and its index entry take beside the body."""

T = TypeVar("T")
log = structlog.get_logger()
_encoder: Final = msgspec.msgpack.Encoder()


class SpoolError(Exception):
    """The spool can't keep a message (disk full, read-only, gone); `code` is stable."""

    def __init__(self, path: str, code: str, reason: str) -> None:
        self.path = path
        self.code = code
        super().__init__(f"spool {path}: {reason}; free some space or give the agent another folder")


@dataclass(frozen=True, slots=True)
class Spooled:
    """One kept message: `body` is its MessagePack."""

    sequence: int
    lane: Lane
    body: bytes


@dataclass(frozen=True, slots=True)
class SpoolCounts:
    """What is waiting (messages, bytes) and what was lost so far, by reason."""

    waiting: dict[Lane, int]
    waiting_bytes: int
    dropped: dict[Lane, int]
    refused: int
    fault: str = ""
    """Code of the disk's fault while messages are kept in memory only; empty while the disk keeps them."""

    @property
    def depth(self) -> int:
        """Messages waiting."""
        return sum(self.waiting.values())

    @property
    def dropped_total(self) -> int:
        """Messages that were never delivered because they no longer fitted or were too old."""
        return sum(self.dropped.values())


def lane_of(message: AnyMessage) -> Lane:
    """Detections have their own lane: they leave first and are dropped last."""
    return "detection" if isinstance(message, Detection) else "telemetry"


class Spool:
    """A bounded queue on disk; `path` is a file or `:memory:`.

    `max_bytes` bounds the messages with their overhead (the file itself is a little larger), `max_age_s` their time
    in the spool by
    `now_us`, which counts from the start of the agent's machine or process only where its clock is wrong.
    """

    def __init__(
        self,
        path: Path | str,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age_s: float = DEFAULT_MAX_AGE_S,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        if max_bytes < 4_096 or max_age_s <= 0:
            raise ValueError("a spool needs at least 4,096 bytes and a positive age")
        self._path = str(path)
        self._max_bytes = max_bytes
        self._max_age_us = int(max_age_s * 1e6)
        self._now_us = now_us
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._database: sqlite3.Connection | None = None
        self._bytes = 0
        self._waiting: dict[Lane, int] = {"detection": 0, "telemetry": 0}
        self._dropped: dict[Lane, int] = {"detection": 0, "telemetry": 0}
        self._refused = 0
        self._fault = ""
        self._memory: dict[Lane, deque[Spooled]] = {lane: deque() for lane in LANES}
        self._memory_sequence = 0
        self._empty = asyncio.Event()
        self._arrived: dict[Lane, asyncio.Event] = {lane: asyncio.Event() for lane in LANES}

    async def put(self, message: AnyMessage) -> None:
        """Keep `message`; returns once it is on disk, or in memory where the disk refuses (`SpoolCounts.fault`
        tells)."""
        lane = lane_of(message)
        body = _encoder.encode(message)
        try:
            await self._call(self._insert, lane, body)
            self._fault = ""
        except SpoolError as error:
            if error.code != self._fault:
                log.error("spool_failing", path=error.path, code=error.code, reason=str(error))
            self._fault = error.code
            self._overflow(lane, body)
        self._arrived[lane].set()

    def _overflow(self, lane: Lane, body: bytes) -> None:
        """Without a disk the last messages are still sent from memory; they are lost only with the process."""
        self._memory_sequence -= 1
        self._memory[lane].append(Spooled(self._memory_sequence, lane, body))
        if len(self._memory[lane]) > MEMORY_MESSAGES:
            self._memory[lane].popleft()
            self._dropped[lane] += 1

    async def take(self, lane: Lane, limit: int, max_bytes: int = 2**20) -> list[Spooled]:
        """The oldest messages of `lane`, at most `limit` and `max_bytes` together (but one at least); they stay until
        `done`."""
        if self._memory[lane]:
            return list(itertools.islice(self._memory[lane], limit))
        return await self._call(self._select, lane, limit, max_bytes)

    async def arrival(self, lane: Lane) -> None:
        """Wait until `lane` holds a message."""
        await self._call(self._open)
        event = self._arrived[lane]
        if not self._waiting[lane] and not self._memory[lane]:
            event.clear()
            await event.wait()

    async def emptied(self) -> None:
        """Wait until nothing is left: everything was delivered, refused or dropped."""
        await self._call(self._open)
        if any(self._waiting.values()) or any(self._memory.values()):
            self._empty.clear()
            await self._empty.wait()

    async def done(self, kept: list[Spooled], *, refused: int = 0) -> None:
        """Forget messages that the hub has acknowledged, `refused` of them because it refused them."""
        for item in kept:
            if item.sequence < 0 and item in self._memory[item.lane]:
                self._memory[item.lane].remove(item)
        await self._call(self._delete, [item for item in kept if item.sequence > 0], refused)
        if not any(self._waiting.values()) and not any(self._memory.values()):
            self._empty.set()

    async def counts(self) -> SpoolCounts:
        """What waits and what was lost."""
        return await self._call(self._counts)

    async def aclose(self) -> None:
        """Close the file; what waits is there at the next start."""
        await self._call(self._close)
        self._executor.shutdown(wait=False)  # it is idle: closing was its last work

    async def _call(self, function: Callable[..., T], *arguments: object) -> T:
        def guarded() -> T:
            try:
                self._open()
                return function(*arguments)
            except sqlite3.Error as error:
                self._rollback()
                name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
                raise SpoolError(self._path, name.lower().replace("sqlite", "spool"), str(error)) from error

        return await asyncio.get_running_loop().run_in_executor(self._executor, guarded)

    # What follows runs in the spool's thread only.

    def _open(self) -> None:
        if self._database is not None:
            return
        if self._path != ":memory:":
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        try:
            database = self._connect()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") not in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
                raise
            self._put_aside(error)
            database = self._connect()
        self._database = database
        size = f"count(*), coalesce(sum(length(body) + {_OVERHEAD}), 0)"
        self._bytes = 0
        for number, lane in enumerate(LANES):
            count, total = database.execute(f"SELECT {size} FROM message WHERE lane = ?", (number,)).fetchone()
            self._waiting[lane] = count
            self._bytes += total
        counters = dict(database.execute("SELECT name, value FROM counter"))
        self._dropped = {lane: counters.get(f"dropped_{lane}", 0) for lane in LANES}
        self._refused = counters.get("refused", 0)

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _put_aside(self, error: sqlite3.Error) -> None:
        """A spool that can't be read must not keep the sensor silent: it is kept beside, and a new one begins."""
        aside = Path(f"{self._path}.broken-{self._now_us()}")
        Path(self._path).rename(aside)
        for ending in ("-wal", "-shm"):
            Path(self._path + ending).unlink(missing_ok=True)
        log.error("spool_broken", path=self._path, kept_as=str(aside), reason=str(error))

    def _rollback(self) -> None:
        if self._database is not None and self._database.in_transaction:
            self._database.rollback()

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._database is not None
        return self._database

    def _insert(self, lane: Lane, body: bytes) -> None:
        now = self._now_us()
        self._db.execute("PRAGMA synchronous = " + ("FULL" if lane == "detection" else "NORMAL"))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO message (lane, kept_us, body) VALUES (?, ?, ?)", (LANES.index(lane), now, body))
        added = len(body) + _OVERHEAD
        freed, dropped = self._drop(now, self._bytes + added - self._max_bytes)
        self._db.execute("COMMIT")
        self._bytes += added - freed
        self._waiting[lane] += 1
        for name, count in dropped.items():
            self._waiting[name] -= count
            self._dropped[name] += count

    def _drop(self, now_us: int, excess: int) -> tuple[int, dict[Lane, int]]:
        """Delete what is too old, then the oldest until `excess` bytes are free; the bytes freed and the counts."""
        rows = f"SELECT sequence, kept_us, length(body) + {_OVERHEAD} FROM message WHERE lane = ? ORDER BY sequence"
        limit = now_us - self._max_age_us
        victims: dict[int, Lane] = {}
        freed = 0
        for by_age in (True, False):
            for lane in reversed(LANES):
                for sequence, kept_us, size in self._db.execute(rows, (LANES.index(lane),)):
                    if (kept_us >= limit) if by_age else (freed >= excess):
                        break
                    if sequence not in victims:
                        victims[sequence] = lane
                        freed += size
        dropped: dict[Lane, int] = {}
        for lane in victims.values():
            dropped[lane] = dropped.get(lane, 0) + 1
        self._db.executemany("DELETE FROM message WHERE sequence = ?", [(sequence,) for sequence in victims])
        for lane, count in dropped.items():
            self._count(f"dropped_{lane}", count)
        return freed, dropped

    def _count(self, name: str, amount: int) -> None:
        self._db.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, amount),
        )

    def _select(self, lane: Lane, limit: int, max_bytes: int) -> list[Spooled]:
        taken: list[Spooled] = []
        total = 0
        for sequence, body in self._db.execute(
            "SELECT sequence, body FROM message WHERE lane = ? ORDER BY sequence LIMIT ?", (LANES.index(lane), limit)
        ):
            total += len(body)
            if taken and total > max_bytes:
                break
            taken.append(Spooled(sequence, lane, body))
        return taken

    def _delete(self, kept: list[Spooled], refused: int) -> None:
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        deleted: dict[Lane, int] = {}
        freed = 0
        for item in kept:
            # A row may have been dropped while it was on its way; only what is still there counts.
            if self._db.execute("DELETE FROM message WHERE sequence = ?", (item.sequence,)).rowcount:
                deleted[item.lane] = deleted.get(item.lane, 0) + 1
                freed += len(item.body) + _OVERHEAD
        if refused:
            self._count("refused", refused)
        self._db.execute("COMMIT")
        self._bytes -= freed
        self._refused += refused
        for lane, count in deleted.items():
            self._waiting[lane] -= count

    def _counts(self) -> SpoolCounts:
        waiting = {lane: self._waiting[lane] + len(self._memory[lane]) for lane in LANES}
        return SpoolCounts(waiting, self._bytes, dict(self._dropped), self._refused, self._fault)

    def _close(self) -> None:
        self._db.close()
        self._database = None
