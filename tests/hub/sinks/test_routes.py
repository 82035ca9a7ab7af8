"""Supervisors look at messages, replay dead letters, send a test and read the precision."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.config import HubConfig
from hub.incident import Incident
from hub.keys import CONFIG, OUTBOX, STORE
from hub.problem import problems
from hub.sinks.endpoints import Endpoint
from hub.sinks.outbox import OutboxWorker
from hub.sinks.routes import add_routes
from hub.store import Store

Served = tuple[TestClient[Any, Any], Store]


@pytest.fixture
async def served(endpoint: Endpoint, make_store: Callable[..., Awaitable[Store]]) -> AsyncIterator[Served]:
    app = web.Application(middlewares=[problems])
    app[CONFIG] = HubConfig(webhooks=(endpoint,))
    app[STORE] = store = await make_store([endpoint])
    app[OUTBOX] = OutboxWorker(store, [endpoint])
    add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client, store


async def test_a_dead_letter_is_listed_and_replayed(
    served: Served, confirm: Callable[..., Awaitable[Incident]]
) -> None:
    client, store = served
    incident = await confirm(store)
    outbox = client.server.app[OUTBOX].outbox  # type: ignore[attr-defined]
    assert await outbox.bury_orphans([]) == 1
    (dead,) = (await (await client.get("/api/v1/outbox?state=dead")).json())["messages"]
    assert (dead["kind"], dead["incident"], dead["error"]) == ("dispatch", str(incident.id), "endpoint_removed")
    assert (await client.post(f"/api/v1/outbox/{dead['sequence']}/replay")).status == 200
    (row,) = await outbox.rows("pending")
    assert row.notice.message_id == dead["message_id"]
    for number in (dead["sequence"], "999", "x", "9" * 30, "-1"):
        assert (await client.post(f"/api/v1/outbox/{number}/replay")).status == 404


async def test_a_test_message_goes_to_a_known_webhook_only(served: Served) -> None:
    client, _ = served
    assert (await client.post("/api/v1/webhooks/nobody/test")).status == 404
    answer = await client.post("/api/v1/webhooks/police/test")
    (row,) = (await (await client.get("/api/v1/outbox")).json())["messages"]
    assert (row["kind"], row["message_id"]) == ("test", (await answer.json())["message_id"])
    enabled = await (await client.post("/api/v1/webhooks/police/enable")).json()
    assert enabled == {"name": "police", "enabled": False}


async def test_the_precision_of_nothing_has_no_ratio(served: Served) -> None:
    client, _ = served
    report = await (await client.get("/api/v1/quality?days=7")).json()
    assert (report["days"], report["overall"]["all"], report["overall"]["real_of_all"]) == (7, 0, None)
    assert (await (await client.get("/api/v1/deliveries")).json()) == {"deliveries": []}


@pytest.mark.parametrize("path", ["outbox?state=lost", "outbox?limit=0", "outbox?limit=١", "quality?days=x"])
async def test_a_senseless_question_is_refused(served: Served, path: str) -> None:
    client, _ = served
    answer = await client.get(f"/api/v1/{path}")
    assert (answer.status, (await answer.json())["code"]) == (400, "query_invalid")
