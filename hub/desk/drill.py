"""A drill: a stretch of time in which people put exercises on the map and handle them like the real thing.

A drill changes nothing about what is real: what sensors hear meanwhile stays what it is. Incidents placed for the drill
are exercises from their first revision on, and an exercise can only ever reach endpoints marked `exercise`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.desk.tables import DRILL
from hub.policy.audit import AuditLog, Record
from hub.store.engine import reading

LONGEST_S: Final = 8 * 3_600
"""A drill that somebody forgot ends by itself after a shift."""


class Drill(Struct, frozen=True):
    """The drill that runs: who leads it, what for, since when and until when at the latest."""

    number: int
    person: str
    purpose: str
    started_us: int
    until_us: int


class Drills:
    """At most one drill at a time; beginning and end are audit records in the same transaction."""

    def __init__(self, engine: AsyncEngine, audit: AuditLog) -> None:
        self._engine = engine
        self._audit = audit

    async def current(self, now_us: int) -> Drill | None:
        """The drill that runs at `now_us`."""
        runs = DRILL.c.ended_us.is_(None) & (DRILL.c.until_us > now_us) & (DRILL.c.started_us <= now_us)
        query = select(DRILL).where(runs).order_by(DRILL.c.sequence.desc()).limit(1)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Drill(*row[:5])

    async def begin(self, purpose: str, minutes: int, person: str, now_us: int) -> bool:
        """Begin one; False where one runs already."""
        if await self.current(now_us) is not None:
            return False
        until_us = now_us + min(minutes * 60, LONGEST_S) * 1_000_000

        async def work(connection: AsyncConnection) -> None:
            values = {"person": person, "purpose": purpose, "started_us": now_us, "until_us": until_us}
            await connection.execute(insert(DRILL).values(**values))

        record = Record(now_us, "desk", self._audit.pseudonym(person), "drill", purpose, {"act": "begun"})
        await self._audit.append(record, beside=work)
        return True

    async def end(self, person: str, now_us: int) -> bool:
        """End the one that runs; False where none does."""
        current = await self.current(now_us)
        if current is None:
            return False

        async def work(connection: AsyncConnection) -> None:
            which = DRILL.c.sequence == current.number
            await connection.execute(update(DRILL).where(which).values(ended_us=now_us, ended_by=person))

        record = Record(now_us, "desk", self._audit.pseudonym(person), "drill", current.purpose, {"act": "ended"})
        await self._audit.append(record, beside=work)
        return True
