"""How loud it was: sound levels summed to whole hours, and from these the levels that a city may publish.

The event log's levels are added up exactly once: the sums and the place that was reached in the log are written in one
transaction. What leaves here is coarse in space (squares of `SQUARE_M`) and in time (seven days).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.desk.tables import NOISE_HOUR
from hub.fusion.plane import Plane
from hub.log import Entry, EventLog
from hub.registry import SensorRecord
from hub.store.engine import reading, write
from hub.store.tables import COUNTER
from sensors.protocol import SoundLevel

_COUNTER: Final = "log:noise"
"""Up to which place of the event log its levels are in the sums."""
BATCH: Final = 2_000
HOUR_US: Final = 3_600_000_000
KEPT_US: Final = 400 * 24 * HOUR_US
DAYS: Final = 7
SQUARE_M: Final = 250.0
LEAST_HOURS: Final = 3
"""Hours of a period (day, evening, night) without which its level would say more of a moment than of the place."""

Sums = dict[tuple[str, int], tuple[float, float]]
"""By sensor and hour: energy (10^(L/10) seconds) and seconds."""


class Levels(Struct, frozen=True):
    """Levels in dB(A) of directive 2002/49/EC; None where too little was measured. `hours`: measured sensor-hours."""

    lden: float | None
    lday: float | None
    levening: float | None
    lnight: float | None
    hours: int


def summed(entries: Iterable[Entry]) -> Sums:
    """Energy and seconds of every sound level, by its sensor and the hour in which its period began."""
    sums: Sums = {}
    for entry in entries:
        level = entry.message
        if isinstance(level, SoundLevel):
            key = (level.sensor, level.start // HOUR_US * HOUR_US)
            energy, seconds = sums.get(key, (0.0, 0.0))
            sums[key] = (energy + 10.0 ** (level.laeq / 10.0) * level.period_s, seconds + level.period_s)
    return sums


async def follow(engine: AsyncEngine, event_log: EventLog, now_us: int) -> int:
    """Add up what the log holds beyond the place that was reached; how many entries were read."""
    async with reading(engine) as connection:
        query = select(COUNTER.c.value).where(COUNTER.c.name == _COUNTER)
        position = int((await connection.execute(query)).scalar() or 0)
    total = 0
    while entries := await event_log.read(position, BATCH):
        position, total = entries[-1].position, total + len(entries)
        await _keep(engine, summed(entries), position, now_us)
    return total


async def _keep(engine: AsyncEngine, sums: Sums, position: int, now_us: int) -> None:
    async def work(connection: AsyncConnection) -> None:
        for (sensor, hour_us), (energy, seconds) in sums.items():
            which = (NOISE_HOUR.c.sensor == sensor) & (NOISE_HOUR.c.hour_us == hour_us)
            more = {"energy": NOISE_HOUR.c.energy + energy, "seconds": NOISE_HOUR.c.seconds + seconds}
            if (await connection.execute(update(NOISE_HOUR).where(which).values(**more))).rowcount == 0:
                values = {"sensor": sensor, "hour_us": hour_us, "energy": energy, "seconds": seconds}
                await connection.execute(insert(NOISE_HOUR).values(**values))
        await connection.execute(delete(NOISE_HOUR).where(NOISE_HOUR.c.hour_us < now_us - KEPT_US))
        reached = update(COUNTER).where(COUNTER.c.name == _COUNTER).values(value=position)
        if (await connection.execute(reached)).rowcount == 0:
            await connection.execute(insert(COUNTER).values(name=_COUNTER, value=position))

    await write(engine, work)


async def hours(engine: AsyncEngine, since_us: int, until_us: int) -> Sums:
    """The sums of whole hours in [since_us, until_us)."""
    query = select(NOISE_HOUR).where(NOISE_HOUR.c.hour_us >= since_us, NOISE_HOUR.c.hour_us < until_us)
    async with reading(engine) as connection:
        return {(row.sensor, row.hour_us): (row.energy, row.seconds) for row in await connection.execute(query)}


def _period(hour_us: int, zone: tzinfo) -> str:
    hour = datetime.fromtimestamp(hour_us / 1e6, UTC).astimezone(zone).hour
    return "day" if 6 <= hour < 18 else "evening" if 18 <= hour < 22 else "night"


def _level(parts: list[tuple[float, float]]) -> float | None:
    energy, seconds = sum(part[0] for part in parts), sum(part[1] for part in parts)
    return 10.0 * math.log10(energy / seconds) if len(parts) >= LEAST_HOURS and energy > 0.0 else None


def levels(sums: Mapping[tuple[str, int], tuple[float, float]], zone: tzinfo) -> Levels:
    """Lday, Levening, Lnight and Lden (directive 2002/49/EC annex I; the hours that France chose: 6, 18, 22)."""
    parts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (_, hour_us), one in sums.items():
        if one[1] > 0.0:
            parts[_period(hour_us, zone)].append(one)
    day, evening, night = (_level(parts[name]) for name in ("day", "evening", "night"))
    lden = None
    if day is not None and evening is not None and night is not None:
        weighted = 12 * 10 ** (day / 10) + 4 * 10 ** ((evening + 5) / 10) + 8 * 10 ** ((night + 10) / 10)
        lden = 10.0 * math.log10(weighted / 24)
    return Levels(lden, day, evening, night, sum(len(found) for found in parts.values()))


def squares(
    sums: Sums, sensors: Iterable[SensorRecord], centre: tuple[float, float], zone: tzinfo
) -> list[tuple[list[tuple[float, float]], Levels]]:
    """(corners as latitude and longitude, levels) of every square of a fixed grid about `centre` that was measured."""
    plane = Plane.at(*centre)
    cells: dict[tuple[int, int], Sums] = defaultdict(dict)
    for sensor in sensors:
        east, north = plane.metres(np.array([sensor.latitude]), np.array([sensor.longitude]))
        cell = (math.floor(float(east[0]) / SQUARE_M), math.floor(float(north[0]) / SQUARE_M))
        cells[cell].update({key: value for key, value in sums.items() if key[0] == sensor.id})
    made = []
    for (column, row), own in sorted(cells.items()):
        found = levels(own, zone)
        if found.hours >= LEAST_HOURS:
            corners = ((0, 0), (1, 0), (1, 1), (0, 1))
            made.append(([plane.degrees((column + x) * SQUARE_M, (row + y) * SQUARE_M) for x, y in corners], found))
    return made
