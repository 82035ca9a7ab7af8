"""Leases as a hub gives them: to whom, for how long, and how soon a stop is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from hub.keys import GATE
from sensors.identity import authority_of


async def ask(hub: Any, identity: Any = None, **query: str) -> tuple[int, dict[str, Any]]:
    headers = (identity or hub.identity).sign(
        method="GET", authority=authority_of(hub.url), path="/api/v1/lease", content_type="application/msgpack",
        body=b"", created_s=int(time.time()),
    )  # fmt: skip
    async with hub.session.get(hub.url.with_path("/api/v1/lease").with_query(query), headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_an_enrolled_sensor_gets_a_lease_with_its_length_its_mode_and_its_classes(hub: Any) -> None:
    status, lease = await ask(hub)
    assert status == 200
    assert (lease["granted"], lease["seconds"], lease["mode"]) == (True, 30.0, "dispatch")
    assert "gunshot" in lease["classes"]


async def test_a_stranger_and_a_revoked_sensor_get_none(hub: Any) -> None:
    async with hub.session.get(hub.url.with_path("/api/v1/lease")) as answer:
        assert answer.status == 401
    await hub.registry.revoke("mic-1", 1_790_000_000_000_000, "stolen")
    status, problem = await ask(hub)
    assert (status, problem["code"]) == (403, "sensor_revoked")


@pytest.mark.parametrize(("stopped", "granted"), [("*", False), ("mic-1", False), ("mic-2", True), ("gunshot", True)])
async def test_what_people_stopped_gets_no_lease(hub: Any, stopped: str, granted: bool) -> None:
    hub.app[GATE].suspend([stopped])
    _, lease = await ask(hub)
    assert lease["granted"] is granted
    assert granted or (lease["code"], lease["seconds"], lease["mode"]) == ("LEGAL_SUSPENDED", 0.0, "off")
    assert (stopped == "gunshot") == (granted and "gunshot" not in lease["classes"])


async def test_every_answer_of_intake_carries_the_lease(hub: Any, detection: Callable[..., Any]) -> None:
    assert (await hub.send([detection()])).body["lease"]["granted"] is True
    hub.app[GATE].suspend(["*"])
    answer = await hub.send([detection()])
    assert answer.status == 422
    assert (answer.body["lease"]["granted"], answer.body["lease"]["code"]) == (False, "LEGAL_SUSPENDED")


async def test_a_microphone_gets_none_where_the_profile_knows_no_sound(
    start_hub: Callable[..., Any], tmp_path: Any
) -> None:
    async with start_hub(tmp_path, profile="statistics-only") as hub:
        _, lease = await ask(hub)
        assert lease["granted"] is False
        assert lease["code"].startswith("LEGAL_")


async def test_a_request_that_waits_is_answered_as_soon_as_people_stop_it(hub: Any) -> None:
    _, lease = await ask(hub)
    waiting = asyncio.create_task(ask(hub, wait="20", known=lease["tag"]))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    hub.app[GATE].suspend(["*"])
    _, told = await asyncio.wait_for(waiting, 5)
    assert told["granted"] is False


async def test_a_newer_request_of_the_same_sensor_lets_the_older_go(hub: Any) -> None:
    _, lease = await ask(hub)
    older = asyncio.create_task(ask(hub, wait="20", known=lease["tag"]))
    await asyncio.sleep(0.2)
    newer = asyncio.create_task(ask(hub, wait="20", known=lease["tag"]))
    assert (await asyncio.wait_for(older, 5))[1]["granted"] is True
    assert not newer.done()
    hub.app[GATE].suspend(["*"])
    assert (await asyncio.wait_for(newer, 5))[1]["granted"] is False


@pytest.mark.parametrize("wait", ["soon", "1e3", "-", "9" * 5_000])
async def test_a_wait_that_is_no_number_is_refused(hub: Any, wait: str) -> None:
    status, problem = await ask(hub, wait=wait)
    assert (status, problem["code"]) == (400, "query_invalid")


async def test_a_lease_is_not_asked_twice_with_one_signature(hub: Any) -> None:
    headers = hub.identity.sign(
        method="GET", authority=authority_of(hub.url), path="/api/v1/lease", content_type="application/msgpack",
        body=b"", created_s=int(time.time()), nonce="once",
    )  # fmt: skip
    session: aiohttp.ClientSession = hub.session
    statuses = []
    for _ in range(2):
        async with session.get(hub.url.with_path("/api/v1/lease"), headers=headers) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 401]
