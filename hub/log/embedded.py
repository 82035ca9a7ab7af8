"""The embedded log: a SQLite file of its own (WAL, `synchronous=FULL`), one writer with group commit, tail in
memory."""

from __future__ import annotations

import asyncio
import bisect
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from hub.log.interface import AppendResult, Entry, LogFull, LogHealth, LogUnavailable, Retention
from hub.log.reading import encoder, open_readonly, page
from hub.log.writer import Append, Commit, Job, Purge, Writer, fault_of
from hub.salvage import is_damage
from hub.twin import Mended
from sensors.protocol import AnyMessage, Detection

MAX_QUEUED: Final = 20_000
"""Messages that may wait for the disk: some 20 MB, and two seconds of the fastest a single hub takes in."""
TAIL: Final = 4_096
"""Newest entries that are kept decoded, so that a consumer that keeps up never touches the disk."""
FULL_RETRY_S: Final = 1.0
UNKNOWN: Final = 2**62
"""Behind every position: until the tail is known again, everything is read from the file."""

T = TypeVar("T")
J = TypeVar("J", Append, Commit, Purge)


class EmbeddedLog:
    """The log of a hub without a server beside it. Make it with `await EmbeddedLog.open(path)`."""

    def __init__(
        self, path: Path, *, max_queued: int, now_us: Callable[[], int], mended: Callable[[Mended], None]
    ) -> None:
        self._path = path
        self._max_queued = max_queued
        self._now_us = now_us
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(path, self._settled, mended)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="log-reader")
        self._reader: sqlite3.Connection | None = None
        self._reads = 0
        """The generation of the file that the reader has open."""
        self._queued = 0
        self._appended = 0
        self._last = 0
        self._tail: list[Entry] = []
        self._tail_after = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        max_queued: int = MAX_QUEUED,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        mended: Callable[[Mended], None] = lambda _: None,
    ) -> EmbeddedLog:
        """Open or make the log at `path`; LogUnavailable where that can't be.

        `now_us` is the hub's UTC clock; `mended` is told, in another thread, of each damage that was mended.
        """
        log = cls(path, max_queued=max_queued, now_us=now_us, mended=mended)
        log._writer.start()
        try:
            await log._do(lambda settle: Append((), (), settle))
        except LogUnavailable:
            await log.aclose()
            raise
        log._last = log._tail_after = log._writer.last_position
        return log

    async def append(self, messages: Sequence[AnyMessage]) -> AppendResult:
        """Keep `messages`; returns once they are synced to disk. LogFull or LogUnavailable where they are not."""
        count = len(messages)
        if self._queued + count > self._max_queued and self._queued:
            raise LogFull(self._queued, FULL_RETRY_S)
        now = self._now_us()
        encode = encoder.encode
        rows = [
            (message.id.bytes, now, 0 if isinstance(message, Detection) else 1, encode(message)) for message in messages
        ]
        self._queued += count
        try:
            job = await self._do(lambda settle: Append(messages, rows, settle))
        finally:
            self._queued -= count
        accepted = count - job.positions.count(0)
        self._appended += accepted
        return AppendResult(accepted, count - accepted)

    async def read(self, after: int, limit: int = 1_000) -> list[Entry]:
        """The entries behind position `after`, in order, `limit` at most."""
        if after >= self._tail_after:
            start = bisect.bisect_right(self._tail, after, key=_position)
            return self._tail[start : start + limit]
        return await self._read(lambda database: page(database, after, limit))

    async def wait(self, after: int) -> None:
        """Return once there is an entry behind position `after`."""
        while self._last <= after:
            if self._closed:
                raise LogUnavailable("log_closed", "the hub is stopping")
            future: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(future)
            await future

    async def commit(self, consumer: str, position: int) -> None:
        """`consumer` is done with everything up to `position`; a lower one than before changes nothing. Durable."""
        await self._do(lambda settle: Commit(consumer, position, settle))

    async def committed(self, consumer: str) -> int:
        """The position that `consumer` has committed; 0 where it never did."""

        def look(database: sqlite3.Connection) -> int:
            found = database.execute("SELECT position FROM consumer WHERE name = ?", (consumer,)).fetchone()
            return int(found[0]) if found else 0

        return await self._read(look)

    async def forget(self, consumer: str) -> None:
        """`consumer` is gone: it no longer holds back `purge`."""
        await self._do(lambda settle: Commit(consumer, None, settle))

    async def purge(self, keep: Retention) -> int:
        """Delete what is older than `keep` and behind every consumer; how many messages went."""
        now = self._now_us()
        deleted = (await self._do(lambda settle: Purge(keep, now, settle))).deleted
        if deleted:
            # The decoded tail may hold what is gone; reading starts from the file again.
            self._tail, self._tail_after = [], UNKNOWN
        return deleted

    def health(self) -> LogHealth:
        """The state of the log at this moment; never blocks."""
        writer = self._writer
        return LogHealth(
            self._last, self._queued, self._appended, writer.groups, writer.fault, writer.lost, not writer.twin.fault
        )

    async def scrub(self) -> bool:
        """Read the whole file; where a page is damaged it is mended from the second copy, and False returned."""
        if await self._loop.run_in_executor(None, self._writer.twin.look):
            return True
        await self._mend()
        return False

    async def _mend(self) -> None:
        self._writer.damaged = True
        await self._do(lambda settle: Append((), (), settle))
        # What the tail holds is sound; what lies before it is read from the new file.

    async def aclose(self) -> None:
        """Finish what is queued and close; who still waits for an entry gets LogUnavailable `log_closed`."""
        if self._closed:
            return
        self._closed = True
        # First, so that the writer is the last to close the file and leaves it and its copy as equals.
        await self._loop.run_in_executor(self._readers, self._close_reader)
        stopped: asyncio.Future[None] = self._loop.create_future()
        self._writer.stop(lambda: stopped.set_result(None))
        await stopped
        self._wake()
        await self._loop.run_in_executor(self._readers, self._close_reader)
        self._readers.shutdown(wait=False)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def _do(self, make: Callable[[Callable[[], None]], J]) -> J:
        if self._closed:
            raise LogUnavailable("log_closed", "the hub is stopping")
        done: asyncio.Future[None] = self._loop.create_future()
        job = make(lambda: None if done.done() else done.set_result(None))
        self._writer.put(job)
        await done
        if job.error is not None:
            raise job.error
        return job

    async def _read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        def work() -> T:
            try:
                if self._reader is not None and self._reads != self._writer.generation:
                    self._reader.close()
                    self._reader = None
                if self._reader is None:
                    self._reads = self._writer.generation
                    self._reader = open_readonly(self._path)
                return function(self._reader)
            except sqlite3.Error as error:
                raise fault_of(error) from error
            except msgspec.MsgspecError as error:
                raise LogUnavailable("log_damaged", str(error)) from error

        try:
            return await self._loop.run_in_executor(self._readers, work)
        except LogUnavailable as fault:
            if fault.code != "log_damaged" or not is_damage(fault.__cause__):
                raise
            await self._mend()
            return await self._loop.run_in_executor(self._readers, work)

    def _settled(self, jobs: list[Job]) -> None:
        """In the writer's thread: hand the group back to the loop."""
        self._loop.call_soon_threadsafe(self._finish, jobs)

    def _finish(self, jobs: list[Job]) -> None:
        for job in jobs:
            if isinstance(job, Append):
                self._remember(job)
            job.settle()
        self._wake()

    def _remember(self, job: Append) -> None:
        """Put what is new into the tail, which holds everything behind `_tail_after`.

        After a fault it is not known what reached the file: the tail begins anew with the next append that succeeds.
        """
        if job.error is not None:
            self._tail, self._tail_after = [], UNKNOWN
            return
        for position, message, row in zip(job.positions, job.messages, job.rows, strict=True):
            if position:
                if self._tail_after == UNKNOWN:
                    self._tail_after = position - 1
                self._tail.append(Entry(position, row[1], message))
                self._last = position
        if len(self._tail) > 2 * TAIL:
            self._tail_after = self._tail[-TAIL - 1].position
            self._tail = self._tail[-TAIL:]

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


def _position(entry: Entry) -> int:
    return entry.position


async def open_log(data_dir: Path, mended: Callable[[Mended], None] = lambda _: None) -> EmbeddedLog:
    """The log in `data_dir`, which is made where it is missing; LogUnavailable where that can't be.

    `mended` is told, in another thread, of each damage that was mended.
    """
    try:
        await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnavailable("log_cannot_open", f"{data_dir}: {error.strerror}") from error
    return await EmbeddedLog.open(data_dir / "log.sqlite", mended=mended)
