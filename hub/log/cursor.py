"""Reads a stream in order from one place: a consumer that JetStream forgets by itself, asked page by page.

Nothing is pushed that was not asked for, so a slow reader never makes the server or this process hold more than a page.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec import Struct

from hub.log.interface import Entry, LogUnavailable
from hub.log.line import ANSWER_S, ApiError, Line, away
from sensors.protocol import AnyMessage

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

GONE_S: Final = 30
"""A consumer that nobody asks for so long is removed by the server."""
_NS: Final = 1_000_000_000

log = structlog.get_logger()


class Kept(Struct, frozen=True, array_like=True, gc=False):
    """What stands in the stream: the hub's clock at the arrival, and the message."""

    received_us: int
    message: AnyMessage


encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(Kept)
_stamp: Final = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])


def received_of(body: bytes) -> int:
    """When the hub received an entry."""
    return _stamp.decode(body)[0]


class Cursor:
    """One place in a stream. Open it with `await Cursor.open(line, stream, after)`; close it."""

    def __init__(self, line: Line, stream: str, after: int) -> None:
        self._line = line
        self._stream = stream
        self._name = ""
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._got: list[Entry] = []
        self._heard = asyncio.Event()
        self._numbers = itertools.count()
        self._asked = ""
        self._left = 0
        """Messages that the open request may still bring."""
        self._drained = False
        """The newest message that came was the last of the stream."""
        self._broken = False
        self.after = after
        self.unreadable = 0
        """Entries that this version could not decode."""

    @classmethod
    async def open(cls, line: Line, stream: str, after: int) -> Cursor:
        """A cursor behind position `after`. LogUnavailable while the server is away, ApiError where it refuses."""
        cursor = cls(line, stream, after)
        consumer = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": GONE_S * _NS,
            "mem_storage": True,
            "num_replicas": 1,
        }
        line.on_break.add(cursor._break)
        try:
            made = await line.ask(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": consumer})
        except (ApiError, LogUnavailable):
            line.on_break.discard(cursor._break)
            raise
        cursor._name = made["name"]
        cursor._inbox = line.client.new_inbox()
        cursor._subscription = await line.client.subscribe(f"{cursor._inbox}.*", cb=cursor._hear)
        return cursor

    def _break(self) -> None:
        self._broken = True
        self._heard.set()

    async def _hear(self, message: Msg) -> None:
        if not message.reply:
            # A status ends the request that it answers: no more messages, or its time is over.
            if message.subject == self._asked:
                self._left = 0
                self._heard.set()
            return
        # $JS.ACK.STREAM.CONSUMER.DELIVERED.POSITION.CONSUMER'S.TIME.PENDING
        position, pending = (int(message.reply.split(".")[at]) for at in (5, 8))
        try:
            kept = _decoder.decode(message.data)
            self._got.append(Entry(position, kept.received_us, kept.message))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self.unreadable += 1
            log.error("log_entry_unreadable", position=position, reason=str(error))
        self.after = position
        self._left -= 1
        self._drained = pending == 0
        self._heard.set()

    async def page(self, limit: int) -> list[Entry]:
        """What is there now, `limit` at most; empty at the end. LogUnavailable where the server falls silent."""
        await self._ask({"batch": limit, "no_wait": True})
        while self._left > 0 and not self._drained and not self._broken:
            await self._more(ANSWER_S)
        return self._take()

    async def follow(self, limit: int, wait_s: float) -> list[Entry]:
        """What is there, or the next that comes within `wait_s`; empty where none does."""
        if not self._got:
            if self._left <= 0:
                await self._ask({"batch": limit, "expires": int(wait_s * _NS)})
            await self._more(wait_s + ANSWER_S)
        return self._take()

    def _take(self) -> list[Entry]:
        got, self._got = self._got, []
        return got

    async def _ask(self, what: dict[str, int | bool]) -> None:
        if self._broken or not self._line.connected:
            raise away("the server is away")
        self._left, self._drained = int(what["batch"]), False
        self._asked = f"{self._inbox}.{next(self._numbers)}"
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._line.client.publish(subject, msgspec.json.encode(what), reply=self._asked)

    async def _more(self, within_s: float) -> None:
        self._heard.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._heard.wait()
        except TimeoutError:
            raise away(f"the stream fell silent for {within_s:g} s") from None
        if self._broken and not self._got:
            raise away("the line to the server broke")

    async def close(self) -> None:
        """Stop hearing; the server forgets the consumer."""
        self._line.on_break.discard(self._break)
        if self._subscription is not None and not self._line.client.is_closed:
            await self._subscription.unsubscribe()
            if self._line.connected:
                await self._line.client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")
