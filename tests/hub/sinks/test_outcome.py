"""A receiver reports what its people found: signed, once, and only about what it was sent to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks.webhooks import Webhook as Reference

from hub.config import HubConfig
from hub.incident import Incident
from hub.keys import CONFIG, STORE
from hub.problem import problems
from hub.sinks.endpoints import Endpoint
from hub.sinks.outcome import add_routes
from hub.store import Store


@pytest.fixture
async def served(
    endpoint: Endpoint, make_store: Callable[..., Awaitable[Store]]
) -> AsyncIterator[tuple[TestClient[Any, Any], Store]]:
    app = web.Application(middlewares=[problems])
    app[CONFIG] = HubConfig(webhooks=(endpoint,))
    app[STORE] = await make_store([endpoint])
    add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client, app[STORE]


def signed(secret: str, body: str, message_id: str = "report-1", moment: datetime | None = None) -> dict[str, str]:
    moment = moment or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Reference(secret).sign(message_id, moment, body),
    }


async def test_a_signed_report_is_kept_once(
    served: tuple[Any, Store], endpoint: Endpoint, confirm: Callable[..., Awaitable[Incident]]
) -> None:
    client, store = served
    incident = await confirm(store)
    body = json.dumps({"incident": str(incident.id), "outcome": "real", "minutes": 25, "reference": "2026-118"})
    for taken in ("new", "repeated", "repeated"):
        answer = await client.post("/api/v1/outcomes/police", data=body, headers=signed(endpoint.secret, body))
        assert (answer.status, await answer.json()) == (200, {"taken": taken})
    stored = await store.incident(incident.id)
    assert stored is not None
    (outcome,) = stored.outcomes
    assert (outcome.outcome, outcome.minutes, outcome.reference) == ("real", 25.0, "2026-118")


async def test_a_known_id_cannot_say_something_else(
    served: tuple[Any, Store], endpoint: Endpoint, confirm: Callable[..., Awaitable[Incident]]
) -> None:
    client, store = served
    incident = await confirm(store)
    for outcome, status in (("real", 200), ("not_real", 409)):
        body = json.dumps({"incident": str(incident.id), "outcome": outcome})
        answer = await client.post("/api/v1/outcomes/police", data=body, headers=signed(endpoint.secret, body))
        assert answer.status == status
    assert (await answer.json())["code"] == "webhook_id_reused"


async def test_a_report_about_something_else_is_refused(served: tuple[Any, Store], endpoint: Endpoint) -> None:
    client, _ = served
    body = json.dumps({"incident": str(uuid4()), "outcome": "real"})
    answer = await client.post("/api/v1/outcomes/police", data=body, headers=signed(endpoint.secret, body))
    assert (answer.status, (await answer.json())["code"]) == (404, "incident_not_dispatched")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"incident": "x", "outcome": "real"}',
        '{"incident": "018f0000-0000-7000-8000-000000000000", "outcome": "maybe"}',
        '{"incident": "018f0000-0000-7000-8000-000000000000", "outcome": "real", "minutes": -1}',
        '{"incident": "018f0000-0000-7000-8000-000000000000", "outcome": "real", "minutes": 1e999}',
        '{"incident": "018f0000-0000-7000-8000-000000000000", "outcome": "real", "photo": "x"}',
    ],
)
async def test_a_report_that_says_nothing_usable_is_refused(
    served: tuple[Any, Store], endpoint: Endpoint, body: str
) -> None:
    client, _ = served
    answer = await client.post("/api/v1/outcomes/police", data=body, headers=signed(endpoint.secret, body))
    assert (answer.status, (await answer.json())["code"]) == (422, "outcome_invalid")


async def test_who_did_not_sign_is_refused_alike(
    served: tuple[Any, Store], endpoint: Endpoint, confirm: Callable[..., Awaitable[Incident]]
) -> None:
    client, store = served
    incident = await confirm(store)
    body = json.dumps({"incident": str(incident.id), "outcome": "real"})
    other = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    right = signed(endpoint.secret, body)
    old = signed(endpoint.secret, body, moment=datetime.now(UTC) - timedelta(minutes=6))
    for path, headers, sent in (
        ("police", signed(other, body), body),
        ("nobody", right, body),
        ("police", right, body + " "),
        ("police", {**right, "webhook-id": "report-2"}, body),
        ("police", old, body),
        ("police", {}, body),
        ("police", {**right, "webhook-id": "x" * 300}, body),
    ):
        answer = await client.post(f"/api/v1/outcomes/{path}", data=sent, headers=headers)
        assert answer.status == 401
    stored = await store.incident(incident.id)
    assert stored is not None
    assert stored.outcomes == ()


async def test_an_oversized_report_is_refused(served: tuple[Any, Store]) -> None:
    client, _ = served
    answer = await client.post("/api/v1/outcomes/police", data=b"x" * 20_000)
    assert (answer.status, (await answer.json())["code"]) == (413, "outcome_too_large")
