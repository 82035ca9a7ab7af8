"""The numbered list of everything that changed: what server-sent events resume from and what InfluxDB is written from.

A number comes from a counter row that stays locked until the commit, so numbers have no gaps and appear in order: a
reader that saw 8 has seen 7, on both databases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store.engine import reading, write
from hub.store.records import Change, ChangeKind
from hub.store.tables import CHANGE, COUNTER

_CHANGES = "change"


async def _advance(connection: AsyncConnection, name: str, by: int) -> int:
    insert_or = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    counted = insert_or(COUNTER).values(name=name, value=by)
    counted = counted.on_conflict_do_update(index_elements=["name"], set_={"value": COUNTER.c.value + by})
    return int((await connection.execute(counted.returning(COUNTER.c.value))).scalar_one())


async def record_changes(
    connection: AsyncConnection, changes: Sequence[tuple[ChangeKind, UUID, int]], at_us: int
) -> None:
    """Number and write `(kind, incident, reference)`s inside the caller's transaction."""
    if not changes:
        return
    last = await _advance(connection, _CHANGES, len(changes))
    rows = [
        {"sequence": last - len(changes) + 1 + index, "kind": kind, "id": str(about), "reference": ref, "at_us": at_us}
        for index, (kind, about, ref) in enumerate(changes)
    ]
    await connection.execute(insert(CHANGE), rows)


async def read_changes(engine: AsyncEngine, after: int, limit: int) -> list[Change]:
    """Up to `limit` changes behind number `after`, oldest first."""
    query = select(CHANGE).where(CHANGE.c.sequence > after).order_by(CHANGE.c.sequence).limit(limit)
    async with reading(engine) as connection:
        return [Change(*row) for row in await connection.execute(query)]


async def newest_change(engine: AsyncEngine) -> int:
    """The number of the newest change; 0 where nothing ever changed."""
    async with reading(engine) as connection:
        query = select(COUNTER.c.value).where(COUNTER.c.name == _CHANGES)
        return int((await connection.execute(query)).scalar() or 0)


async def committed_position(engine: AsyncEngine, consumer: str) -> int:
    """Up to which change `consumer` is done; 0 at first."""
    async with reading(engine) as connection:
        query = select(COUNTER.c.value).where(COUNTER.c.name == f"consumer:{consumer}")
        return int((await connection.execute(query)).scalar() or 0)


async def commit_position(engine: AsyncEngine, consumer: str, position: int) -> None:
    """Remember that `consumer` is done up to change `position`."""

    async def work(connection: AsyncConnection) -> None:
        name = f"consumer:{consumer}"
        known = update(COUNTER).where(COUNTER.c.name == name).values(value=position)
        if (await connection.execute(known)).rowcount == 0:
            await connection.execute(insert(COUNTER).values(name=name, value=position))

    await write(engine, work)


async def forget_consumer(engine: AsyncEngine, consumer: str) -> None:
    """`consumer` is switched off: it no longer holds back what a purge may delete."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(COUNTER).where(COUNTER.c.name == f"consumer:{consumer}"))

    await write(engine, work)


class Bell:
    """Wakes those who wait for the next change, in this process. A ring between two waits is not lost."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.count = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, heard: int) -> int:
        """Return once the bell has rung more than `heard` times; the new count."""
        while self.count <= heard:
            await self._rung.wait()
        return self.count
