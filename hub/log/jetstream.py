"""The log of several hubs: a JetStream stream on disk, acknowledged once the stream has acknowledged it.

A detection has a subject of its own, `STREAM.log.d.SENSOR.ID`, on which the stream takes one message ever: a repeat is
known for as long as the detection is kept, on whichever hub it arrives and however often a server restarted between.
Telemetry shares `STREAM.log.t.SENSOR`; a repeat of it is known for `DUPLICATES_S`.

**What an acknowledgement is worth.** The server writes a message to its file before it acknowledges it, so it survives
`kill -9` of hub and server. It is synced to the disk every `sync_interval` (two minutes unless set; `always` with
nats-server 2.10 and newer, 2.9 can't be told): until then a loss of **power** may take it, except where `replicas` is 3
on machines that do not lose power together. compose.yaml sets `sync_interval: always`.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from hub.log.cursor import Cursor, encoder, received_of
from hub.log.interface import AppendResult, Entry, LogFull, LogHealth, LogUnavailable, Retention
from hub.log.line import ANSWER_S, ApiError, Line, answer_of, away
from hub.log.positions import NO_MESSAGE, OTHERS_WROTE, Positions
from hub.log.stream_config import StreamConfig
from hub.tasks import within
from sensors.protocol import AnyMessage, Detection

OPEN_S: Final = 15.0
"""How long a start waits for the server."""
MAX_IN_FLIGHT: Final = 20_000
FULL_RETRY_S: Final = 1.0
DUPLICATES_S: Final = 120
TAIL: Final = 4_096
"""Newest entries that are kept decoded for the consumers of this hub."""
PAGE: Final = 1_000
FOLLOW_S: Final = 2.0
PAUSE_S: Final = 0.25
BEHIND_S: Final = 2.0
"""A read waits so long for what this hub itself appended to come back."""
CURSORS: Final = 4
_NS: Final = 1_000_000_000

log = structlog.get_logger()


class JetStreamLog:
    """The log on the servers of `config`. Make it with `await JetStreamLog.open(config)`."""

    def __init__(self, line: Line, config: StreamConfig, max_in_flight: int, now_us: Callable[[], int]) -> None:
        self._line = line
        self._stream = config.stream
        self._max_in_flight = max_in_flight
        self._now_us = now_us
        self._positions = Positions(line, config.stream)
        self._fault = ""
        self._appended = 0
        self._groups = 0
        self._unreadable = 0
        self._own = 0
        """The newest position that this hub appended."""
        self._last = 0
        self._tail: list[Entry] = []
        self._tail_after: int | None = None
        """The tail holds everything behind this position; None until somebody reads."""
        self._cursors: dict[int, Cursor] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._follower: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        config: StreamConfig,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        within_s: float = OPEN_S,
    ) -> JetStreamLog:
        """Connect and make the streams where they are missing; LogUnavailable where that can't be.

        `now_us` is the hub's UTC clock.
        """
        line = await Line.open(config, within_s)
        event_log = cls(line, config, max_in_flight, now_us)
        try:
            await event_log._make(config)
        except ApiError as error:
            await line.aclose()
            raise LogUnavailable("log_refused", f"JetStream: {error}") from error
        except LogUnavailable:
            await line.aclose()
            raise
        return event_log

    async def _make(self, config: StreamConfig) -> None:
        shared = {
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": config.replicas,
            "allow_direct": True,
        }
        kept = {
            "name": self._stream,
            "subjects": [f"{self._stream}.log.>"],
            # No limit of the stream's own: nats-server 2.9 enforces `max_bytes` by dropping the oldest, also with
            # `discard: new`. The server's `max_file_store` refuses, as it should.
            "max_bytes": -1,
            "max_msgs": -1,
            "max_age": 0,
            "duplicate_window": DUPLICATES_S * _NS,
        }
        places = {
            "name": self._positions.stream,
            "subjects": [f"{self._stream}.position.*"],
            "max_msgs_per_subject": 1,
            # The newest position replaces the one before.
            "discard": "old",
        }
        for stream in ({**shared, **kept}, {**shared, **places}):
            name = stream["name"]
            try:
                found = await self._line.ask(f"STREAM.INFO.{name}")
            except ApiError:
                # Several hubs may start at once: making the same stream again is no error.
                found = await self._line.ask(f"STREAM.CREATE.{name}", stream)
            if any(found["config"].get(key) != value for key, value in stream.items()):
                found = await self._line.ask(f"STREAM.UPDATE.{name}", {**found["config"], **stream})
            if name == self._stream:
                self._last = int(found["state"]["last_seq"])

    async def append(self, messages: Sequence[AnyMessage]) -> AppendResult:
        """Keep `messages`; returns once the stream has acknowledged every one.

        LogFull, or LogUnavailable: then some may be kept all the same, and the sender's repeat changes nothing.
        """
        self._check()
        waiting = self._line.in_flight
        if waiting and waiting + len(messages) > self._max_in_flight:
            raise LogFull(waiting, FULL_RETRY_S)
        now = self._now_us()
        futures: list[asyncio.Future[bytes]] = []
        try:
            for message in messages:
                futures.append(await self._publish(message, now))
            async with asyncio.timeout(ANSWER_S):
                answers = [await future for future in futures]
            accepted = sum([self._accepted(answer) for answer in answers])
        except TimeoutError:
            self._fault = "log_away"
            raise away(f"no acknowledgement within {ANSWER_S:g} s") from None
        except LogUnavailable as fault:
            self._fault = fault.code
            raise
        finally:
            for future in futures:
                if future.done() and not future.cancelled():
                    future.exception()  # seen: the first one was raised
                else:
                    future.cancel()
        self._fault = ""
        self._groups += 1
        self._appended += accepted
        return AppendResult(accepted, len(messages) - accepted)

    async def _publish(self, message: AnyMessage, now_us: int) -> asyncio.Future[bytes]:
        headers = {"Nats-Msg-Id": message.id.hex}
        if isinstance(message, Detection):
            subject = f"{self._stream}.log.d.{message.sensor}.{message.id.hex}"
            headers["Nats-Expected-Last-Subject-Sequence"] = "0"
        else:
            subject = f"{self._stream}.log.t.{message.sensor}"
        return await self._line.publish(subject, encoder.encode((now_us, message)), headers)

    def _accepted(self, answer: bytes) -> bool:
        """True where the stream took it, False for a repeat."""
        try:
            said = answer_of(answer)
        except ApiError as error:
            if error.number == OTHERS_WROTE:
                return False
            raise error.fault() from error
        if said.get("duplicate"):
            return False
        self._own = max(self._own, int(said["seq"]))
        return True

    async def read(self, after: int, limit: int = 1_000) -> list[Entry]:
        """The entries behind position `after`, in order, `limit` at most."""
        self._check()
        self._follow()
        if self._tail_after is None or after < self._tail_after:
            return await self._page(after, limit)
        if self._tail_last < self._own:
            # What this hub appended is in the stream, and on its way back.
            await within(BEHIND_S, self._reached(self._own))
        if self._tail_after is None or after < self._tail_after or self._tail_last < self._own:
            return await self._page(after, limit)
        start = bisect.bisect_right(self._tail, after, key=_position)
        return self._tail[start : start + limit]

    @property
    def _tail_last(self) -> int:
        return self._tail[-1].position if self._tail else self._tail_after or 0

    async def _page(self, after: int, limit: int) -> list[Entry]:
        """From the stream itself; the cursor stays for whoever reads on."""
        cursor = self._cursors.pop(after, None)
        try:
            if cursor is None:
                cursor = await Cursor.open(self._line, self._stream, after)
            before = cursor.unreadable
            entries = await cursor.page(limit)
        except ApiError as error:
            raise error.fault() from error
        except LogUnavailable:
            if cursor is not None:
                await cursor.close()
            raise
        self._unreadable += cursor.unreadable - before
        if len(entries) < limit or len(self._cursors) >= CURSORS:
            await cursor.close()
        else:
            self._cursors[cursor.after] = cursor
        return entries

    async def wait(self, after: int) -> None:
        """Return once there is an entry behind position `after`."""
        self._follow()
        await self._reached(after + 1)

    async def _reached(self, position: int) -> None:
        while self._last < position:
            if self._closed:
                raise LogUnavailable("log_closed", "the hub is stopping")
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _follow(self) -> None:
        if self._follower is None and not self._closed:
            self._follower = asyncio.create_task(self._keep_tail(), name="log tail")

    async def _keep_tail(self) -> None:
        """Hold the newest entries, whoever appended them, for as long as the log is open."""
        after = self._last
        while True:
            cursor: Cursor | None = None
            try:
                cursor = await Cursor.open(self._line, self._stream, after)
                if self._tail_after is None:
                    self._tail, self._tail_after = [], after
                while True:
                    before = cursor.unreadable
                    entries = await cursor.follow(PAGE, FOLLOW_S)
                    self._unreadable += cursor.unreadable - before
                    self._remember(entries)
                    after = max(after, cursor.after)
                    self._fault = "" if self._fault == "log_away" else self._fault
            except (LogUnavailable, ApiError) as fault:
                self._fault = self._fault or getattr(fault, "code", "log_failing")
                log.warning("log_tail_broke", reason=str(fault))
                await asyncio.sleep(PAUSE_S)
            finally:
                if cursor is not None:
                    await cursor.close()

    def _remember(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._tail += entries
        self._last = max(self._last, entries[-1].position)
        if len(self._tail) > 2 * TAIL:
            self._tail_after = self._tail[-TAIL - 1].position
            self._tail = self._tail[-TAIL:]
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def commit(self, consumer: str, position: int) -> None:
        """`consumer` is done with everything up to `position`; a lower one than before changes nothing. Durable."""
        self._check()
        with _plain_faults():
            await self._positions.commit(consumer, position)

    async def committed(self, consumer: str) -> int:
        """The position that `consumer` has committed; 0 where it never did."""
        self._check()
        with _plain_faults():
            return await self._positions.of(consumer)

    async def forget(self, consumer: str) -> None:
        """`consumer` is gone: it no longer holds back `purge`."""
        self._check()
        with _plain_faults():
            await self._positions.forget(consumer)

    async def purge(self, keep: Retention) -> int:
        """Delete what is older than `keep` and behind every consumer; how many messages went."""
        self._check()
        now = self._now_us()
        deleted = 0
        with _plain_faults():
            limit = await self._positions.lowest()
            for kind, seconds in (("t", keep.telemetry_s), ("d", keep.detections_s)):
                subject = f"{self._stream}.log.{kind}.>"
                end = min(limit + 1, await self._first_since(subject, now - int(seconds * 1e6)))
                if end > 1:
                    gone = await self._line.ask(f"STREAM.PURGE.{self._stream}", {"filter": subject, "seq": end})
                    deleted += int(gone["purged"])
        if deleted:
            # The decoded tail may hold what is gone; what it had is read from the stream again.
            self._tail, self._tail_after = [], max(self._last, self._own)
        return deleted

    async def _first_since(self, subject: str, since_us: int) -> int:
        """Position of the first entry of `subject` received at `since_us` or later: the hub's clock rises with it."""
        state = (await self._line.ask(f"STREAM.INFO.{self._stream}"))["state"]
        low, high = int(state["first_seq"]), int(state["last_seq"]) + 1
        while low < high:
            middle = (low + high) // 2
            found = await self._next(subject, middle)
            if found is None or found[1] >= since_us:
                high = middle
            else:
                low = found[0] + 1
        return high

    async def _next(self, subject: str, position: int) -> tuple[int, int] | None:
        """Position and arrival of the first entry of `subject` at `position` or behind it."""
        try:
            found = await self._line.ask(f"STREAM.MSG.GET.{self._stream}", {"seq": position, "next_by_subj": subject})
        except ApiError as error:
            if error.number == NO_MESSAGE:
                return None
            raise
        message = found["message"]
        return int(message["seq"]), received_of(b64decode(message["data"]))

    async def scrub(self) -> bool:
        """JetStream checks what it reads by itself; this asks whether the stream answers, and whole."""
        self._check()
        with _plain_faults():
            await self._line.ask(f"STREAM.INFO.{self._stream}")
        return True

    def health(self) -> LogHealth:
        """The state of the log at this moment; never blocks."""
        fault = self._fault if self._line.connected else "log_away"
        newest = max(self._last, self._own)
        return LogHealth(newest, self._line.in_flight, self._appended, self._groups, fault, self._unreadable)

    def _check(self) -> None:
        if self._closed:
            raise LogUnavailable("log_closed", "the hub is stopping")

    async def aclose(self) -> None:
        """Finish what is queued and close; who still waits for an entry gets LogUnavailable `log_closed`."""
        if self._closed:
            return
        self._closed = True
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        await self._line.aclose()


@contextlib.contextmanager
def _plain_faults() -> Iterator[None]:
    """A refusal of JetStream as the interface's own error."""
    try:
        yield
    except ApiError as error:
        raise error.fault() from error


def _position(entry: Entry) -> int:
    return entry.position
