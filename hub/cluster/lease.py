"""The lease on a part of the city, as one row of the state: taken, renewed, given back, and checked beside a write.

Times are the database's own: hubs whose clocks differ agree on who holds it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.cluster.tables import PARTITION
from hub.store.engine import write


class LeaseLost(RuntimeError):
    """Another hub owns this part of the city now: what this one wanted to write is not written."""

    code = "lease_lost"

    def __init__(self, name: str) -> None:
        super().__init__(f"another hub owns {name} now [lease_lost]")


_now: Final[ColumnElement[Any]] = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)


class Lease:
    """The lease on `name`, wanted by `owner` for `seconds` at a time."""

    def __init__(self, engine: AsyncEngine, name: str, owner: str, seconds: float) -> None:
        self._engine = engine
        self._us = int(seconds * 1e6)
        self.name = name
        self.owner = owner
        self.epoch = 0
        """The number of the own term; 0 while there is none."""

    async def take(self) -> bool:
        """Take it where it is free; False where another holds it."""
        wanted = insert(PARTITION).values(name=self.name, owner=self.owner, epoch=1, until_us=_now + self._us)
        wanted = wanted.on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": self.owner, "epoch": PARTITION.c.epoch + 1, "until_us": _now + self._us},
            where=PARTITION.c.until_us <= _now,
        )

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(wanted.returning(PARTITION.c.epoch))).scalar() or 0

        self.epoch = await write(self._engine, work)
        return self.epoch > 0

    async def renew(self) -> bool:
        """Hold it for longer; False where it is another's."""
        return await self._set(_now + self._us)

    async def give_back(self) -> None:
        """Another may take it at once."""
        if self.epoch:
            await self._set(_now)
            self.epoch = 0

    async def _set(self, until: ColumnElement[Any]) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            changed = update(PARTITION).where(*self._mine()).values(until_us=until)
            return (await connection.execute(changed)).rowcount == 1

        return await write(self._engine, work)

    async def check(self, connection: AsyncConnection) -> None:
        """Inside the transaction of a write: LeaseLost unless the lease is held, and nobody takes it before the end."""
        query = select(PARTITION.c.epoch).where(*self._mine(), PARTITION.c.until_us > _now)
        if (await connection.execute(query.with_for_update(read=True))).first() is None:
            raise LeaseLost(self.name)

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (PARTITION.c.name == self.name, PARTITION.c.owner == self.owner, PARTITION.c.epoch == self.epoch)
