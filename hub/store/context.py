"""What time does to incidents, as a service of the application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.cluster.ownership import ownership_of
from hub.keys import CONFIG, STORE
from hub.store.keeping import keep
from hub.tasks import running


async def keeping_context(app: web.Application) -> AsyncIterator[None]:
    """Call out again, let expire, purge, as the configuration says."""
    config = app[CONFIG]
    zone = ZoneInfo(config.time_zone)
    ownership = ownership_of(app)

    async def work() -> None:
        await keep(app[STORE], config.keeping, lambda: time.time_ns() // 1_000, zone)

    async with running("keeping", ownership.during(work)):
        yield
