"""Source -> analyser -> spool -> uplink: the loop that every agent shares.

With a hub the station runs only while the agent holds a fresh lease of it; without one (a dry run) nothing is told
to anybody, and nothing has to be allowed.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog
import uuid6

from sensors.battery import charge
from sensors.lease import AWAITED
from sensors.protocol import AnyMessage, CaptureState, Heartbeat
from sensors.spool import Spool
from sensors.uplink import Uplink

HEARTBEAT_S: Final = 10.0
RESTART_WAITS_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0)
"""A sound card that comes back quickly is taken back at once; one that stays away costs less and less."""
RESTART_WINDOW_S: Final = 60.0
COOL_DOWN_S: Final = 30.0
DRAIN_S: Final = 10.0

Send = Callable[[AnyMessage], Awaitable[None]]
"""Puts one message into the spool; returns once it is kept."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StationHealth:
    """What a station knows of itself, for the heartbeat."""

    capture: CaptureState
    reason: str = ""
    clock_offset_us: int = 0
    clock_sigma_us: int = 0
    models: tuple[str, ...] = ()
    audio_tracks_dropped: int = 0


class Station(Protocol):
    """A source with its analyser: a microphone, or a camera. The agent runs it, restarts it and reports its health."""

    async def run(self, send: Send) -> None:
        """Capture and analyse until cancelled or until the source ends; send what was found."""

    def health(self) -> StationHealth:
        """The state of capture and clock at this moment; never blocks."""


class RestartBudget:
    """How long to wait before a failed station is started again: at once, then ever longer, up to `cool_down_s`.

    A station that ran for `window_s` since it last failed begins anew. Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        waits_s: tuple[float, ...] = RESTART_WAITS_S,
        window_s: float = RESTART_WINDOW_S,
        cool_down_s: float = COOL_DOWN_S,
    ) -> None:
        self._waits_s = waits_s
        self._window_s = window_s
        self._cool_down_s = cool_down_s
        self._failures = 0
        self._again_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Take one restart at `now_s`; the seconds to wait before it."""
        if now_s - self._again_s >= self._window_s:
            self._failures = 0
        spent = self._failures >= len(self._waits_s)
        wait_s = self._cool_down_s if spent else self._waits_s[self._failures]
        self._failures += 1
        self._again_s = now_s + wait_s
        return wait_s


def software_version() -> str:
    """The installed version, as heartbeats and enrolment tell it."""
    try:
        return f"tocsin-{importlib.metadata.version('tocsin')}"
    except importlib.metadata.PackageNotFoundError:
        return "tocsin-source"


SOFTWARE: Final = software_version()
"""Read once at import: it comes from files, and agents are made inside a running loop."""


class Agent:
    """One sensor's process beside it: runs `station`, keeps what it says in `spool`, carries it by `uplink`.

    Without an uplink (a dry run) the spool only fills and no lease is needed. The clocks and ids are arguments so that
    tests and replays rule them.
    """

    def __init__(
        self,
        sensor_id: str,
        station: Station,
        spool: Spool,
        uplink: Uplink | None,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        exercise: bool = False,
        budget: RestartBudget | None = None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        monotonic_s: Callable[[], float] = time.monotonic,
        new_id: Callable[[], UUID] = uuid6.uuid7,
    ) -> None:
        self.sensor_id = sensor_id
        self.station = station
        self.spool = spool
        self.uplink = uplink
        self.restarts = 0
        self.withheld = 0
        """Messages that the lease did not allow to tell: a class that was stopped, or the moment of the stop."""
        self._heartbeat_s = heartbeat_s
        self._exercise = exercise
        self._budget = budget or RestartBudget()
        self._now_us = now_us
        self._monotonic_s = monotonic_s
        self._new_id = new_id
        self._started_s = monotonic_s()
        self._failure = ""

    async def run(self) -> None:
        """Run until cancelled, or until the source has ended and what it gave is delivered (or `DRAIN_S` has
        passed)."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._beat(), name=f"heartbeat {self.sensor_id}")]
            if self.uplink is not None:
                tasks.append(group.create_task(self.uplink.run(), name=f"uplink {self.sensor_id}"))
            await self._watch()
            await self.spool.put(await self._heartbeat())
            if self.uplink is not None and not await self.uplink.drain(DRAIN_S):
                left = (await self.spool.counts()).depth
                log.warning("spool_not_drained", sensor=self.sensor_id, messages=left, state=self.uplink.health.state)
            for task in tasks:
                task.cancel()

    async def aclose(self) -> None:
        """Close the spool."""
        await self.spool.aclose()

    async def _watch(self) -> None:
        """Run the station while it may, until its source has ended."""
        if self.uplink is None:
            await self._capture()
            return
        lease = self.uplink.lease
        while True:
            await lease.held()
            capture = asyncio.create_task(self._capture(), name=f"capture {self.sensor_id}")
            over = asyncio.create_task(lease.over(), name=f"lease {self.sensor_id}")
            try:
                await asyncio.wait({capture, over}, return_when=asyncio.FIRST_COMPLETED)
                if capture.done():
                    await capture
                    return
            finally:
                capture.cancel()
                over.cancel()
                await asyncio.gather(capture, over, return_exceptions=True)
            log.warning("suspended", sensor=self.sensor_id, reason=lease.reason)
            await self.spool.put(await self._heartbeat())

    async def _tell(self, message: AnyMessage) -> None:
        """What the station found goes into the spool where the lease allows it, else nowhere."""
        if self.uplink is None or self.uplink.lease.allows(message):
            await self.spool.put(message)
        else:
            self.withheld += 1

    async def _capture(self) -> None:
        """Run the station, and again whenever it fails; returns when its source has ended."""
        while True:
            try:
                await self.station.run(self._tell)
                self._failure = ""
            except Exception as error:  # noqa: BLE001 - reported, and the station is started again
                self._failure = "station_failed"
                self.restarts += 1
                wait_s = self._budget.wait_s(self._monotonic_s())
                log.error(
                    "station_failed",
                    sensor=self.sensor_id,
                    error=f"{type(error).__name__}: {error}",
                    restarts=self.restarts,
                    next_in_s=wait_s,
                )
                await self.spool.put(await self._heartbeat())
                await asyncio.sleep(wait_s)
            else:
                return

    async def _beat(self) -> None:
        while True:
            await self.spool.put(await self._heartbeat())
            await asyncio.sleep(self._heartbeat_s)

    async def _heartbeat(self) -> Heartbeat:
        """How the agent is at this moment."""
        counts = await self.spool.counts()
        health = self.station.health()
        capture, reason = health.capture, health.reason
        if self._failure and capture == "lost":
            reason = reason or self._failure
        lease = None if self.uplink is None else self.uplink.lease
        if lease is not None and not lease.fresh:
            capture, reason = ("starting" if lease.reason == AWAITED else "suspended"), lease.reason[:40]
        if counts.fault and capture == "ok":
            capture, reason = "degraded", counts.fault[:40]
        battery = await asyncio.to_thread(charge)
        return Heartbeat(
            id=self._new_id(),
            sensor=self.sensor_id,
            sent=self._now_us(),
            uptime_s=max(self._monotonic_s() - self._started_s, 0.0),
            clock_offset_us=health.clock_offset_us,
            clock_sigma_us=health.clock_sigma_us,
            queue_depth=counts.depth,
            dropped=counts.dropped_total,
            refused=counts.refused,
            withheld=self.withheld,
            capture=capture,
            capture_reason=reason,
            software=SOFTWARE,
            models=health.models,
            battery=battery,
            audio_tracks_dropped=health.audio_tracks_dropped,
            exercise=self._exercise,
        )
