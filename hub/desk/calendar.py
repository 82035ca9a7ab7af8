"""The calendar that the control room declares: fireworks, matches, works, known sources; fusion weighs them at once.

A declaration lowers what is believed, in words, and deletes nothing. It has an end date; whoever ends it earlier says
why. Each is in the audit log, and so on the public register.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.desk.tables import DECLARED
from hub.fusion.calendar import Declaration
from hub.policy.audit import AuditLog, Record
from hub.store.engine import reading

MOST: Final = 500
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Declaration)


class Entry(Struct, frozen=True):
    """One declaration with who made it and, where somebody ended it before its date, who and why."""

    number: int
    declaration: Declaration
    person: str
    at_us: int
    ended_us: int | None
    ended_by: str | None
    ended_why: str | None


class Calendar:
    """The declarations; every act is an audit record in the same transaction."""

    def __init__(self, engine: AsyncEngine, audit: AuditLog) -> None:
        self._engine = engine
        self._audit = audit

    async def declare(self, declaration: Declaration, person: str, now_us: int) -> None:
        """Add a declaration."""

        async def work(connection: AsyncConnection) -> None:
            values = {"body": _encoder.encode(declaration), "person": person, "at_us": now_us}
            await connection.execute(insert(DECLARED).values(**values))

        values: dict[str, str | int | float | bool] = {
            "kind": declaration.kind,
            "first_day": declaration.first_day.isoformat(),
            "last_day": declaration.last_day.isoformat(),
        }
        record = Record(
            now_us, "configuration", self._audit.pseudonym(person), f"calendar: {declaration.name}", "declared", values
        )
        await self._audit.append(record, beside=work)

    async def end(self, number: int, why: str, person: str, now_us: int) -> bool:
        """End a declaration before its date; False where there is none of this number in force."""
        known = next((one for one in await self.entries() if one.number == number and one.ended_us is None), None)
        if known is None:
            return False

        async def work(connection: AsyncConnection) -> None:
            which = (DECLARED.c.sequence == number) & DECLARED.c.ended_us.is_(None)
            values = {"ended_us": now_us, "ended_by": person, "ended_why": why}
            await connection.execute(update(DECLARED).where(which).values(**values))

        subject = f"calendar: {known.declaration.name}"
        await self._audit.append(
            Record(now_us, "configuration", self._audit.pseudonym(person), subject, f"ended: {why}"), beside=work
        )
        return True

    async def entries(self) -> list[Entry]:
        """Newest first."""
        query = select(DECLARED).order_by(DECLARED.c.sequence.desc()).limit(MOST)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return [Entry(row.sequence, _decoder.decode(row.body), *row[2:]) for row in rows]

    async def in_force(self) -> tuple[Declaration, ...]:
        """Those that nobody ended, for fusion; days that passed say nothing any more by themselves."""
        query = select(DECLARED.c.body).where(DECLARED.c.ended_us.is_(None)).order_by(DECLARED.c.sequence)
        async with reading(self._engine) as connection:
            return tuple(_decoder.decode(row.body) for row in await connection.execute(query))
