"""Reads incidents with what people did about them, one by one or as a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.incident import Incident, State
from hub.store.decisions import incident_decoder
from hub.store.records import Decision, Delivery, Outcome, StoredIncident
from hub.store.tables import DECISION, DELIVERY, INCIDENT, INCIDENT_REVISION, OUTCOME

headers_decoder: Final = msgspec.json.Decoder(dict[str, str])


async def read_incidents(
    connection: AsyncConnection,
    *,
    ids: Sequence[UUID] | None = None,
    state: State | None = None,
    event: str | None = None,
    since_us: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[StoredIncident]:
    """Newest onset first. `since_us` and `before` bound the onset, [since_us, before)."""
    query: Select[Any] = select(INCIDENT).order_by(INCIDENT.c.onset_us.desc(), INCIDENT.c.id)
    if ids is not None:
        query = query.where(INCIDENT.c.id.in_(ids))
    if state is not None:
        query = query.where(INCIDENT.c.state == state)
    if event is not None:
        query = query.where(INCIDENT.c.event == event)
    if since_us is not None:
        query = query.where(INCIDENT.c.onset_us >= since_us)
    if before is not None:
        query = query.where(INCIDENT.c.onset_us < before)
    if limit is not None:
        query = query.limit(limit)
    rows = (await connection.execute(query)).all()
    found = [row.id for row in rows]
    decisions = await _by_incident(connection, DECISION, found)
    deliveries = await _by_incident(connection, DELIVERY, found)
    outcomes = await _by_incident(connection, OUTCOME, found)
    return [
        StoredIncident(
            incident=incident_decoder.decode(row.body),
            state=row.state,
            created_us=row.created_us,
            changed_us=row.changed_us,
            decided_us=row.decided_us,
            decided_by=row.decided_by,
            escalated=row.escalated,
            decisions=tuple(
                Decision(one.person, one.action, one.reason, one.at_us, one.revision) for one in decisions[row.id]
            ),
            deliveries=tuple(delivery_of(one) for one in deliveries[row.id]),
            outcomes=tuple(outcome_of(one) for one in outcomes[row.id]),
        )
        for row in rows
    ]


async def read_revisions(connection: AsyncConnection, incident: UUID) -> list[Incident]:
    """Every revision of one incident, oldest first."""
    query = (
        select(INCIDENT_REVISION.c.body)
        .where(INCIDENT_REVISION.c.incident == incident)
        .order_by(INCIDENT_REVISION.c.revision)
    )
    return [incident_decoder.decode(row.body) for row in await connection.execute(query)]


def delivery_of(row: Any) -> Delivery:
    """The value of one row of the delivery log."""
    return Delivery(
        message_id=row.message_id,
        incident=row.incident,
        endpoint=row.endpoint,
        kind=row.kind,
        attempt=row.attempt,
        at_us=row.at_us,
        status=row.status,
        ok=row.ok,
        latency_ms=row.latency_ms,
        error=row.error,
        request=headers_decoder.decode(row.request),
        answer=row.answer,
    )


def outcome_of(row: Any) -> Outcome:
    """The value of one row of what dispatch reported."""
    return Outcome(
        incident=row.incident,
        endpoint=row.endpoint,
        message_id=row.message_id,
        outcome=row.outcome,
        minutes=row.minutes,
        reference=row.reference,
        at_us=row.at_us,
    )


async def _by_incident(connection: AsyncConnection, table: Table, ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    grouped: dict[UUID, list[Any]] = defaultdict(list)
    if ids:
        query = select(table).where(table.c.incident.in_(ids)).order_by(table.c.sequence)
        for row in await connection.execute(query):
            grouped[row.incident].append(row)
    return grouped
