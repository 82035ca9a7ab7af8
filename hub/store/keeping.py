"""What time does to incidents: those that nobody looked at are called out again, and at last expire; nothing confirms.

Escalation is a change that the console shows, and a call to those on duty through the endpoints made for it: a call
says that an incident waits, not where, and dispatches nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final

import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.incident import TRANSITIONS
from hub.store.changes import record_changes
from hub.store.decisions import incident_decoder
from hub.store.duty import on_duty
from hub.store.engine import StoreBusy, write
from hub.store.messages import call, hush
from hub.store.records import Call, Called, ChangeKind
from hub.store.retention import Retention, purge
from hub.store.roster import roster_in
from hub.store.store import Store
from hub.store.tables import INCIDENT, OUTBOX

LOOK_S: Final = 5.0
"""How often the clock is compared: a call comes at most this late."""

PURGE_EVERY_S: Final = 3_600.0

log = structlog.get_logger()


class Keeping(Struct, frozen=True, forbid_unknown_fields=True):
    """After how long something happens by itself, in seconds."""

    escalate_after_s: float = 120.0
    """Nobody looked at an open incident for so long: call again; and again after each further such time."""
    escalate_times: int = 3
    expire_after_s: float = 86_400.0
    """An incident that nobody judged for so long, counted from its first revision, becomes `expired`."""
    retention: Retention = Retention()


async def expire(store: Store, now_us: int, after_us: int) -> int:
    """Let incidents expire that nobody judged within `after_us`; how many. It confirms nothing and rejects nothing."""
    waiting = [state for state, following in TRANSITIONS.items() if "expired" in following]
    which = INCIDENT.c.state.in_(waiting) & (INCIDENT.c.created_us <= now_us - after_us)

    async def quiet(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
        await hush(connection, OUTBOX.c.incident.in_([row.id for row in rows]))

    return await _mark(store, which, "expired", now_us, {"state": "expired"}, quiet)


async def escalate(store: Store, now_us: int, after_us: int, times: int, zone: tzinfo = UTC) -> int:
    """Call out again what is open since `after_us`, twice that, and so on, `times` times at most; how many now.

    Those on duty by the roster (in `zone`) are called through the endpoints of that purpose, the higher levels from
    the second call on.
    """
    due = INCIDENT.c.created_us + (INCIDENT.c.escalated + 1) * after_us <= now_us
    which = (INCIDENT.c.state == "open") & (INCIDENT.c.escalated < times) & due
    endpoints = [endpoint for endpoint in store.endpoints if endpoint.purpose == "escalation"]

    async def out(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
        if not (endpoints and rows):
            return
        roster = await roster_in(connection)
        there = on_duty(roster.shifts, roster.exceptions, now_us, zone)
        for row in rows:
            incident, number = incident_decoder.decode(row.body), row.escalated
            called = tuple(Called(one.person, one.level, one.ends_us) for one in there if one.level <= number)
            for endpoint in endpoints:
                if endpoint.calls(incident):
                    one = Call(number, times, row.created_us, called)
                    await call(connection, endpoint.name, incident, one, now_us)

    return await _mark(store, which, "escalated", now_us, {"escalated": INCIDENT.c.escalated + 1}, out)


async def _mark(
    store: Store,
    which: ColumnElement[bool],
    kind: ChangeKind,
    now_us: int,
    values: dict[str, object],
    beside: Callable[[AsyncConnection, Sequence[Row[Any]]], Awaitable[None]],
) -> int:
    """Change the incidents that `which` names, and what `beside` does about them, in one transaction; how many."""

    async def work(connection: AsyncConnection) -> int:
        changed = update(INCIDENT).where(which).values(changed_us=now_us, **values).returning(INCIDENT)
        rows = (await connection.execute(changed)).all()
        await record_changes(connection, [(kind, row.id, row.revision) for row in rows], now_us)
        await beside(connection, rows)
        return len(rows)

    count = await write(store.engine, work)
    if count:
        store.bell.ring()
    return count


async def keep(store: Store, keeping: Keeping, now_us: Callable[[], int], zone: tzinfo = UTC) -> None:
    """Look at the clock until cancelled; a database that is busy is looked at again."""
    purged_us = 0
    while True:
        now = now_us()
        try:
            await escalate(store, now, int(keeping.escalate_after_s * 1e6), keeping.escalate_times, zone)
            await expire(store, now, int(keeping.expire_after_s * 1e6))
            # A clock that was set back purges again sooner, which does no harm.
            if abs(now - purged_us) >= PURGE_EVERY_S * 1e6:
                await purge(store.engine, keeping.retention, now)
                purged_us = now
        except (SQLAlchemyError, StoreBusy, OSError) as error:
            log.error("keeping_failed", error=str(error).splitlines()[0])
        await asyncio.sleep(LOOK_S)
