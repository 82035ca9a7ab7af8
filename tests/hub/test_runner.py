"""From the log to incidents, on the hub's clock, also where somebody sets it."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uuid6
from sqlalchemy.exc import OperationalError

import hub.runner as runner_module
from hub.fusion.engine import FusionEngine
from hub.log import EmbeddedLog
from hub.registry import Registry, SensorRecord
from hub.runner import FusionRunner
from hub.store import Store, migrate, open_engine
from hub.store.records import StoredIncident
from sensors.protocol import Detection

PLACES = {"mic-1": (0.0, 0.0), "mic-2": (300.0, 20.0), "mic-3": (40.0, 280.0), "mic-4": (310.0, 320.0)}
HOUR_US = 3_600_000_000


def shot(onset_us: int) -> list[Detection]:
    """What four microphones heard of one shot between them."""
    made = []
    for sensor, place in PLACES.items():
        heard_us = onset_us + round(math.dist((150.0, 120.0), place) / 340.6 * 1e6)
        made.append(
            Detection(
                id=uuid6.uuid7(), sensor=sensor, sent=heard_us, event="gunshot", onset=heard_us, duration_s=0.1,
                score=0.97, clock_sigma_us=200, model="test@12345678", peak_db=118.0, snr_db=30.0,
            )
        )  # fmt: skip
    return made


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedLog, Registry, Store]]:
    url = f"sqlite:///{tmp_path}/state.sqlite"
    await migrate(url)
    engine = open_engine(url)
    registry = Registry(engine)
    for sensor, (east, north) in PLACES.items():
        latitude, longitude = 45.4397 + north / 111_320.0, 4.3872 + east / 78_103.0
        await registry.add(SensorRecord(id=sensor, kind="microphone", latitude=latitude, longitude=longitude))
    log = await EmbeddedLog.open(tmp_path / "log.sqlite")
    yield log, registry, Store(engine)
    await log.aclose()
    await registry.aclose()
    await engine.dispose()


async def incidents(store: Store, count: int) -> list[StoredIncident]:
    """The incidents once there are `count`, oldest first."""
    async with asyncio.timeout(60):
        while len(found := await store.incidents()) < count:
            heard = store.bell.count
            if len(await store.incidents()) < count:
                await store.bell.wait(heard)
    return found[::-1]


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US])
async def test_a_clock_that_was_an_hour_off_and_is_set_right_leaves_nothing_late(
    house: tuple[EmbeddedLog, Registry, Store], step_us: int
) -> None:
    log, registry, store = house
    off_us = [0]
    runner = FusionRunner(
        log, registry, store, FusionEngine(()), anew=lambda: FusionEngine(()),
        now_us=lambda: time.time_ns() // 1_000 + off_us[0],
    )  # fmt: skip
    task = asyncio.create_task(runner.run())
    try:
        await log.append(shot(time.time_ns() // 1_000 - 60_000_000))  # another one, not of the same burst
        await incidents(store, 1)
        off_us[0] = step_us
        await asyncio.sleep(0.5)  # fusion sees the wrong hour
        off_us[0] = 0
        await asyncio.sleep(0.5)
        await log.append(shot(time.time_ns() // 1_000 - 1_000_000))
        _, second = await incidents(store, 2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(runner.close)
    assert not second.incident.late
    assert len({arrival.sensor for arrival in second.incident.arrivals}) >= 3


async def test_what_a_full_disk_refuses_is_stored_once_there_is_room(
    house: tuple[EmbeddedLog, Registry, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, registry, store = house
    save, refusals = store.save, [2]

    async def refused(found: Any, now_us: int, beside: Any = None) -> Any:
        refusals[0] -= 1
        if refusals[0] >= 0:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        return await save(found, now_us, beside)

    monkeypatch.setattr(store, "save", refused)
    monkeypatch.setattr(runner_module, "RETRY_S", 0.01)
    runner = FusionRunner(log, registry, store, FusionEngine(()))
    task = asyncio.create_task(runner.run())
    try:
        await log.append(shot(time.time_ns() // 1_000 - 60_000_000))
        (one,) = await incidents(store, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(runner.close)
    assert runner.failures == 2
    assert one.incident.arrivals
