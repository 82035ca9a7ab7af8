"""Levels summed to hours, exactly once, and told only in coarse squares over whole days."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import uuid6
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.desk import noise
from hub.log import open_log
from hub.registry import SensorRecord
from hub.store import migrate, open_engine
from sensors.protocol import SoundLevel

PARIS = ZoneInfo("Europe/Paris")
CENTRE = (45.4397, 4.3872)


def us(day: int, hour: int) -> int:
    return round(dt.datetime(2026, 11, day, hour, tzinfo=PARIS).timestamp() * 1e6)


def level(sensor: str, start_us: int, laeq: float, period_s: float = 60.0) -> SoundLevel:
    told: dict[str, Any] = {"lafmax": laeq, "lcpeak": laeq, "l10": laeq, "l50": laeq, "l90": laeq}
    made = UUID(bytes=uuid6.uuid7().bytes)
    return SoundLevel(id=made, sensor=sensor, sent=start_us, start=start_us, period_s=period_s, laeq=laeq, **told)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'state.sqlite'}"
    await migrate(url)
    made = open_engine(url)
    yield made
    await made.dispose()


async def test_each_level_counts_once_whatever_is_read_again(engine: AsyncEngine, tmp_path: Path) -> None:
    log = await open_log(tmp_path)
    try:
        await log.append([level("mic-1", us(20, 10), 60.0), level("mic-1", us(20, 10) + 60_000_000, 60.0)])
        assert await noise.follow(engine, log, us(21, 0)) == 2
        assert await noise.follow(engine, log, us(21, 0)) == 0
        await log.append([level("mic-1", us(20, 10) + 120_000_000, 60.0)])
        assert await noise.follow(engine, log, us(21, 0)) == 1
        ((energy, seconds),) = (await noise.hours(engine, us(20, 0), us(21, 0))).values()
        assert seconds == 180.0
        assert 10 * math.log10(energy / seconds) == pytest.approx(60.0)
    finally:
        await log.aclose()


def night_and_day(sensor: str, by_hour: dict[int, float]) -> noise.Sums:
    return {(sensor, us(20, hour)): (10 ** (laeq / 10) * 3_600, 3_600.0) for hour, laeq in by_hour.items()}


def test_the_night_weighs_ten_decibels_more() -> None:
    even = noise.levels(night_and_day("mic-1", dict.fromkeys(range(24), 60.0)), PARIS)
    assert even.lday == even.levening == even.lnight == pytest.approx(60.0)
    assert even.lden == pytest.approx(66.4, abs=0.05), "a steady level of 60 dB is an Lden of 66.4 dB"
    assert even.hours == 24


def test_a_period_of_which_too_little_is_known_has_no_level() -> None:
    told = noise.levels(night_and_day("mic-1", {8: 60.0, 9: 60.0, 10: 60.0, 19: 60.0}), PARIS)
    assert told.lday == pytest.approx(60.0)
    assert told.levening is told.lnight is told.lden is None


def test_squares_are_coarse_and_stand_where_the_site_says_not_where_a_sensor_is() -> None:
    near = [
        SensorRecord(id=f"mic-{k}", kind="microphone", latitude=45.4401, longitude=4.3876 + k * 1e-4) for k in (0, 1)
    ]
    sums = night_and_day("mic-0", {8: 60.0, 9: 60.0, 10: 60.0}) | night_and_day("mic-1", {8: 70.0, 9: 70.0, 10: 70.0})
    ((corners, levels),) = noise.squares(sums, near, CENTRE, PARIS)
    moved = [SensorRecord(id=one.id, kind="microphone", latitude=45.4405, longitude=one.longitude) for one in near]
    ((same, _),) = noise.squares(sums, moved, CENTRE, PARIS)
    assert corners == same
    assert levels.lday == pytest.approx(10 * math.log10((1e6 + 1e7) / 2)), "energies are averaged, not decibels"
    assert noise.squares({}, near, CENTRE, PARIS) == []
