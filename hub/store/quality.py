"""How often a dispatch was right, with both denominators, for each class, sensor and zone.

The audits of gunshot systems show why one ratio is not enough: Chicago's of 2021 counts 4,556 alerts with evidence,
9.1 % of all alerts and 10.9 % of those whose outcome is known; New York's of 2023 had 82 % that were neither confirmed
nor refuted. Each ratio here says of what, the share unknown stands beside it, and so do the hours that people spent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.incident import Incident
from hub.sinks.endpoints import Point, may_lie_in
from hub.store.engine import reading
from hub.store.reading import read_incidents
from hub.store.records import StoredIncident
from hub.store.tables import INCIDENT, OUTBOX

PAGE: Final = 500


class Quality(Struct, frozen=True, forbid_unknown_fields=True):
    """Counts of dispatched incidents by outcome. `unreported` have none, `unknown` were reported as neither.

    `minutes` is what people spent on all of them, `minutes_in_vain` on those that were not found real.
    """

    real: int = 0
    not_real: int = 0
    unknown: int = 0
    unreported: int = 0
    minutes: float = 0.0
    minutes_in_vain: float = 0.0

    @property
    def all(self) -> int:
        """Every dispatched incident."""
        return self.real + self.not_real + self.unknown + self.unreported

    @property
    def known(self) -> int:
        """Those of which it is known whether they were real."""
        return self.real + self.not_real

    @property
    def real_of_all(self) -> float | None:
        """Share found real of all; None without any."""
        return self.real / self.all if self.all else None

    @property
    def real_of_known(self) -> float | None:
        """Share found real of those whose outcome is known; None without any."""
        return self.real / self.known if self.known else None

    @property
    def share_unknown(self) -> float | None:
        """Share of which nobody knows; None without any."""
        return (self.unknown + self.unreported) / self.all if self.all else None

    @property
    def hours_in_vain(self) -> float:
        """Person-hours spent on what was not found real."""
        return self.minutes_in_vain / 60.0

    def figures(self) -> dict[str, float | int | None]:
        """Counts and shares together, as an interface gives them."""
        shares = ("all", "known", "real_of_all", "real_of_known", "share_unknown", "hours_in_vain")
        counts: dict[str, float | int | None] = msgspec.to_builtins(self)
        return counts | {name: getattr(self, name) for name in shares}

    def plus(self, stored: StoredIncident) -> Quality:
        """The counts with one more incident. Of each receiver its newest report counts; one that says real wins."""
        newest = {outcome.endpoint: outcome for outcome in stored.outcomes}
        words = {outcome.outcome for outcome in newest.values()}
        minutes = sum(outcome.minutes or 0.0 for outcome in newest.values())
        real = "real" in words
        refuted = not real and "not_real" in words
        return Quality(
            real=self.real + real,
            not_real=self.not_real + refuted,
            unknown=self.unknown + (words == {"unknown"}),
            unreported=self.unreported + (not words),
            minutes=self.minutes + minutes,
            minutes_in_vain=self.minutes_in_vain + (0.0 if real else minutes),
        )


class QualityReport(Struct, frozen=True, forbid_unknown_fields=True):
    """The same counts over everything, and by class, by sensor that was heard, and by zone of the place.

    An incident counts for each of its sensors and of its zones, so those do not add up to the whole.
    """

    overall: Quality
    by_event: dict[str, Quality]
    by_sensor: dict[str, Quality]
    by_zone: dict[str, Quality]


def count(dispatched: Iterable[StoredIncident], zones: Mapping[str, tuple[Point, ...]] | None = None) -> QualityReport:
    """Count dispatched incidents; `zones` are polygons of (latitude, longitude) by name."""
    overall = Quality()
    by_event: dict[str, Quality] = defaultdict(Quality)
    by_sensor: dict[str, Quality] = defaultdict(Quality)
    by_zone: dict[str, Quality] = defaultdict(Quality)
    for stored in dispatched:
        incident = stored.incident
        overall = overall.plus(stored)
        by_event[incident.event] = by_event[incident.event].plus(stored)
        for sensor in sensors_of(incident):
            by_sensor[sensor] = by_sensor[sensor].plus(stored)
        for name, zone in (zones or {}).items():
            if may_lie_in(incident.place, zone):
                by_zone[name] = by_zone[name].plus(stored)
    return QualityReport(overall, dict(by_event), dict(by_sensor), dict(by_zone))


def sensors_of(incident: Incident) -> set[str]:
    """The sensors that spoke for the incident: by an arrival, or by evidence that rests on a detection of theirs."""
    spoke = {piece.sensor for piece in incident.evidence if piece.sensor and piece.log_odds > 0 and piece.detections}
    return spoke | {arrival.sensor for arrival in incident.arrivals}


async def quality(
    engine: AsyncEngine,
    since_us: int,
    until_us: int,
    zones: Mapping[str, tuple[Point, ...]] | None = None,
    exercise: bool = False,
) -> QualityReport:
    """Count what was dispatched with an onset in [since_us, until_us); exercises apart from the rest."""
    async with reading(engine) as connection:
        return count([stored async for stored in _dispatched(connection, since_us, until_us, exercise)], zones)


async def _dispatched(
    connection: AsyncConnection, since_us: int, until_us: int, exercise: bool
) -> AsyncIterator[StoredIncident]:
    query = (
        select(INCIDENT.c.id)
        .where(INCIDENT.c.onset_us >= since_us, INCIDENT.c.onset_us < until_us, INCIDENT.c.exercise == exercise)
        .where(INCIDENT.c.id.in_(select(OUTBOX.c.incident).where(OUTBOX.c.kind == "dispatch")))
        .order_by(INCIDENT.c.onset_us)
    )
    ids = [row.id for row in await connection.execute(query)]
    for start in range(0, len(ids), PAGE):
        for stored in await read_incidents(connection, ids=ids[start : start + PAGE]):
            yield stored
