"""The worker that empties the outbox: one task a receiver, so that a hanging one never delays another."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.sinks.endpoints import Endpoint
from hub.sinks.schedule import CircuitBreaker, wait_s
from hub.sinks.webhook import CONNECTIONS, Attempt, Webhook
from hub.store.changes import Bell
from hub.store.engine import StoreBusy
from hub.store.outbox import Outbox
from hub.store.records import OutboxRow
from hub.store.store import Store

LEASE_MARGIN_S: Final = 20.0
"""How much longer than its time-out a message stays claimed: room for the database to be busy."""

LONGEST_SLEEP_S: Final = 60.0
"""A clock that jumps, or another hub that died, is noticed after this time at the latest."""

DATABASE_PAUSE_S: Final = 1.0

CLOCK_LOOK_S: Final = 1.0
CLOCK_STEP_S: Final = 5.0
"""A clock that moves by more than this against the monotonic one was set."""

log = structlog.get_logger()


@dataclass(slots=True)
class Counts:
    """What became of attempts since the start."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    database_errors: int = 0


class OutboxWorker:
    """Delivers what the store put into the outbox, until cancelled.

    `owner` names this hub: at its start it takes back what it had claimed before it died. `source` names it in the
    messages. `now_s` is the wall clock, `dice` gives numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        store: Store,
        endpoints: Sequence[Endpoint],
        *,
        owner: str = "hub",
        source: str = "tocsin",
        now_s: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outbox = Outbox(store.engine, store.bell)
        self.counts = Counts()
        self.observed: Callable[[str, bool, float], None] = _nobody
        """Hears of each attempt: endpoint, whether it was delivered, seconds."""
        self.breakers = {endpoint.name: CircuitBreaker() for endpoint in endpoints}
        self._endpoints = tuple(endpoints)
        self._webhooks: list[Webhook] = []
        self._bell: Bell = store.bell
        self._owner = owner
        self._source = source
        self._now_s = now_s
        self._dice = dice
        self._monotonic_s = monotonic_s

    async def open(self) -> None:
        """Read keys and take back own claims. Raises EndpointRefused or KeyRefused where an endpoint cannot work."""
        for endpoint in self._endpoints:
            self._webhooks.append(await Webhook.open(endpoint, self._source, self._now_s))
        await self.outbox.release(self._owner)
        ahead_us = await self.outbox.newest_us() - int(self._now_s() * 1e6)
        if ahead_us > CLOCK_STEP_S * 1e6:
            # The clock was ahead when something was put off, and was set right while the hub was down.
            log.warning("clock_was_set", seconds=round(-ahead_us / 1e6, 1))
            await self.outbox.shift(-ahead_us)
        orphans = await self.outbox.bury_orphans([endpoint.name for endpoint in self._endpoints])
        if orphans:
            log.warning("messages_for_removed_endpoints", dead_letters=orphans)

    async def take_over(self) -> None:
        """Take back what any hub had claimed: this one delivers now, and messages need not wait for claims to end.

        What another had on its way in this moment may arrive a second time, under the same id.
        """
        await self.outbox.release(None)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_clock(), name="outbox clock")
            for webhook in self._webhooks:
                tasks.create_task(self._serve(webhook), name=f"outbox {webhook.endpoint.name}")

    async def _watch_clock(self) -> None:
        """Where the clock is set, what waits goes with it: an hour back must not hold a dispatch for an hour."""
        ahead_s = self._now_s() - self._monotonic_s()
        while True:
            await asyncio.sleep(CLOCK_LOOK_S)
            step_s = self._now_s() - self._monotonic_s() - ahead_s
            if abs(step_s) < CLOCK_STEP_S:
                continue
            try:
                await self.outbox.shift(int(step_s * 1e6))
            except (SQLAlchemyError, StoreBusy, OSError) as error:
                self.counts.database_errors += 1
                log.error("outbox_database", error=str(error).splitlines()[0])
                continue
            log.warning("clock_was_set", seconds=round(step_s, 1))
            ahead_s += step_s
            for breaker in self.breakers.values():
                breaker.open_until_s += step_s
            self._bell.ring()

    async def close(self) -> None:
        """Close the connections."""
        for webhook in self._webhooks:
            await webhook.close()

    async def _serve(self, webhook: Webhook) -> None:
        """One receiver: claim, deliver side by side, settle, sleep until the bell or the next due time."""
        while True:
            heard = self._bell.count
            try:
                sleep_s = await self._sleep_s(webhook.endpoint.name)
                if sleep_s <= 0.0:
                    rows = await self._claim(webhook)
                    await asyncio.gather(*(self._deliver(webhook, row) for row in rows))
                    continue
            except (SQLAlchemyError, StoreBusy, OSError) as error:
                self.counts.database_errors += 1
                log.error("outbox_database", endpoint=webhook.endpoint.name, error=str(error).splitlines()[0])
                heard, sleep_s = self._bell.count, DATABASE_PAUSE_S
            try:
                async with asyncio.timeout(sleep_s):
                    await self._bell.wait(heard)
            except TimeoutError:
                continue

    async def _claim(self, webhook: Webhook) -> list[OutboxRow]:
        lease_us = int((webhook.endpoint.timeout_s + LEASE_MARGIN_S) * 1e6)
        limit = 1 if self.breakers[webhook.endpoint.name].tripped else CONNECTIONS
        now_us = int(self._now_s() * 1e6)
        return await self.outbox.claim(webhook.endpoint.name, self._owner, now_us, lease_us, limit)

    async def _deliver(self, webhook: Webhook, row: OutboxRow) -> None:
        attempt = await webhook.deliver(row.notice, row.attempts)
        now_s = self._now_s()
        breaker = self.breakers[row.endpoint]
        self.observed(row.endpoint, attempt.verdict == "delivered", attempt.delivery.latency_ms / 1e3)
        said = {"endpoint": row.endpoint, "message": row.notice.message_id, "attempt": row.attempts}
        if attempt.verdict == "delivered":
            self.counts.delivered += 1
            await self.outbox.settle(row, attempt.delivery, "delivered", row.due_us)
            if breaker.succeeded():
                await self.outbox.hurry(row.endpoint, int(now_s * 1e6))
            log.info("webhook_delivered", **said, latency_ms=attempt.delivery.latency_ms)
            return
        self.counts.failed += 1
        breaker.failed(now_s, attempt.pause_s)
        due_s = self._next_try_s(row, attempt, now_s)
        log.warning("webhook_failed", **said, error=attempt.delivery.error, dead=due_s is None)
        if due_s is None:
            self.counts.dead += 1
            await self.outbox.settle(row, attempt.delivery, "dead", row.due_us, disable=attempt.verdict == "gone")
        else:
            await self.outbox.settle(row, attempt.delivery, "pending", int(due_s * 1e6))

    def _next_try_s(self, row: OutboxRow, attempt: Attempt, now_s: float) -> float | None:
        """When to try again; None for a message that has had its last attempt."""
        if attempt.verdict == "gone":
            return None
        wait = wait_s(row.attempts, self._dice)
        return None if wait is None else now_s + max(wait, attempt.pause_s or 0.0)

    async def _sleep_s(self, endpoint: str) -> float:
        due_us = await self.outbox.next_due_us(endpoint)
        if due_us is None:
            return LONGEST_SLEEP_S
        due_s = max(due_us / 1e6, self.breakers[endpoint].open_until_s)
        return min(max(due_s - self._now_s(), 0.0), LONGEST_SLEEP_S)


def _nobody(_endpoint: str, _delivered: bool, _seconds: float) -> None:
    """Nobody measures."""
