"""Receivers as real HTTP servers that behave as they are told, and a store with a confirmed incident."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook as Reference

from hub.incident import Incident
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Store, migrate, open_engine

NOW_US = 1_790_000_001_000_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Receiver:
    """A receiver: `behave` answers each request; `got` are verified messages by the order of arrival."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    behave: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    async def until(self, count: int) -> None:
        """Return once `count` requests came."""
        async with asyncio.timeout(30):
            while len(self.got) < count:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port that verifies each message with the reference library."""
    one = Receiver()

    async def take(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        Reference(SECRET).verify(body, headers, json_parse=False)
        one.got.append((headers, body))
        one.news.set()
        return await one.behave(request) if one.behave else web.Response(text="thanks")

    app = web.Application()
    app.router.add_post("/hook", take)
    server = TestServer(app)
    await server.start_server()
    one.url = str(server.make_url("/hook"))
    yield one
    await server.close()


@pytest.fixture
def endpoint(receiver: Receiver) -> Endpoint:
    """The receiver as an endpoint named `police`."""
    return Endpoint(name="police", url=receiver.url, secret=SECRET, allow_private=("127.0.0.1",))


@pytest.fixture
async def make_store(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Store]]]:
    """`await make_store(endpoints)`: a store on a new SQLite file."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    await migrate(url)
    engines = []

    async def make(endpoints: Any = (), **options: Any) -> Store:
        engine = open_engine(url)
        engines.append(engine)
        return Store(engine, endpoints, **options)

    yield make
    for engine in engines:
        await engine.dispose()


@pytest.fixture
def confirm(make_incident: Callable[..., Incident]) -> Callable[..., Awaitable[Incident]]:
    """`await confirm(store, name)`: save an incident and let a person confirm it."""

    async def act(store: Store, name: str = "first", **changes: Any) -> Incident:
        incident = make_incident(name, **changes)
        await store.save([incident], NOW_US)
        await store.decide(incident.id, Decision("Claire", "confirm", "", NOW_US, incident.revision))
        return incident

    return act
