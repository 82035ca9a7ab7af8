"""The hub's memory of incidents: revisions from fusion, decisions from people, and what follows from both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID, uuid5

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.incident import Incident, State
from hub.sinks.endpoints import Endpoint
from hub.store.changes import Bell, newest_change, read_changes, record_changes
from hub.store.decisions import decide_in
from hub.store.engine import reading, write
from hub.store.messages import encoder, follow, put
from hub.store.reading import delivery_of, read_incidents, read_revisions
from hub.store.records import Change, ChangeKind, Decision, Delivery, Notice, StoredIncident
from hub.store.tables import DELIVERY, INCIDENT, INCIDENT_REVISION

Beside = Callable[[AsyncConnection], Awaitable[None]]


class Store:
    """Incidents with their life-cycle, on SQLite or PostgreSQL.

    `endpoints` are those that a confirmation may go to. `confirmations` is how many different people have to confirm
    before an incident is confirmed: 1, or 2 for two-person confirmation. `bell` rings after each commit.
    """

    def __init__(self, engine: AsyncEngine, endpoints: Sequence[Endpoint] = (), confirmations: int = 1) -> None:
        self.engine = engine
        self.endpoints = tuple(endpoints)
        self.confirmations = confirmations
        self.bell = Bell()

    async def save(
        self, incidents: Sequence[Incident], now_us: int, beside: Beside | None = None
    ) -> list[StoredIncident]:
        """Keep new incidents and newer revisions; an older or equal revision changes nothing. One transaction.

        `beside` runs in it first; what it raises leaves everything as it was.

        A confirmed incident that now differs in substance is told to those who were dispatched.
        """
        if not incidents:
            return []

        async def work(connection: AsyncConnection) -> bool:
            if beside is not None:
                await beside(connection)
            query = select(INCIDENT.c.id, INCIDENT.c.revision, INCIDENT.c.state)
            query = query.where(INCIDENT.c.id.in_([incident.id for incident in incidents])).with_for_update()
            known = {row.id: (row.revision, row.state) for row in await connection.execute(query)}
            changes: list[tuple[ChangeKind, UUID, int]] = []
            for incident in sorted(incidents, key=lambda one: one.revision):
                revision, state = known.get(incident.id, (None, "open"))
                if revision is not None and incident.revision <= revision:
                    continue
                await _keep(connection, incident, revision is None, now_us)
                known[incident.id] = (incident.revision, state)
                changes.append(("incident", incident.id, incident.revision))
                if state == "confirmed":
                    await follow(connection, incident, "update", now_us)
            await record_changes(connection, changes, now_us)
            return bool(changes)

        if await write(self.engine, work):
            self.bell.ring()
        wanted = list({incident.id for incident in incidents})
        async with reading(self.engine) as connection:
            return await read_incidents(connection, ids=wanted)

    async def incident(self, incident_id: UUID) -> StoredIncident | None:
        """One incident with its decisions, deliveries and outcomes; None where there is none."""
        async with reading(self.engine) as connection:
            found = await read_incidents(connection, ids=[incident_id])
        return found[0] if found else None

    async def several(self, incident_ids: Sequence[UUID]) -> list[StoredIncident]:
        """Those of these incidents that there are."""
        async with reading(self.engine) as connection:
            return await read_incidents(connection, ids=incident_ids)

    async def incidents(
        self,
        state: State | None = None,
        event: str | None = None,
        since_us: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[StoredIncident]:
        """Newest onset first; `before` is the onset of the last one of the page before."""
        async with reading(self.engine) as connection:
            return await read_incidents(
                connection, state=state, event=event, since_us=since_us, before=before, limit=limit
            )

    async def revisions(self, incident_id: UUID) -> list[Incident]:
        """How the belief developed: every revision, oldest first."""
        async with reading(self.engine) as connection:
            return await read_revisions(connection, incident_id)

    async def decide(self, incident_id: UUID, decision: Decision, *, dispatch: bool = True) -> StoredIncident:
        """Carry out what a person decided; a repeat changes nothing.

        `dispatch` is False while the legal mode is below it: the decision is kept, and nothing is sent for it.

        Raises UnknownIncident (a KeyError), TransitionRefused, SecondPersonNeeded or StaleRevision.
        """

        async def work(connection: AsyncConnection) -> None:
            endpoints = self.endpoints if dispatch else ()
            await decide_in(connection, incident_id, decision, endpoints, self.confirmations)

        await write(self.engine, work)
        self.bell.ring()
        stored = await self.incident(incident_id)
        assert stored is not None, "an incident that was just decided upon is there"
        return stored

    async def changes(self, after: int, limit: int = 1_000) -> list[Change]:
        """Up to `limit` changes behind number `after`, oldest first, without gaps."""
        return await read_changes(self.engine, after, limit)

    async def deliveries(self, sequences: Collection[int]) -> list[Delivery]:
        """The attempts that changes of kind `delivery` refer to, oldest first."""
        query = select(DELIVERY).where(DELIVERY.c.sequence.in_(sequences)).order_by(DELIVERY.c.sequence)
        async with reading(self.engine) as connection:
            return [delivery_of(row) for row in await connection.execute(query)]

    async def newest_change(self) -> int:
        """The number of the newest change."""
        return await newest_change(self.engine)

    async def counts(self) -> dict[str, int]:
        """How many incidents there are in each state."""
        query = select(INCIDENT.c.state, func.count()).group_by(INCIDENT.c.state)
        async with reading(self.engine) as connection:
            return {state: int(count) for state, count in await connection.execute(query)}

    async def send_test(self, endpoint: str, token: UUID, now_us: int) -> str:
        """Queue a message that is plainly a test to one endpoint; returns its `webhook-id`, made from `token`."""
        name = f"msg_{uuid5(token, endpoint).hex}"
        notice = Notice(kind="test", message_id=name, incident=None, confirmed_us=now_us, sent_us=now_us)

        async def work(connection: AsyncConnection) -> None:
            await put(connection, endpoint, notice, now_us)

        await write(self.engine, work)
        self.bell.ring()
        return name


async def _keep(connection: AsyncConnection, incident: Incident, new: bool, now_us: int) -> None:
    body = encoder.encode(incident)
    values = {
        "revision": incident.revision,
        "event": incident.event,
        "onset_us": incident.onset_us,
        "exercise": incident.exercise,
        "body": body,
        "changed_us": now_us,
    }
    if new:
        await connection.execute(insert(INCIDENT).values(id=incident.id, state="open", created_us=now_us, **values))
    else:
        await connection.execute(update(INCIDENT).where(INCIDENT.c.id == incident.id).values(**values))
    await connection.execute(
        insert(INCIDENT_REVISION).values(incident=incident.id, revision=incident.revision, body=body, at_us=now_us)
    )
