"""The stop: a sensor, a class, or everything, by one act of a person, from this moment on and over restarts.

It only closes. To open again is a second act with a reason of its own.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.policy.audit import AuditLog, Record
from hub.policy.gate import Gate
from hub.policy.tables import SUSPENSION
from hub.store.engine import reading


class Suspension(Struct, frozen=True):
    """What is stopped (`*` is everything), who stopped it and why."""

    name: str
    person: str
    reason: str
    at_us: int


class Suspensions:
    """What is stopped now; the gate hears of each act before the act returns."""

    def __init__(self, engine: AsyncEngine, audit: AuditLog, gate: Gate) -> None:
        self._engine = engine
        self._audit = audit
        self._gate = gate
        self._acting = asyncio.Lock()
        """An act and a look at what other hubs did never meet half-way: the gate would open for a moment."""

    async def current(self) -> list[Suspension]:
        """Every suspension in force, oldest first."""
        async with reading(self._engine) as connection:
            return [
                Suspension(*row) for row in await connection.execute(select(SUSPENSION).order_by(SUSPENSION.c.at_us))
            ]

    async def load(self) -> None:
        """Tell the gate what was stopped before a restart, or by another hub."""
        async with self._acting:
            await self._load()

    async def _load(self) -> None:
        self._gate.suspend([suspension.name for suspension in await self.current()])

    async def suspend(self, name: str, person: str, reason: str, now_us: int) -> None:
        """Stop `name`; a repeat changes nothing but is recorded."""
        async with self._acting:
            await self._suspend(name, person, reason, now_us)

    async def _suspend(self, name: str, person: str, reason: str, now_us: int) -> None:
        # Closed first, written second: between the two the hub is stricter than its record, never laxer.
        self._gate.suspend({name, *(one.name for one in await self.current())})

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(SUSPENSION).where(SUSPENSION.c.name == name))
            await connection.execute(insert(SUSPENSION).values(name=name, person=person, reason=reason, at_us=now_us))

        await self._audit.append(self._record(name, person, reason, now_us, stopped=True), beside=work)
        await self._load()

    async def resume(self, name: str, person: str, reason: str, now_us: int) -> bool:
        """Open `name` again; False where it was not stopped."""
        if all(one.name != name for one in await self.current()):
            return False

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(SUSPENSION).where(SUSPENSION.c.name == name))

        await self._audit.append(self._record(name, person, reason, now_us, stopped=False), beside=work)
        await self.load()
        return True

    def _record(self, name: str, person: str, reason: str, now_us: int, *, stopped: bool) -> Record:
        actor = self._audit.pseudonym(person)
        return Record(now_us, "suspension", actor, name, reason, {"stopped": stopped})
