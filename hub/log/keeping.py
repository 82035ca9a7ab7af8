"""Purges the log now and then, for as long as the hub runs."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

import structlog

from hub.log.interface import EventLog, LogUnavailable, Retention

PURGE_EVERY_S: Final = 3_600.0
SCRUBS: Final = 24
"""The whole log is looked through at the start and after so many purges: once a day."""

log = structlog.get_logger()


async def keep_log(event_log: EventLog, keep: Retention, every_s: float = PURGE_EVERY_S) -> None:
    """Purge at once and then every `every_s` seconds, until cancelled; a log that can't be written is tried again."""
    for number in itertools.count():
        try:
            if number % SCRUBS == 0:
                await event_log.scrub()
            if deleted := await event_log.purge(keep):
                log.info("log_purged", messages=deleted)
        except LogUnavailable as fault:
            log.warning("log_not_purged", code=fault.code)
        await asyncio.sleep(every_s)
