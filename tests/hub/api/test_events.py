"""Live events: a listener hears each change once in its newest form, and one that comes back misses nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hub.incident import Incident
from hub.keys import STORE

GunshotMaker = Callable[..., Incident]


async def _save(hub: Any, *incidents: Incident) -> None:
    await hub.app[STORE].save(incidents, 1_795_000_002_000_000)


@asynccontextmanager
async def listening(client: Any, after: int | None = None) -> AsyncIterator[Callable[[str], Any]]:
    headers = {"Last-Event-ID": str(after)} if after is not None else {}
    async with client.get("/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"

        async def next_of(kind: str) -> tuple[int | None, dict[str, Any]]:
            async with asyncio.timeout(10):
                while True:
                    block = (await answer.content.readuntil(b"\n\n")).decode()
                    fields = dict(line.split(": ", 1) for line in block.strip().splitlines())
                    if fields.get("event") == kind:
                        return int(fields["id"]) if "id" in fields else None, json.loads(fields["data"])

        yield next_of


async def test_a_new_incident_is_heard_at_once(hub: Any, gunshot: GunshotMaker) -> None:
    client = await hub.session("operator")
    async with listening(client) as next_of:
        await next_of("status")
        await _save(hub, gunshot())
        _, view = await next_of("incident")
        assert view["event"] == "gunshot"
        await _save(hub, gunshot(revision=2, probability=0.97))
        _, view = await next_of("incident")
        assert view["revision"] == 2


async def test_a_listener_that_comes_back_misses_nothing(hub: Any, gunshot: GunshotMaker) -> None:
    client = await hub.session("operator")
    async with listening(client) as next_of:
        await next_of("status")
        await _save(hub, gunshot(1))
        last, _ = await next_of("incident")
    await _save(hub, gunshot(2))
    await _save(hub, gunshot(3))
    async with listening(client, after=last) as next_of:
        heard = [(await next_of("incident"))[1]["id"][-1] for _ in range(2)]
    assert heard == ["2", "3"]


async def test_a_wrong_place_to_resume_from_is_said(hub: Any) -> None:
    client = await hub.session("operator")
    async with client.get("/api/v1/events", headers={"Last-Event-ID": "x"}) as answer:
        assert answer.status == 400
