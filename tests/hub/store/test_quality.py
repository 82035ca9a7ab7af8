"""Precision with both denominators, on the numbers of two audits and on what receivers report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.incident import Arrival, Incident, Place
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Outcome, Store
from hub.store.outcomes import record_outcome
from hub.store.quality import Quality, count, quality

Maker = Callable[..., Incident]
NOW = 1_790_000_001_000_000


def test_chicago_2021_has_two_ratios() -> None:
    """50,176 alerts, 41,830 with a disposition, 4,556 with evidence (Office of Inspector General, August 2021)."""
    audit = Quality(real=4_556, not_real=41_830 - 4_556, unreported=50_176 - 41_830)
    assert audit.all == 50_176
    assert audit.known == 41_830
    assert audit.real_of_all == pytest.approx(0.091, abs=0.0005)
    assert audit.real_of_known == pytest.approx(0.109, abs=0.0005)
    assert audit.share_unknown == pytest.approx(0.166, abs=0.0005)


def test_new_york_june_2023_is_mostly_unknown_and_costs_hours() -> None:
    """940 alerts: 771 unconfirmed at 32 minutes, 47 unfounded at 20 minutes, 122 confirmed (Comptroller, June 2024)."""
    audit = Quality(unknown=771, not_real=47, real=122, minutes_in_vain=771 * 32 + 47 * 20)
    assert audit.all == 940
    assert audit.real_of_all == pytest.approx(0.13, abs=0.005)
    assert audit.share_unknown == pytest.approx(0.82, abs=0.005)
    assert audit.not_real / audit.all == pytest.approx(0.05, abs=0.005)
    assert audit.hours_in_vain == pytest.approx(426.9, abs=0.05)
    assert audit.real_of_known == pytest.approx(122 / 169)


def test_without_any_dispatch_there_is_no_ratio() -> None:
    nothing = count([]).overall
    assert (nothing.real_of_all, nothing.real_of_known, nothing.share_unknown) == (None, None, None)
    assert nothing.figures()["all"] == 0


async def test_reports_are_counted_by_class_sensor_and_zone(engine: AsyncEngine, make_incident: Maker) -> None:
    police = Endpoint(name="police", url="https://police.example")
    store = Store(engine, [police])

    def heard(*sensors: str) -> tuple[Arrival, ...]:
        detection = make_incident().arrivals[0].detection
        return tuple(Arrival(sensor, detection, NOW, 10.0, 0.1) for sensor in sensors)

    there = Place("disc", 45.50, 4.40)
    made: dict[str, dict[str, Any]] = {
        "real": {"arrivals": heard("mic-1", "mic-2")},
        "drum": {"arrivals": heard("mic-1"), "place": there},
        "lost": {"arrivals": heard("mic-2"), "event": "intrusion"},
        "silent": {"arrivals": heard("mic-2")},
        "never-dispatched": {},
    }
    await store.save([make_incident(name, **{"evidence": (), **changes}) for name, changes in made.items()], NOW)
    for name in list(made)[:4]:
        await store.decide(make_incident(name).id, Decision("Claire", "confirm", "", NOW, 1))

    async def report(name: str, outcome: Any, minutes: float | None, message: str) -> str:
        said = Outcome(
            incident=make_incident(name).id,
            endpoint="police",
            message_id=message,
            outcome=outcome,
            minutes=minutes,
            reference="",
            at_us=NOW,
        )
        return await record_outcome(store, said)

    assert await report("real", "unknown", 5.0, "a") == "new"
    assert await report("real", "real", 30.0, "b") == "new", "a later report corrects the earlier"
    assert await report("real", "real", 30.0, "b") == "repeated"
    assert await report("real", "not_real", 30.0, "b") == "id_reused"
    assert await report("drum", "not_real", 20.0, "c") == "new"
    assert await report("lost", "unknown", 32.0, "d") == "new"
    assert await report("never-dispatched", "real", 1.0, "e") == "not_dispatched"

    square = ((45.49, 4.39), (45.51, 4.39), (45.51, 4.41), (45.49, 4.41))
    found = await quality(engine, 0, NOW * 2, {"square": square, "empty": ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0))})
    assert found.overall == Quality(1, 1, 1, 1, minutes=82.0, minutes_in_vain=52.0)
    assert found.by_event["intrusion"] == Quality(unknown=1, minutes=32.0, minutes_in_vain=32.0)
    assert found.by_sensor["mic-1"] == Quality(real=1, not_real=1, minutes=50.0, minutes_in_vain=20.0)
    assert found.by_sensor["mic-2"].all == 3
    assert found.by_zone == {"square": Quality(not_real=1, minutes=20.0, minutes_in_vain=20.0)}
    assert (await quality(engine, 0, NOW * 2, exercise=True)).overall.all == 0
