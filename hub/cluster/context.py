"""Company as a service of the application: the lease, and what hubs have to hear of each other."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import uuid4

import structlog
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.lease import Lease
from hub.cluster.ownership import Alone, Shared
from hub.keys import CONFIG, ENGINE, OWNERSHIP, REGISTRY, STORE, SUSPENSIONS
from hub.policy.audit import load_audit_key
from hub.policy.tables import AUDIT_HEAD
from hub.store.engine import StoreBusy, reading
from hub.tasks import running

CITY: Final = "city"
"""The one partition there is."""
LOOK_S: Final = 0.25
"""How late the pages of one hub show what another did."""
RING_S: Final = 2.0
"""So often the bell rings anyway: an outbox that another hub put something into changes nothing else."""
STOPS_S: Final = 1.0
"""A stop that was said to one hub closes the gate of the others after this time, and half as much again."""
HEALTH_S: Final = 5.0

log = structlog.get_logger()


class AuditKeyDiffers(RuntimeError):
    """This hub would sign the audit log of the city with another key than the hubs before it."""

    code = "audit_key_differs"


async def ownership_context(app: web.Application) -> AsyncIterator[None]:
    """Who works on the city. Raises AuditKeyDiffers where this hub has another `audit.key` than those before it."""
    cluster = app[CONFIG].cluster
    if not cluster.name:
        app[OWNERSHIP] = Alone()
        yield
        return
    await _same_key(app)
    owner = f"{cluster.name}/{socket.gethostname()[:30]}/{uuid4().hex[:8]}"
    shared = Shared(Lease(app[ENGINE], CITY, owner, cluster.lease_s), cluster.lease_s)
    app[OWNERSHIP] = shared
    async with running("lease", shared.run()):
        yield


async def company_context(app: web.Application) -> AsyncIterator[None]:
    """Hear what other hubs did."""
    if not app[CONFIG].cluster.name:
        yield
        return
    async with running("company", _hear_changes(app), _hear_stops(app), _hear_health(app)):
        yield


async def _same_key(app: web.Application) -> None:
    """One audit log has one key: pseudonyms and signatures of two would not fit together."""
    query = select(AUDIT_HEAD.c.public_key).distinct()
    async with reading(app[ENGINE]) as connection:
        found = {bytes(row.public_key) for row in await connection.execute(query)}
    key = await asyncio.to_thread(load_audit_key, app[CONFIG].data_dir / "audit.key")
    if found - {key.public_key().public_bytes_raw()}:
        raise AuditKeyDiffers(
            "the audit log of this city was signed with another key: copy `audit.key` from the data folder of the hub "
            "that came first into that of this one [audit_key_differs]"
        )


async def _hear_changes(app: web.Application) -> None:
    seen, rung_s = await _newest(app), time.monotonic()
    while True:
        await asyncio.sleep(LOOK_S)
        newest, now_s = await _newest(app), time.monotonic()
        if newest != seen or now_s - rung_s >= RING_S:
            seen, rung_s = newest, now_s
            app[STORE].bell.ring()


async def _newest(app: web.Application) -> int:
    try:
        return await app[STORE].newest_change()
    except (SQLAlchemyError, StoreBusy, OSError):
        return -1  # whoever needs the state says so; afterwards it is another number


async def _hear_stops(app: web.Application) -> None:
    while True:
        await asyncio.sleep(STOPS_S)
        try:
            await app[SUSPENSIONS].load()
        except (SQLAlchemyError, StoreBusy, OSError) as error:
            log.error("stops_not_heard", reason=str(error).splitlines()[0])


async def _hear_health(app: web.Application) -> None:
    while True:
        await asyncio.sleep(HEALTH_S)
        try:
            await app[REGISTRY].flush()
            await app[REGISTRY].learn()
        except (SQLAlchemyError, StoreBusy, OSError) as error:
            log.warning("health_not_heard", reason=str(error).splitlines()[0])
