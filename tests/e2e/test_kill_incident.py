"""A hub killed with -9 while one shot arrives piece by piece: after the restart the same incident is there, once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uuid6
from pymap3d import enu2geodetic

from sensors.enrolment import enrol
from sensors.protocol import Batch, Detection, json_encoder

pytestmark = pytest.mark.e2e

ORIGIN = (45.4361, 4.3780)
SHOT = (35.0, -20.0)
MICROPHONES = ((-180.0, 90.0), (170.0, 140.0), (220.0, -120.0), (-60.0, -210.0), (20.0, 190.0), (-230.0, -90.0))
"""East and north of the origin in metres."""
SPEED_MPS = 20.03 * math.sqrt(15.0 + 273.15)


def heard_by(number: int, fired_us: int) -> Detection:
    distance_m = math.dist(MICROPHONES[number], SHOT)
    onset = fired_us + round(distance_m / SPEED_MPS * 1e6)
    return Detection(
        id=uuid6.uuid7(), sensor=f"mic-{number}", sent=onset + 200_000, event="gunshot", onset=onset, duration_s=0.1,
        score=0.95, clock_sigma_us=200, model="test@12345678", peak_db=110.0, snr_db=30.0,
    )  # fmt: skip


async def send(session: aiohttp.ClientSession, hub: Any, identity: Any, detections: Sequence[Detection]) -> None:
    body = json_encoder.encode(Batch(list(detections)))
    path, kind = "/api/v1/ingest", "application/json"
    authority, created_s = f"127.0.0.1:{hub.port}", int(time.time())
    headers = identity.sign(
        method="POST", authority=authority, path=path, content_type=kind, body=body, created_s=created_s
    )
    async with session.post(hub.url + path, data=body, headers={"Content-Type": kind, **headers}) as answer:
        assert answer.status == 200, await answer.text()


async def incidents(session: aiohttp.ClientSession, hub: Any) -> list[dict[str, Any]]:
    async with session.get(f"{hub.url}/api/v1/incidents") as answer:
        return list((await answer.json())["incidents"])


async def until(session: aiohttp.ClientSession, hub: Any, microphones: int) -> dict[str, Any]:
    """The incident once it rests on so many microphones."""
    found: list[dict[str, Any]] = []
    for _ in range(200):
        found = await incidents(session, hub)
        if found and len({arrival["sensor"] for arrival in found[0]["arrivals"]}) >= microphones:
            return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"no incident of {microphones} microphones: {found}")


async def test_a_shot_that_meets_a_dying_hub_is_one_incident_afterwards(dying_hub: Any, tmp_path: Path) -> None:
    hub = dying_hub
    await asyncio.to_thread(hub.start)
    identities = []
    for number in range(len(MICROPHONES)):
        latitude, longitude, _ = enu2geodetic(*MICROPHONES[number], 0.0, *ORIGIN, 0.0)
        code = await asyncio.to_thread(hub.add_microphone, f"mic-{number}", latitude, longitude)
        identities.append(await enrol(hub.url, code, tmp_path / f"mic-{number}.pem"))
    async with aiohttp.ClientSession() as session:
        fired_us = time.time_ns() // 1_000 - 1_000_000  # everybody has heard it by now
        detections = [heard_by(number, fired_us) for number in range(len(MICROPHONES))]
        for number in (0, 1, 2, 3):
            await send(session, hub, identities[number], [detections[number]])
        await asyncio.to_thread(hub.kill)  # at once behind the last acknowledgement
        await asyncio.to_thread(hub.start)
        first = await until(session, hub, 4)
        for number in (4, 5):
            await send(session, hub, identities[number], [detections[number]])
        second = await until(session, hub, 6)
        await asyncio.to_thread(hub.kill)
        await asyncio.to_thread(hub.start)
        for number in range(len(MICROPHONES)):  # what an agent does that got no answer before the kill
            await send(session, hub, identities[number], [detections[number]])
        await asyncio.sleep(2.0)
        found = await incidents(session, hub)
    assert [one["id"] for one in found] == [first["id"]] == [second["id"]]
    place = found[0]["place"]
    latitude, longitude, _ = enu2geodetic(*SHOT, 0.0, *ORIGIN, 0.0)
    error_m = math.hypot((place["latitude"] - latitude) * 111_320, (place["longitude"] - longitude) * 78_100)
    assert error_m < 5.0
    assert len({arrival["sensor"] for arrival in found[0]["arrivals"]}) == len(MICROPHONES)
