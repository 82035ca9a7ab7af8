"""Beside a sensor: how it was, who heard the clap, and what a microphone adds to what the street hears."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import uuid6

from hub.api.field import HISTORY, before_and_after
from hub.incident import Site
from hub.keys import LOG, REGISTRY, RUNNER
from hub.registry import SensorRecord
from hub.registry.history import Change, share_well
from sensors.protocol import Detection

HOUR_US = 3_600_000_000
PLACES = [(45.4361, 4.3780, 4.0), (45.4370, 4.3800, 4.0), (45.4355, 4.3810, 4.0)]
STREET = [*PLACES, (45.4350, 4.3795, 4.0), (45.4378, 4.3818, 4.0)]


def now_us() -> int:
    return time.time_ns() // 1_000


async def register(hub: Any) -> None:
    for number, (latitude, longitude, _) in enumerate(PLACES, 1):
        record = SensorRecord(id=f"mic-{number}", kind="microphone", latitude=latitude, longitude=longitude)
        await hub.app[REGISTRY].add(record)


def clap(sensor: str, onset_us: int) -> Detection:
    return Detection(
        id=UUID(bytes=uuid6.uuid7().bytes),
        sensor=sensor,
        sent=onset_us,
        event="loud_unknown",
        onset=onset_us,
        duration_s=0.1,
        score=0.4,
        clock_sigma_us=200,
        peak_db=101.0,
        snr_db=30.0,
        model="tocsin-acoustic@00000000",
    )


async def test_each_change_of_state_is_kept_once_and_over_a_restart(hub: Any) -> None:
    await register(hub)
    history = hub.app[HISTORY]
    overview = await hub.app[REGISTRY].overview(now_us())
    await history.look(overview, now_us())
    assert await history.look(overview, now_us()) == 0
    again = type(history)(history._engine)
    assert await again.look(overview, now_us()) == 0, "a new start goes on from what was written"
    client = await hub.session("technician")
    async with client.get("/api/v1/sensors/mic-1/history") as answer:
        told = await answer.json()
    assert [change["state"] for change in told["changes"]] == ["never"]
    assert told["well_week"] == 0.0
    async with client.get("/api/v1/sensors/nobody/history") as answer:
        assert answer.status == 404


def test_the_share_it_was_well_counts_only_what_is_known() -> None:
    now = 100 * HOUR_US
    changes = [Change(now - HOUR_US, "ok", ""), Change(now - 3 * HOUR_US, "lost", "silent")]
    assert share_well(changes, now - 2 * HOUR_US, now) == 0.5
    assert share_well(changes, now - 24 * HOUR_US, now) == 1 / 3
    assert share_well([], now - HOUR_US, now) is None
    assert share_well([Change(now - 9 * HOUR_US, "ok", "")], now - HOUR_US, now) == 1.0


async def test_a_clap_is_seen_by_the_sensor_and_its_neighbours(hub: Any) -> None:
    await register(hub)
    client = await hub.session("technician")
    before = now_us()
    await hub.app[LOG].append([clap("mic-1", before), clap("mic-2", before + 400_000)])
    told: dict[str, Any] = {"heard": []}
    while len(told["heard"]) < 2:
        async with client.get(f"/api/v1/sensors/mic-1/heard?since={before}&reason=maintenance") as answer:
            told = await answer.json()
    assert told["neighbours"] == 2
    assert {one["sensor"] for one in told["heard"]} == {"mic-1", "mic-2"}
    assert {one["peak_db"] for one in told["heard"]} == {101.0}
    async with client.get(f"/api/v1/sensors/mic-1/heard?since={now_us() + HOUR_US}&reason=maintenance") as answer:
        assert (await answer.json())["heard"] == []
    async with client.get("/api/v1/sensors/mic-1/heard?since=yesterday") as answer:
        assert answer.status == 400


async def test_the_clap_test_is_no_window_on_the_street(hub: Any) -> None:
    await register(hub)
    client = await hub.session("technician")
    hub.app[RUNNER].recent.append((now_us() - HOUR_US, clap("mic-1", now_us() - HOUR_US)))
    async with client.get("/api/v1/sensors/mic-1/heard?since=0") as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "LEGAL_READ_WITHOUT_REASON")
    async with client.get("/api/v1/sensors/mic-1/heard?since=0&reason=maintenance") as answer:
        assert (await answer.json())["heard"] == []


def test_a_microphone_adds_to_what_is_heard_and_taking_it_away_takes_that() -> None:
    gained = before_and_after(STREET, [*STREET, (45.4385, 4.3840, 4.0)], 15.0)
    assert gained["after_m2"] > gained["before_m2"] > 0.0
    assert gained["gained"]
    assert gained["lost"] == []
    lost = before_and_after(STREET, STREET[:4], 15.0)
    assert lost["after_m2"] < lost["before_m2"]
    assert len(lost["lost"]) * lost["side_m"] ** 2 == lost["before_m2"] - lost["after_m2"]


async def test_the_plan_asks_for_a_place_and_changes_nothing(hub: Any) -> None:
    await register(hub)
    client = await hub.session("technician")
    body = {"id": "mic-4", "latitude": 45.4400, "longitude": 4.3850}
    async with client.post("/api/v1/plan", json=body) as answer:
        told = await answer.json()
    assert answer.status == 200
    assert told["before_m2"] == 0.0, "who is not enrolled hears nothing yet"
    assert len(await hub.app[REGISTRY].sensors()) == 3
    async with client.post("/api/v1/plan", json={**body, "latitude": 95.0}) as answer:
        assert answer.status == 422
    assert all(isinstance(site, Site) for site in hub.app[RUNNER].sites.values())
