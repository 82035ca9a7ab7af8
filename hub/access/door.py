"""Connections: how many at once, how many from one address, and how long a head or an answer may stand still."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from hub.access.address import Network, within
from hub.config import Limits

STILL_MS: Final = 30_000
"""A peer that takes nothing of an answer for this long is cut off (TCP_USER_TIMEOUT)."""


@dataclass(slots=True)
class Door:
    """Counts the connections; `turned_away` is how many were closed at once, `malformed` how many spoke no HTTP."""

    limits: Limits
    trusted: Sequence[Network] = ()
    open: int = 0
    turned_away: int = 0
    malformed: int = 0
    by_address: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str) -> bool:
        """Let one connection in; False where there are too many. The proxies in front may hold any number."""
        crowded = self.by_address[address] >= self.limits.connections_per_address and not within(address, self.trusted)
        if self.open >= self.limits.connections or crowded:
            self.turned_away += 1
            return False
        self.open += 1
        self.by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One connection has ended."""
        self.open -= 1
        self.by_address[address] -= 1
        if self.by_address[address] <= 0:
            del self.by_address[address]


DOOR: Final = web.AppKey("door", Door)


class _Visitor(web.RequestHandler):
    """One connection."""

    __slots__ = ("_address", "_door", "_inside")

    def __init__(self, door: Door, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._door = door
        self._address = ""
        self._inside = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else "local"
        self._inside = self._door.enter(self._address)
        super().connection_made(transport)
        if not self._inside:
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        raw = transport.get_extra_info("socket")
        if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STILL_MS)

    def log_exception(self, *arguments: Any, **options: Any) -> None:
        """Bytes that are no HTTP are counted; a stranger must not fill the log with them."""
        if isinstance(options.get("exc_info"), HttpProcessingError):
            self._door.malformed += 1
            return
        super().log_exception(*arguments, **options)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._inside:
            self._inside = False
            self._door.leave(self._address)


class DoorSite(web.BaseSite):
    """Listens on `host` and `port` and lets in whom the door lets in."""

    __slots__ = ("_door", "_host", "_options", "_port")

    def __init__(
        self,
        runner: web.AppRunner,
        door: Door,
        host: str,
        port: int,
        *,
        ssl_context: SSLContext | None = None,
        **options: Any,
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context)
        self._door = door
        self._host = host
        self._port = port
        self._options = options

    @property
    def name(self) -> str:
        """What it is called in logs."""
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Begin to listen. OSError where the address is taken."""
        await super().start()
        loop = asyncio.get_running_loop()
        server = self._runner.server
        assert server is not None

        def visitor() -> _Visitor:
            return _Visitor(
                self._door,
                server,
                loop=loop,
                keepalive_timeout=self._door.limits.idle_s,
                max_headers=64,
                **self._options,
            )

        tls: dict[str, Any] = {}
        if self._ssl_context is not None:
            tls = {"ssl": self._ssl_context, "ssl_handshake_timeout": self._door.limits.idle_s}
        self._server = await loop.create_server(visitor, self._host, self._port, backlog=512, **tls)
