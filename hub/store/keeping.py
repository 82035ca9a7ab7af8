"""What time does to incidents: those that nobody looked at are called out again, and at last expire; nothing confirms.

Escalation stays inside the hub: it is a change that the console shows. What no person confirmed never leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.incident import TRANSITIONS
from hub.store.changes import record_changes
from hub.store.engine import StoreBusy, write
from hub.store.records import ChangeKind
from hub.store.retention import Retention, purge
from hub.store.store import Store
from hub.store.tables import INCIDENT

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
    return await _mark(store, which, "expired", now_us, {"state": "expired"})


async def escalate(store: Store, now_us: int, after_us: int, times: int) -> int:
    """Call out again what is open since `after_us`, twice that, and so on, `times` times at most; how many now."""
    due = INCIDENT.c.created_us + (INCIDENT.c.escalated + 1) * after_us <= now_us
    which = (INCIDENT.c.state == "open") & (INCIDENT.c.escalated < times) & due
    return await _mark(store, which, "escalated", now_us, {"escalated": INCIDENT.c.escalated + 1})


async def _mark(
    store: Store, which: ColumnElement[bool], kind: ChangeKind, now_us: int, values: dict[str, object]
) -> int:
    async def work(connection: AsyncConnection) -> int:
        changed = update(INCIDENT).where(which).values(changed_us=now_us, **values)
        rows = (await connection.execute(changed.returning(INCIDENT.c.id, INCIDENT.c.revision))).all()
        await record_changes(connection, [(kind, row.id, row.revision) for row in rows], now_us)
        return len(rows)

    count = await write(store.engine, work)
    if count:
        store.bell.ring()
    return count


async def keep(store: Store, keeping: Keeping, now_us: Callable[[], int]) -> None:
    """Look at the clock until cancelled; a database that is busy is looked at again."""
    purged_us = 0
    while True:
        now = now_us()
        try:
            await escalate(store, now, int(keeping.escalate_after_s * 1e6), keeping.escalate_times)
            await expire(store, now, int(keeping.expire_after_s * 1e6))
            # A clock that was set back purges again sooner, which does no harm.
            if abs(now - purged_us) >= PURGE_EVERY_S * 1e6:
                await purge(store.engine, keeping.retention, now)
                purged_us = now
        except (SQLAlchemyError, StoreBusy, OSError) as error:
            log.error("keeping_failed", error=str(error).splitlines()[0])
        await asyncio.sleep(LOOK_S)
