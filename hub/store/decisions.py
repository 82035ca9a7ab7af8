"""What a person decides, and the one place in the program that opens a dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.incident import TRANSITIONS, Incident, State, needs_second_look
from hub.sinks.endpoints import Endpoint
from hub.store.changes import record_changes
from hub.store.messages import follow, hush, message_id, put
from hub.store.records import (
    STATE_OF,
    Decision,
    Notice,
    SecondPersonNeeded,
    StaleRevision,
    TransitionRefused,
    UnknownIncident,
)
from hub.store.substance import differs
from hub.store.tables import DECISION, INCIDENT, INCIDENT_REVISION, OUTBOX

incident_decoder: Final = msgspec.json.Decoder(Incident)

_LOOKED_AT: Final = frozenset({"confirm", "reject", "unsure"})
"""Acts that judge what happened: they count only for the incident as it looked."""


async def decide_in(
    connection: AsyncConnection,
    incident_id: UUID,
    decision: Decision,
    endpoints: Sequence[Endpoint],
    confirmations: int,
) -> None:
    """Carry out `decision` inside the caller's transaction; a repeat of the last one by the same person is a no-op.

    Raises UnknownIncident, TransitionRefused, SecondPersonNeeded, StaleRevision; then nothing was written.
    """
    row = (await connection.execute(select(INCIDENT).where(INCIDENT.c.id == incident_id).with_for_update())).first()
    if row is None:
        raise UnknownIncident(incident_id)
    before: State = row.state
    incident = incident_decoder.decode(row.body)
    history = (
        await connection.execute(
            select(DECISION).where(DECISION.c.incident == incident_id).order_by(DECISION.c.sequence.desc())
        )
    ).all()
    last = history[0] if history else None
    repeat = (decision.person, decision.action, decision.revision, before)
    if last and (last.person, last.action, last.revision, last.state) == repeat:
        return
    target = STATE_OF[decision.action]
    if target not in TRANSITIONS[before]:
        raise TransitionRefused(incident_id, before, decision.action)
    if decision.action in _LOOKED_AT:
        await _refuse_stale(connection, incident, decision.revision)

    after = target
    if decision.action == "confirm":
        standing = await _standing_confirmations(connection, incident, history)
        if decision.person in standing:
            raise SecondPersonNeeded(
                incident_id, before, "confirm", f"{decision.person} has confirmed; a second person has to confirm too"
            )
        if len(standing) + 1 < confirmations:
            after = "acknowledged" if before == "open" else before
    written = await connection.execute(
        insert(DECISION)
        .values(
            incident=incident_id,
            person=decision.person,
            action=decision.action,
            reason=decision.reason,
            at_us=decision.at_us,
            revision=decision.revision,
            state=after,
        )
        .returning(DECISION.c.sequence)
    )
    sequence = written.scalar_one()
    judged = after in ("confirmed", "rejected", "unsure") and after == target
    settled = {"decided_us": decision.at_us, "decided_by": decision.person} if judged else {}
    await connection.execute(
        update(INCIDENT).where(INCIDENT.c.id == incident_id).values(state=after, changed_us=decision.at_us, **settled)
    )
    await record_changes(connection, [("decision", incident_id, sequence)], decision.at_us)
    await hush(connection, OUTBOX.c.incident == incident_id)
    if after == "confirmed":
        await _open_dispatch(connection, incident, decision, endpoints)
    elif after == "closed" and before == "confirmed":
        await follow(connection, incident, "cancel", decision.at_us, decision.reason)


async def _open_dispatch(
    connection: AsyncConnection, incident: Incident, decision: Decision, endpoints: Sequence[Endpoint]
) -> None:
    """One message to each endpoint that wants it. Called for a person's confirmation and by nothing else.

    An incident that was known only from detections that came after their window is history: it is confirmed for the
    record, and nobody is sent. Nor is anybody where nothing but a camera's guess of a class that needs a second look
    speaks: people go there on their own eyes, not on the hub's word.
    """
    if needs_second_look(incident):
        return
    if incident.late and not await _was_known_in_time(connection, incident.id):
        return
    for endpoint in endpoints:
        if endpoint.wants(incident):
            notice = Notice(
                kind="dispatch",
                message_id=message_id(incident.id, endpoint.name, "dispatch", 0),
                incident=incident,
                confirmed_us=decision.at_us,
                sent_us=decision.at_us,
                reason=decision.reason,
            )
            await put(connection, endpoint.name, notice, decision.at_us)


async def _was_known_in_time(connection: AsyncConnection, incident_id: UUID) -> bool:
    query = select(INCIDENT_REVISION.c.body).where(INCIDENT_REVISION.c.incident == incident_id)
    return any(not incident_decoder.decode(row.body).late for row in await connection.execute(query))


async def _refuse_stale(connection: AsyncConnection, current: Incident, seen: int) -> None:
    if seen != current.revision and not await _looked_the_same(connection, current, seen):
        raise StaleRevision(current.id, seen, current.revision)


async def _looked_the_same(connection: AsyncConnection, current: Incident, seen: int) -> bool:
    query = select(INCIDENT_REVISION.c.body).where(
        INCIDENT_REVISION.c.incident == current.id, INCIDENT_REVISION.c.revision == seen
    )
    body = (await connection.execute(query)).scalar()
    return body is not None and not differs(incident_decoder.decode(body), current)


async def _standing_confirmations(
    connection: AsyncConnection, current: Incident, newest_first: Sequence[Row[Any]]
) -> set[str]:
    """Who has confirmed this incident as it looks now, since the last act that was neither that nor a look."""
    standing: set[str] = set()
    for past in newest_first:
        if past.action == "acknowledge":
            continue
        if past.action != "confirm":
            break
        if past.revision == current.revision or await _looked_the_same(connection, current, past.revision):
            standing.add(past.person)
    return standing
