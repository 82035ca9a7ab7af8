"""Deletes what the hub may no longer keep, kind by kind, and leaves a proof of each purge: what, how much, when.

An incident goes with everything that hangs on it: revisions, decisions, messages, attempts, outcomes. One that still
waits for a delivery stays. The counts of past incidents are in the series, which know no person.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store.engine import reading, write
from hub.store.tables import CHANGE, COUNTER, DELIVERY, INCIDENT, OUTBOX, PURGE

DAY_US: Final = 86_400_000_000

CHUNK: Final = 500
"""Rows in one transaction, so that a large purge does not hold up a decision."""


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days each kind is kept."""

    confirmed_days: float = 365.0
    """Incidents that were dispatched: at least the six months that the AI Act asks of logs (article 26(6))."""
    unconfirmed_days: float = 30.0
    """Rejected, unsure, expired: a month, the longest that French law lets a city keep the images of its cameras."""
    delivery_days: float = 365.0
    """The log of attempts; it goes at the latest with its incident."""
    change_days: float = 30.0
    """How far back a reader of changes may resume."""


class Purged(Struct, frozen=True, forbid_unknown_fields=True):
    """The proof of one purge: `rows` of `kind` that were older than `before_us` were deleted at `at_us`."""

    kind: str
    before_us: int
    rows: int
    at_us: int


async def purge(engine: AsyncEngine, keep: Retention, now_us: int) -> list[Purged]:
    """Delete what is over its time; what was deleted, also kept as a record where it is more than nothing."""
    dispatched = select(OUTBOX.c.incident).where(OUTBOX.c.kind == "dispatch")
    waiting = select(OUTBOX.c.incident).where(OUTBOX.c.state.in_(("pending", "dead")), OUTBOX.c.incident.is_not(None))
    done = INCIDENT.c.state.not_in(("open", "acknowledged")) & INCIDENT.c.id.not_in(waiting)
    read = select(func.min(COUNTER.c.value)).where(COUNTER.c.name.like("consumer:%")).scalar_subquery()
    kinds: list[tuple[str, Table, ColumnElement[bool], ColumnElement[int], float]] = [
        ("confirmed", INCIDENT, done & INCIDENT.c.id.in_(dispatched), INCIDENT.c.changed_us, keep.confirmed_days),
        (
            "unconfirmed",
            INCIDENT,
            done & INCIDENT.c.id.not_in(dispatched),
            INCIDENT.c.changed_us,
            keep.unconfirmed_days,
        ),
        ("delivery", DELIVERY, DELIVERY.c.sequence > 0, DELIVERY.c.at_us, keep.delivery_days),
        # What a consumer has not read yet stays: it fills in when its server is back.
        (
            "change",
            CHANGE,
            CHANGE.c.sequence <= func.coalesce(read, CHANGE.c.sequence),
            CHANGE.c.at_us,
            keep.change_days,
        ),
    ]
    proofs = []
    for kind, table, which, age, days in kinds:
        before_us = now_us - int(days * DAY_US)
        rows = await _delete(engine, table, which & (age < before_us))
        if rows:
            proof = Purged(kind, before_us, rows, now_us)
            await _record(engine, proof)
            proofs.append(proof)
    return proofs


async def purges(engine: AsyncEngine) -> list[Purged]:
    """Every purge that deleted something, oldest first."""
    query = select(PURGE.c.kind, PURGE.c.before_us, PURGE.c.rows, PURGE.c.at_us).order_by(PURGE.c.sequence)
    async with reading(engine) as connection:
        return [Purged(*row) for row in await connection.execute(query)]


async def _delete(engine: AsyncEngine, table: Table, which: ColumnElement[bool]) -> int:
    (key,) = table.primary_key.columns
    some = select(key).where(which).limit(CHUNK)

    async def work(connection: AsyncConnection) -> int:
        return (await connection.execute(delete(table).where(key.in_(some)))).rowcount

    total = 0
    while (rows := await write(engine, work)) > 0:
        total += rows
    return total


async def _record(engine: AsyncEngine, proof: Purged) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            insert(PURGE).values(kind=proof.kind, before_us=proof.before_us, rows=proof.rows, at_us=proof.at_us)
        )

    await write(engine, work)
