"""Who works on the city: this hub alone, or whichever of several holds the lease; what runs while it does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cluster.lease import Lease
from hub.keys import OWNERSHIP
from hub.store.engine import StoreBusy

LOOKS: Final = 6
"""How often within a lease it is renewed, or looked whether it is free."""

log = structlog.get_logger()

Run = Callable[[], Awaitable[None]]


class Alone:
    """A hub without company owns everything."""

    terms = 1
    """How often this hub has become the owner."""

    @property
    def owns(self) -> bool:
        """True while this hub works on the city."""
        return True

    async def during(self, run: Run, meanwhile: Run | None = None) -> None:
        """`run` while this hub owns the city, from its beginning each time; `meanwhile` while it does not."""
        await run()

    async def check(self, connection: AsyncConnection) -> None:
        """Inside the transaction of a write: LeaseLost where another hub owns the city by now."""


class Shared(Alone):
    """One of several hubs: the owner is who holds `lease`, of `lease_s` seconds."""

    def __init__(self, lease: Lease, lease_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._lease = lease
        self._lease_s = lease_s
        self._monotonic_s = monotonic_s
        self._until_s = float("-inf")
        self._gained = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self.terms = 0

    @property
    def owns(self) -> bool:
        """True while this hub works on the city; also a process that was stopped for a while knows at once."""
        return self._gained.is_set() and self._monotonic_s() < self._until_s

    async def check(self, connection: AsyncConnection) -> None:
        """Inside the transaction of a write: LeaseLost where another hub owns the city by now."""
        await self._lease.check(connection)

    async def run(self) -> None:
        """Take, renew, lose, until cancelled; then give back."""
        pause_s = self._lease_s / LOOKS
        try:
            while True:
                await self._look()
                await asyncio.sleep(pause_s)
        finally:
            self._end("the hub is stopping")
            with contextlib.suppress(SQLAlchemyError, StoreBusy, OSError, TimeoutError):
                async with asyncio.timeout(self._lease_s):
                    await self._lease.give_back()

    async def _look(self) -> None:
        before_s = self._monotonic_s()
        held = False
        try:
            async with asyncio.timeout(self._lease_s / 2):
                held = await (self._lease.renew() if self._gained.is_set() else self._lease.take())
        except (SQLAlchemyError, StoreBusy, OSError, TimeoutError) as error:
            log.warning("lease_waits", reason=(str(error).splitlines() or [type(error).__name__])[0])
            held = self.owns  # for as long as it was given
        else:
            if held:
                # Counted from before the question: never longer than the database counts it.
                self._until_s = before_s + self._lease_s
        if held and not self._gained.is_set():
            self.terms += 1
            log.warning("city_taken", owner=self._lease.owner, epoch=self._lease.epoch)
            self._lost.clear()
            self._gained.set()
        elif not held and self._gained.is_set():
            self._end("another hub may own it")

    def _end(self, reason: str) -> None:
        if self._gained.is_set():
            log.warning("city_lost", owner=self._lease.owner, epoch=self._lease.epoch, reason=reason)
        self._gained.clear()
        self._lost.set()

    async def during(self, run: Run, meanwhile: Run | None = None) -> None:
        """`run` while this hub owns the city, from its beginning each time; `meanwhile` while it does not."""
        while True:
            await _until(self._gained, meanwhile)
            await _until(self._lost, run)


def ownership_of(app: web.Application) -> Alone:
    """Who works on the city that `app` serves."""
    return app.get(OWNERSHIP) or Alone()


async def _until(event: asyncio.Event, run: Run | None) -> None:
    """Return once `event` is set; until then `run` runs. Raises what it raises."""
    waiting = asyncio.ensure_future(event.wait())
    work = None if run is None else asyncio.ensure_future(run())
    both = [waiting] if work is None else [waiting, work]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if work is not None and work.done():
            work.result()
            await waiting
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
