"""The line to NATS: opened, opened again with back-off, and every publish answered or failed, never left hanging.

What was on its way when the line broke fails at once with `log_away`; whether it was stored is not known, and the
sender's repeat finds out by the message's id.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from hub.log.interface import LogUnavailable
from hub.log.stream_config import StreamConfig

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

ANSWER_S: Final = 5.0
"""A server that answers nothing for so long is away, whatever the line looks like."""
PING_S: Final = 2
PAUSES_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Back-off of the reconnection, each with up to half as much again; a hub on trial must find a new leader in time."""
RETRY_AFTER_S: Final = 2.0

log = structlog.get_logger()


def away(reason: str) -> LogUnavailable:
    """The error while the server can't be reached."""
    return LogUnavailable("log_away", reason, RETRY_AFTER_S)


NO_ROOM: Final = frozenset({10_023, 10_047, 10_077})
"""JetStream's error codes for: insufficient resources, no storage left, the stream is full."""


class ApiError(RuntimeError):
    """What JetStream answered instead: `number` is its error code, such as 10059 for no such stream."""

    def __init__(self, number: int, description: str) -> None:
        self.number = number
        super().__init__(f"{description} ({number})")

    def fault(self) -> LogUnavailable:
        """The same as callers of a log see it."""
        return LogUnavailable("log_disk_full" if self.number in NO_ROOM else "log_failing", f"JetStream: {self}")


class Line:
    """One connection to the servers of `config`. Open it with `await Line.open(config)`."""

    def __init__(self, config: StreamConfig) -> None:
        self._config = config
        self._client: Client | None = None
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._tokens = itertools.count()
        self._inbox = ""
        self._failures = 0
        self.on_break: set[Callable[[], None]] = set()
        """Called where the line breaks: whoever waits for more need not wait for a time-out."""

    @classmethod
    async def open(cls, config: StreamConfig, within_s: float) -> Line:
        """Connect; LogUnavailable where no server answers `within_s`, or lets us in."""
        line = cls(config)
        try:
            async with asyncio.timeout(within_s):
                await line._connect()
        except TimeoutError:
            await line.aclose()
            raise away(f"no answer of {config.url} within {within_s:g} s") from None
        except LogUnavailable:
            await line.aclose()
            raise
        return line

    @property
    def connected(self) -> bool:
        """True while the server is there."""
        return self._client is not None and self._client.is_connected

    @property
    def in_flight(self) -> int:
        """Publishes that wait for their answer."""
        return len(self._waiting)

    @property
    def client(self) -> Client:
        """The client, for subscriptions."""
        assert self._client is not None, "the line was opened"
        return self._client

    async def _connect(self) -> None:
        from nats.aio.client import Client

        config = self._config

        def prepare() -> tuple[dict[str, Any], ssl.SSLContext | None]:
            who: dict[str, Any] = {}
            if config.password_file is not None:
                who = {"user": config.username, "password": config.password_file.read_text().strip()}
            secure = config.ca_file is not None or any(one.startswith("tls://") for one in config.servers)
            return who, ssl.create_default_context(cafile=config.ca_file) if secure else None

        try:
            who, tls = await asyncio.to_thread(prepare)
        except OSError as error:
            raise LogUnavailable("log_refused", f"a file of the log's configuration can't be read: {error}") from error
        refused = asyncio.Event()

        async def failed(error: Exception) -> None:
            # What else goes wrong is told by `_lost` and by who asked.
            if "authorization" in str(error).lower():
                refused.set()

        self._client = Client()
        connecting = asyncio.ensure_future(
            self._client.connect(
                config.servers,
                name="tocsin-hub",
                connect_timeout=2,
                reconnect_time_wait=1,
                max_reconnect_attempts=-1,
                reconnect_to_server_handler=self._next_server,
                ping_interval=PING_S,
                max_outstanding_pings=2,
                pending_size=0,
                error_cb=failed,
                disconnected_cb=self._lost,
                reconnected_cb=self._back,
                tls=tls,
                **who,
            )
        )
        refusing = asyncio.ensure_future(refused.wait())
        try:
            await asyncio.wait((connecting, refusing), return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise LogUnavailable("log_refused", "the server does not let this hub in")
            await connecting
        finally:
            refusing.cancel()
            connecting.cancel()
            await asyncio.gather(refusing, connecting, return_exceptions=True)
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._answered)

    def _next_server(self, servers: list[Any], _info: Mapping[str, Any]) -> tuple[Any, float]:
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        server = servers[self._failures % len(servers)]
        self._failures += 1
        return server, pause_s * random.uniform(1.0, 1.5)

    async def _lost(self) -> None:
        if self._client is not None and not self._client.is_closed:
            log.warning("log_away", url=self._config.url)
        self._fail_all("the line to the server broke")
        for tell in list(self.on_break):
            tell()

    async def _back(self) -> None:
        self._failures = 0
        log.info("log_back", url=self._config.url)

    def _fail_all(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(away(reason))

    async def _answered(self, message: Msg) -> None:
        future = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if future is not None and not future.done():
            if message.headers and message.headers.get("Status") == "503":
                future.set_exception(away("no server keeps the stream now"))
            else:
                future.set_result(message.data)

    async def publish(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> asyncio.Future[bytes]:
        """Send; the future gives the answer's body, or LogUnavailable. LogUnavailable at once while away."""
        import nats.errors

        if not self.connected:
            raise away("the server is away")
        token = str(next(self._tokens))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        # Answered, failed or given up: it no longer counts as on its way.
        future.add_done_callback(lambda _: self._waiting.pop(token, None))
        try:
            await self.client.publish(subject, body, reply=f"{self._inbox}.{token}", headers=headers)
        except (nats.errors.Error, OSError) as error:
            future.cancel()
            raise away(str(error)) from error
        return future

    async def ask(self, subject: str, question: object = None) -> dict[str, Any]:
        """Ask JetStream's own interface; ApiError for a refusal, LogUnavailable while away."""
        body = b"" if question is None else msgspec.json.encode(question)
        return answer_of(await published(self, f"$JS.API.{subject}", body))

    async def aclose(self) -> None:
        """Close; what still waits fails."""
        if self._client is not None:
            await self._client.close()
            # A connection that the server refused, or that was given up half-way, is not closed by the client.
            if (transport := self._client._transport) is not None:
                transport.close()  # type: ignore[no-untyped-call]
        self._fail_all("the hub is stopping")


async def published(line: Line, subject: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Send and wait for the answer; LogUnavailable where none comes."""
    future = await line.publish(subject, body, headers)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await future
    except TimeoutError:
        raise away(f"no answer within {ANSWER_S:g} s") from None


def answer_of(raw: bytes) -> dict[str, Any]:
    """JetStream's answer; ApiError where it refused."""
    answer: dict[str, Any] = msgspec.json.decode(raw)
    if error := answer.get("error"):
        raise ApiError(int(error.get("err_code", 0)), str(error.get("description", "")))
    return answer
