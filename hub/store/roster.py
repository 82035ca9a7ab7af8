"""Keeps the duty roster: shifts and exceptions as people enter them.

What changes the roster runs inside a transaction of the caller, who writes the audit record beside it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.access.tables import PERSON
from hub.store.duty import Exceptional, Shift
from hub.store.engine import reading
from hub.store.tables import DUTY_EXCEPTION, DUTY_SHIFT

MAX_ENTRIES: Final = 1_000
"""Of each kind: a control room of fifty people with twenty entries each."""


class Roster(Struct, frozen=True):
    """Every entry whose person may still sign in."""

    shifts: tuple[Shift, ...]
    exceptions: tuple[Exceptional, ...]


async def roster_in(connection: AsyncConnection) -> Roster:
    """The roster inside the caller's transaction. Who may no longer sign in is on duty no more."""
    gone = select(PERSON.c.name).where(PERSON.c.disabled_us.is_not(None))
    shifts = await connection.execute(
        select(DUTY_SHIFT).where(DUTY_SHIFT.c.person.not_in(gone)).order_by(DUTY_SHIFT.c.number)
    )
    exceptions = await connection.execute(
        select(DUTY_EXCEPTION).where(DUTY_EXCEPTION.c.person.not_in(gone)).order_by(DUTY_EXCEPTION.c.starts_us)
    )
    return Roster(
        tuple(
            Shift(
                row.number, row.person, row.level, tuple(int(digit) for digit in row.weekdays),
                row.start, row.end, row.since, row.until,
            )
            for row in shifts
        ),
        tuple(Exceptional(*row) for row in exceptions),
    )  # fmt: skip


async def read_roster(engine: AsyncEngine) -> Roster:
    """The roster as it stands."""
    async with reading(engine) as connection:
        return await roster_in(connection)


async def add_shift(connection: AsyncConnection, shift: Shift) -> int:
    """Enter a shift; its number (the one it carries does not count)."""
    values = {
        "person": shift.person,
        "level": shift.level,
        "weekdays": "".join(str(day) for day in sorted(set(shift.weekdays))),
        "start": shift.start,
        "end": shift.end,
        "since": shift.since,
        "until": shift.until,
    }
    return int(
        (await connection.execute(insert(DUTY_SHIFT).values(**values).returning(DUTY_SHIFT.c.number))).scalar_one()
    )


async def add_exception(connection: AsyncConnection, one: Exceptional) -> int:
    """Enter an exception; its number (the one it carries does not count)."""
    values = {name: getattr(one, name) for name in ("person", "level", "starts_us", "ends_us", "on")}
    made = await connection.execute(insert(DUTY_EXCEPTION).values(**values).returning(DUTY_EXCEPTION.c.number))
    return int(made.scalar_one())


async def remove(connection: AsyncConnection, table: Table, number: int) -> None:
    """Take an entry out."""
    await connection.execute(delete(table).where(table.c.number == number))
