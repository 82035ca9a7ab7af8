"""Keeps the second copy of the state for as long as the hub runs, and looks through both now and then."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.engine import twin_of

LOOK_S: Final = 3_600.0
"""How often a copy that a full disk cost is made anew."""
LOOKS: Final = 24
"""The whole file is looked through after so many looks: once a day. The start does it too, before anybody has it."""

log = structlog.get_logger()


async def keep_copied(engine: AsyncEngine, damaged: Callable[[], None], every_s: float = LOOK_S) -> None:
    """Make the copy where there is none, and compare both once a day, until cancelled; `damaged` hears of a damage."""
    twin = twin_of(engine)
    if twin is None:
        return
    await asyncio.to_thread(twin.open)
    for number in itertools.count(1):
        await asyncio.sleep(every_s)
        if not twin.fault and number % LOOKS:
            continue
        try:
            if not await asyncio.to_thread(twin.look):
                damaged()
        except (OSError, sqlite3.Error) as error:
            log.warning("state_not_looked_through", reason=str(error))
