"""How long each sensor worked, badly worked, stood still by people's act or by the law, or was out: by day.

Every rate that the public reads is of these hours, and so is the exposure of each district (rule O-06). The hub looks
once a minute; a minute in which it did not run itself is nobody's.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.keys import CONFIG, ENGINE, GATE, REGISTRY
from hub.policy.gate import Gate
from hub.policy.tables import SENSOR_HOURS
from hub.registry import SensorRecord
from hub.registry.record import health_of
from hub.store.engine import StoreBusy, reading, write

if TYPE_CHECKING:
    from hub.policy.profiles import Mode

LOOK_S: Final = 60.0
LONGEST_S: Final = 3 * LOOK_S
"""A look that came later than this tells nothing of the time before it: the machine slept."""
KEPT: Final = dt.timedelta(days=3 * 365)
STATES: Final = ("working", "degraded", "stopped", "out")

log = structlog.get_logger()


def state_of(sensor: SensorRecord, mode: Mode, now_us: int) -> str | None:
    """One of `STATES`; None for a sensor that was taken out or never came."""
    health = health_of(sensor, now_us)
    if health.state in {"revoked", "never"}:
        return None
    if mode == "off" or health.reason == "suspended":
        return "stopped"
    return {"ok": "working", "degraded": "degraded"}.get(health.state, "out")


def states_of(sensors: Iterable[SensorRecord], gate: Gate, now_us: int) -> dict[str, str]:
    """The state of each sensor at `now_us`."""
    assessment = gate.assessment(now_us)
    found = {one.id: state_of(one, assessment.of_sensor(one.id, gate.policy)[0], now_us) for one in sensors}
    return {name: state for name, state in found.items() if state is not None}


async def add_hours(engine: AsyncEngine, day: dt.date, states: Mapping[str, str], seconds: int) -> None:
    """Count `seconds` of `day` for each sensor's state."""
    if not states or seconds <= 0:
        return

    async def work(connection: AsyncConnection) -> None:
        for sensor, state in states.items():
            which = {"day": day.isoformat(), "sensor": sensor, "state": state}
            row = [SENSOR_HOURS.c[name] == value for name, value in which.items()]
            more = update(SENSOR_HOURS).where(*row).values(seconds=SENSOR_HOURS.c.seconds + seconds)
            if (await connection.execute(more)).rowcount == 0:
                await connection.execute(insert(SENSOR_HOURS).values(**which, seconds=seconds))
        oldest = (day - KEPT).isoformat()
        await connection.execute(delete(SENSOR_HOURS).where(SENSOR_HOURS.c.day < oldest))

    await write(engine, work)


async def hours_since(engine: AsyncEngine, day: dt.date) -> dict[str, dict[str, float]]:
    """Hours by sensor and state since `day`."""
    query = (
        select(SENSOR_HOURS.c.sensor, SENSOR_HOURS.c.state, func.sum(SENSOR_HOURS.c.seconds))
        .where(SENSOR_HOURS.c.day >= day.isoformat())
        .group_by(SENSOR_HOURS.c.sensor, SENSOR_HOURS.c.state)
        .order_by(SENSOR_HOURS.c.sensor)
    )
    found: dict[str, dict[str, float]] = {}
    async with reading(engine) as connection:
        for sensor, state, seconds in await connection.execute(query):
            found.setdefault(sensor, {})[state] = float(seconds) / 3_600
    return found


async def count_hours(app: web.Application) -> None:
    """Look once a minute until cancelled."""
    zone = await asyncio.to_thread(ZoneInfo, app[CONFIG].time_zone)
    before = time.monotonic()
    while True:
        await asyncio.sleep(LOOK_S)
        now = time.monotonic()
        passed, before = now - before, now
        if passed > LONGEST_S:
            continue
        now_us = time.time_ns() // 1_000
        day = dt.datetime.fromtimestamp(now_us / 1e6, zone).date()
        try:
            states = states_of(await app[REGISTRY].sensors(), app[GATE], now_us)
            await add_hours(app[ENGINE], day, states, round(passed))
        except (OSError, SQLAlchemyError, StoreBusy) as error:
            log.error("sensor_hours_wait", reason=str(error).splitlines()[0])
