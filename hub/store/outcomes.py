"""Keeps what dispatch reports back about an incident that it was sent to; a repeat of a report changes nothing."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.changes import record_changes
from hub.store.engine import write
from hub.store.reading import outcome_of
from hub.store.records import Outcome
from hub.store.store import Store
from hub.store.tables import OUTBOX, OUTCOME

Taken = Literal["new", "repeated", "id_reused", "not_dispatched"]


async def record_outcome(store: Store, outcome: Outcome) -> Taken:
    """Write one report. Of several by the same receiver the newest counts, and all are kept.

    `repeated`: the same report under the same id. `id_reused`: another report under a known id; nothing was written.
    `not_dispatched`: this receiver was never sent to that incident; nothing was written.
    """

    async def work(connection: AsyncConnection) -> Taken:
        dispatched = select(OUTBOX.c.sequence).where(
            OUTBOX.c.incident == outcome.incident, OUTBOX.c.endpoint == outcome.endpoint, OUTBOX.c.kind == "dispatch"
        )
        # Locked, so that two copies of one report do not pass each other.
        if (await connection.execute(dispatched.with_for_update())).first() is None:
            return "not_dispatched"
        known = select(OUTCOME).where(
            OUTCOME.c.endpoint == outcome.endpoint, OUTCOME.c.message_id == outcome.message_id
        )
        row = (await connection.execute(known)).first()
        if row is not None:
            return "repeated" if _says(outcome_of(row)) == _says(outcome) else "id_reused"
        columns = {name: getattr(outcome, name) for name in outcome.__struct_fields__}
        written = await connection.execute(insert(OUTCOME).values(**columns).returning(OUTCOME.c.sequence))
        await record_changes(connection, [("outcome", outcome.incident, written.scalar_one())], outcome.at_us)
        return "new"

    taken = await write(store.engine, work)
    if taken == "new":
        store.bell.ring()
    return taken


def _says(outcome: Outcome) -> tuple[object, ...]:
    return outcome.incident, outcome.outcome, outcome.minutes, outcome.reference
