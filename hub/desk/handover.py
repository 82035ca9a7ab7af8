"""Handover notes: what one shift leaves to the next, and who took it over.

A note belongs to the shift in which it was written. Notes are operational and go after `HANDOVER_DAYS`; the audit log
keeps that one was written and taken over, never its text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.desk.tables import HANDOVER
from hub.policy.audit import AuditLog, Record
from hub.store.engine import reading

HANDOVER_DAYS: Final = 30
"""A month: as long as what was rejected or left unsure is kept, to which most notes refer."""
DAY_US: Final = 86_400_000_000
MOST: Final = 200


class Note(Struct, frozen=True):
    """One note; `shift_us` is when its shift began."""

    number: int
    shift_us: int
    person: str
    text: str
    at_us: int
    taken_by: str | None
    taken_us: int | None


def shift_of(starts: Sequence[dt.time], now_us: int, zone: dt.tzinfo) -> tuple[int, int]:
    """(begin, end) in microseconds of the shift that runs at `now_us`; at each local time of `starts` one begins.

    Raises ValueError without any start.
    """
    if not starts:
        raise ValueError("a day has one shift at least")
    today = dt.datetime.fromtimestamp(now_us / 1e6, zone).date()
    turns = sorted(
        round(dt.datetime.combine(today + dt.timedelta(days=day), start, zone).timestamp() * 1e6)
        for day in (-1, 0, 1, 2)
        for start in set(starts)
    )
    began = max(turn for turn in turns if turn <= now_us)
    return began, min(turn for turn in turns if turn > now_us)


class Handover:
    """The notes; every act is an audit record in the same transaction."""

    def __init__(self, engine: AsyncEngine, audit: AuditLog) -> None:
        self._engine = engine
        self._audit = audit

    async def write(self, text: str, shift_us: int, person: str, now_us: int) -> None:
        """Leave a note; older ones than `HANDOVER_DAYS` go with the same act."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(HANDOVER).where(HANDOVER.c.at_us < now_us - HANDOVER_DAYS * DAY_US))
            values = {"shift_us": shift_us, "person": person, "text": text, "at_us": now_us}
            await connection.execute(insert(HANDOVER).values(**values))

        record = Record(now_us, "desk", self._audit.pseudonym(person), "handover", "", {"act": "written"})
        await self._audit.append(record, beside=work)

    async def take_over(self, person: str, now_us: int) -> int:
        """Take over what others left; how many notes."""
        mine = HANDOVER.c.taken_us.is_(None) & (HANDOVER.c.person != person)
        waiting = [note for note in await self.notes(now_us) if note.taken_us is None and note.person != person]
        if not waiting:
            return 0

        async def work(connection: AsyncConnection) -> None:
            which = mine & (HANDOVER.c.sequence <= waiting[0].number)
            await connection.execute(update(HANDOVER).where(which).values(taken_by=person, taken_us=now_us))

        values: dict[str, str | int | float | bool] = {"act": "taken_over", "notes": len(waiting)}
        await self._audit.append(
            Record(now_us, "desk", self._audit.pseudonym(person), "handover", "", values), beside=work
        )
        return len(waiting)

    async def notes(self, now_us: int) -> list[Note]:
        """Newest first, none older than `HANDOVER_DAYS`."""
        young = HANDOVER.c.at_us >= now_us - HANDOVER_DAYS * DAY_US
        query = select(HANDOVER).where(young).order_by(HANDOVER.c.sequence.desc()).limit(MOST)
        async with reading(self._engine) as connection:
            return [Note(*row) for row in await connection.execute(query)]
