"""How sensors were: each change of state, kept for a month, so that a technician sees what happened at night.

Only changes are written: a sensor that is well for a week costs one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.registry.record import HealthState, SensorView
from hub.registry.tables import HEALTH_CHANGE
from hub.store.engine import reading, write

KEPT_US: Final = 30 * 86_400_000_000
MOST: Final = 500


class Change(Struct, frozen=True):
    """From `at_us` on the sensor was in this state, for this reason."""

    at_us: int
    state: HealthState
    reason: str


class HealthHistory:
    """Writes what changed since the last look, and tells how one sensor was."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[str, str]] | None = None

    async def look(self, sensors: Iterable[SensorView], now_us: int) -> int:
        """Compare with what is known; how many changed. A restart goes on from what was written last."""
        known = dict(await self._newest()) if self._known is None else self._known
        seen: dict[str, tuple[str, str]] = {one.id: (one.state, one.state_reason) for one in sensors}
        rows = [
            {"sensor": name, "at_us": now_us, "state": state, "reason": reason[:80]}
            for name, (state, reason) in seen.items()
            if known.get(name, ("", ""))[0] != state
        ]
        if rows:

            async def work(connection: AsyncConnection) -> None:
                await connection.execute(delete(HEALTH_CHANGE).where(HEALTH_CHANGE.c.at_us < now_us - KEPT_US))
                await connection.execute(insert(HEALTH_CHANGE), rows)

            await write(self._engine, work)
        self._known = seen
        return len(rows)

    async def of(self, sensor: str, since_us: int) -> list[Change]:
        """Newest first, with the one that held at `since_us` as the last."""
        columns = (HEALTH_CHANGE.c.at_us, HEALTH_CHANGE.c.state, HEALTH_CHANGE.c.reason)
        query = select(*columns).where(HEALTH_CHANGE.c.sensor == sensor).order_by(HEALTH_CHANGE.c.at_us.desc())
        async with reading(self._engine) as connection:
            found = [Change(*row) for row in await connection.execute(query.limit(MOST))]
        younger = [change for change in found if change.at_us >= since_us]
        return found[: len(younger) + 1]

    async def _newest(self) -> list[tuple[str, tuple[str, str]]]:
        newest = select(func.max(HEALTH_CHANGE.c.sequence)).group_by(HEALTH_CHANGE.c.sensor)
        query = select(HEALTH_CHANGE).where(HEALTH_CHANGE.c.sequence.in_(newest))
        async with reading(self._engine) as connection:
            return [(row.sensor, (row.state, row.reason)) for row in await connection.execute(query)]


def share_well(changes: list[Change], since_us: int, now_us: int) -> float | None:
    """Share of the time since `since_us` in which the sensor was well; None where nothing is known."""
    well = told = 0
    until = now_us
    for change in changes:
        begin = max(change.at_us, since_us)
        if begin < until:
            told += until - begin
            well += until - begin if change.state == "ok" else 0
        until = min(until, begin)
    return well / told if told else None
