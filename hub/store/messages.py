"""Messages that follow a dispatch (updates and cancels, to those who got it), and calls to those on duty.

None of them opens a dispatch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.incident import Incident
from hub.store.records import Call, MessageKind, Notice, Reference
from hub.store.substance import differs
from hub.store.tables import OUTBOX

encoder: Final = msgspec.json.Encoder()
notice_decoder: Final = msgspec.json.Decoder(Notice)


def message_id(incident: UUID, endpoint: str, kind: MessageKind, revision: int) -> str:
    """The `webhook-id`: made from what the message is about, so that the same message never gets a second one."""
    return f"msg_{uuid5(incident, f'{endpoint}/{kind}/{revision}').hex}"


async def put(connection: AsyncConnection, endpoint: str, notice: Notice, at_us: int) -> None:
    """Write one outbox row, due at once."""
    await connection.execute(
        insert(OUTBOX).values(
            endpoint=endpoint,
            kind=notice.kind,
            message_id=notice.message_id,
            incident=notice.incident.id if notice.incident else None,
            body=encoder.encode(notice),
            state="pending",
            created_us=at_us,
            due_us=at_us,
        )
    )


async def follow(
    connection: AsyncConnection, incident: Incident, kind: Literal["update", "cancel"], at_us: int, reason: str = ""
) -> None:
    """Put an update or a cancel behind every dispatch of this incident; none where it was never dispatched.

    An update is made only where the incident differs in substance from what was last said. What still waits is hurried,
    because its follower waits behind it; an update that still waits is superseded by the newer message.
    """
    waiting = (
        update(OUTBOX)
        .where(OUTBOX.c.incident == incident.id, OUTBOX.c.state == "pending")
        .where(or_(OUTBOX.c.claimed_until_us.is_(None), OUTBOX.c.claimed_until_us <= at_us))
    )
    for endpoint, notices in (await _said(connection, incident.id)).items():
        if any(notice.kind == "cancel" for notice in notices):
            continue
        last = notices[-1].incident
        if kind == "update" and last is not None and not differs(last, incident):
            continue
        here = waiting.where(OUTBOX.c.endpoint == endpoint)
        await connection.execute(here.where(OUTBOX.c.kind == "update").values(state="superseded"))
        await connection.execute(here.where(OUTBOX.c.kind == "dispatch").values(due_us=at_us))
        standing = (await _said(connection, incident.id))[endpoint]
        await put(connection, endpoint, _follower(incident, kind, standing, endpoint, at_us, reason), at_us)


async def call(connection: AsyncConnection, endpoint: str, incident: Incident, call: Call, at_us: int) -> None:
    """Call those on duty to `incident`; an earlier call that has not got through is not sent any more."""
    await hush(connection, OUTBOX.c.incident == incident.id, OUTBOX.c.endpoint == endpoint)
    notice = Notice(
        kind="escalation",
        message_id=message_id(incident.id, endpoint, "escalation", call.number),
        incident=incident,
        confirmed_us=0,
        sent_us=at_us,
        call=call,
    )
    await put(connection, endpoint, notice, at_us)


async def hush(connection: AsyncConnection, *which: ColumnElement[bool]) -> None:
    """Calls of these incidents that wait are not sent any more: somebody came, or their time is over."""
    waiting = (OUTBOX.c.kind == "escalation", OUTBOX.c.state.in_(("pending", "dead")))
    await connection.execute(update(OUTBOX).where(*waiting, *which).values(state="superseded"))


async def _said(connection: AsyncConnection, incident: UUID) -> dict[str, list[Notice]]:
    """What each endpoint was told of the incident, or will be, in order."""
    query = (
        select(OUTBOX.c.endpoint, OUTBOX.c.body)
        .where(OUTBOX.c.incident == incident, OUTBOX.c.state != "superseded", OUTBOX.c.kind != "escalation")
        .order_by(OUTBOX.c.sequence)
    )
    said: dict[str, list[Notice]] = {}
    for row in await connection.execute(query):
        said.setdefault(row.endpoint, []).append(notice_decoder.decode(row.body))
    return said


def _follower(
    incident: Incident,
    kind: Literal["update", "cancel"],
    before: Sequence[Notice],
    endpoint: str,
    at_us: int,
    reason: str,
) -> Notice:
    return Notice(
        kind=kind,
        message_id=message_id(incident.id, endpoint, kind, incident.revision),
        incident=incident,
        confirmed_us=before[0].confirmed_us,
        sent_us=at_us,
        reason=reason,
        references=tuple(Reference(notice.message_id, notice.sent_us) for notice in before),
    )
