"""Feeds the log to fusion and what fusion says to the store; after a restart it rebuilds the open windows.

Two positions are kept in the log: `fusion`, before which no open window needs anything, and `fusion-saved`, up to which
every incident was stored. A restart reads from the first; up to the second it only rebuilds, and stores an incident
again only where it came out differently. Fusion is arithmetic: it runs in a thread of its own, so that the loop keeps
answering while a burst is solved.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import msgspec
import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.ownership import Alone, ownership_of
from hub.desk.calendar import Calendar
from hub.fusion.air import Air
from hub.fusion.calendar import Declaration, context_of
from hub.fusion.context import Context
from hub.fusion.engine import FusionEngine
from hub.incident import Incident, Site
from hub.keys import AUDIT, CONFIG, ENGINE, GATE, LOG, REGISTRY, RUNNER, STORE
from hub.log import Entry, EventLog, LogUnavailable
from hub.registry import Registry
from hub.store import Store, StoreBusy
from hub.tasks import running, within
from hub.weather import Weather, air_of
from sensors.protocol import Detection

CONSUMER: Final = "fusion"
SAVED: Final = "fusion-saved"
BATCH: Final = 1_000
TICK_S: Final = 0.2
"""How often windows are looked at while nothing arrives and fusion waits for nothing."""
SITES_REFRESH_S: Final = 5.0
RETRY_S: Final = 1.0
CLOCK_STEP_US: Final = 5_000_000
"""A clock that goes back by more than this was set: what fusion holds lies in its future, and is built anew."""
HOLD_US: Final = 15_000_000
"""A pick that opened no window may still find company: sound crosses the hearing range in 3.3 s, uplinks are late."""

RECENT: Final = 2_000
"""Detections that a technician may ask for while he tests a sensor; they are in the log anyway."""

log = structlog.get_logger()


def _now_us() -> int:
    return time.time_ns() // 1_000


def _same_belief(a: Incident, b: Incident) -> bool:
    """True where two revisions say the same of the world."""
    neutral = {"revision": 0, "updated_us": 0}
    return msgspec.structs.replace(a, **neutral) == msgspec.structs.replace(b, **neutral)


class FusionRunner:
    """One reader of the log, one engine, one writer of incidents.

    `couples` says whether the law lets sound and cameras meet in one incident now.
    """

    def __init__(
        self,
        event_log: EventLog,
        registry: Registry,
        store: Store,
        engine: FusionEngine,
        couples: Callable[[], bool] = lambda: True,
        declared: Callable[[], Awaitable[Context]] | None = None,
        *,
        anew: Callable[[], FusionEngine] | None = None,
        now_us: Callable[[], int] = _now_us,
        weather: Weather | None = None,
        ownership: Alone | None = None,
    ) -> None:
        self._log = event_log
        self._registry = registry
        self._store = store
        self._engine = engine
        self._couples = couples
        self._anew = anew
        self._now_us = now_us
        self._fed_us = 0
        self._declared = declared
        self._weather = weather
        self._ownership = ownership or Alone()
        self._ran = False
        self._air: Air | None = None
        self._context: Context | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fusion")
        self._offered: deque[tuple[int, int, int]] = deque()
        self._rebuilt: dict[UUID, Incident] = {}
        self._unsaved: dict[UUID, Incident] = {}
        self._position = 0
        self._saved = 0
        self._committed = 0
        self._sites_at = -SITES_REFRESH_S
        self.sites: dict[str, Site] = {}
        self.recent: deque[tuple[int, Detection]] = deque(maxlen=RECENT)
        self.failures = 0
        self._fault = ""

    def trouble(self) -> str:
        """Empty while fusion runs, else what holds it."""
        return self._fault

    async def run(self) -> None:
        """Read, fuse, store, until cancelled; what fails is tried again from the last stored position.

        Run again after it was cancelled, it begins at what is committed by then, whoever committed it.
        """
        begun = False
        while True:
            try:
                if not begun:
                    await self._begin()
                    begun = True
                await self._step()
                self._fault = ""
            except (OSError, SQLAlchemyError, StoreBusy, LogUnavailable) as error:
                self._fault = f"fusion can't go on: {str(error).splitlines()[0]}"
                self.failures += 1
                log.error("fusion_step_failed", position=self._position, reason=str(error).splitlines()[0])
                await asyncio.sleep(RETRY_S)
            except Exception as error:
                # Whatever broke: one bad step must not leave the street unheard until somebody restarts the hub.
                self._fault = f"fusion can't go on: {type(error).__name__}"
                self.failures += 1
                log.exception("fusion_step_failed", position=self._position)
                await asyncio.sleep(RETRY_S)

    async def _begin(self) -> None:
        self._committed = await self._log.committed(CONSUMER)
        self._saved = await self._log.committed(SAVED)
        if self._ran:
            # Another hub went on meanwhile; what this one held is behind the times.
            await asyncio.get_running_loop().run_in_executor(self._thread, _nothing)
            self._unsaved.clear()
            self._forget()
        self._position = self._committed
        self._ran = True
        # What it reads now may be of sensors that were enrolled a moment ago.
        self._sites_at = -SITES_REFRESH_S

    async def stand_by(self) -> None:
        """While another hub fuses: know the sensors, for the pages, until cancelled."""
        while True:
            try:
                self._sites_at = -SITES_REFRESH_S
                await self._refresh_sites()
                self._fault = ""
            except (OSError, SQLAlchemyError, StoreBusy) as error:
                self._fault = f"the state can't be read: {str(error).splitlines()[0]}"
            await asyncio.sleep(SITES_REFRESH_S)

    async def _step(self) -> None:
        """One batch, or one tick."""
        self._engine.couples = self._couples()
        await self._refresh_sites()
        entries = await self._log.read(self._position, BATCH)
        if not entries and self._position >= self._saved:
            await within(self._pause_s(), self._log.wait(self._position))
            entries = await self._log.read(self._position, BATCH)
        now_us = self._now_us()
        if now_us < self._fed_us - CLOCK_STEP_US:
            self._begin_anew()
            return
        self._fed_us = max(self._fed_us, now_us)
        loop = asyncio.get_running_loop()
        revisions = await loop.run_in_executor(self._thread, self._fuse, entries, now_us)
        if entries:
            self._position = entries[-1].position
        if self._position < self._saved:
            self._rebuilt.update((incident.id, incident) for incident in revisions)
            return
        # Kept until they are stored: what a full disk refuses now is stored with what comes after it.
        self._unsaved.update((incident.id, incident) for incident in revisions)
        await self._save(list(self._unsaved.values()))
        self._unsaved.clear()
        await self._commit()

    def _pause_s(self) -> float:
        """Until the next look at the windows where nothing arrives: no later than fusion asked for."""
        due_us = self._engine.due_us
        return TICK_S if due_us is None else min(max((due_us - self._now_us()) * 1e-6, 0.0), TICK_S)

    def _begin_anew(self) -> None:
        """The clock was set back: an engine that saw the hour to come would hold every bang of it for late."""
        log.warning("clock_was_set", seconds=round((self._now_us() - self._fed_us) / 1e6, 1), position=self._committed)
        self._forget()

    def _forget(self) -> None:
        self._fed_us = 0
        if self._anew is None:
            return
        self._engine = self._anew()
        self._offered.clear()
        self._rebuilt.clear()
        self._position = self._committed
        self._context = self._air = None
        self.sites, self._sites_at = {}, -SITES_REFRESH_S

    def _fuse(self, entries: Sequence[Entry], now_us: int) -> list[Incident]:
        """In the fusion thread: offer each detection, look at the windows; the newest revision of each incident."""
        changed: dict[UUID, Incident] = {}
        for entry in entries:
            if isinstance(entry.message, Detection):
                # Nothing was received in the future, whatever the clock said then.
                received_us = min(entry.received_us, now_us)
                self._offered.append((entry.position, entry.message.onset, received_us))
                self.recent.append((received_us, entry.message))
                changed.update((i.id, i) for i in self._engine.offer(entry.message, received_us))
        if not entries or len(entries) < BATCH:
            changed.update((i.id, i) for i in self._engine.advance(now_us))
        return list(changed.values())

    async def _save(self, revisions: list[Incident]) -> None:
        if self._rebuilt:
            self._rebuilt.update((incident.id, incident) for incident in revisions)
            revisions = await self._only_news(list(self._rebuilt.values()))
        if revisions:
            await self._store.save(revisions, self._now_us(), self._ownership.check)
        self._rebuilt.clear()

    async def _only_news(self, rebuilt: list[Incident]) -> list[Incident]:
        """Of the incidents rebuilt after a restart those that differ from what is stored, numbered after it."""
        news = []
        for incident in rebuilt:
            known = await self._store.incident(incident.id)
            if known is None:
                news.append(incident)
            elif not _same_belief(known.incident, incident):
                revision = max(incident.revision, known.incident.revision + 1)
                news.append(msgspec.structs.replace(incident, revision=revision))
        return news

    async def _commit(self) -> None:
        """Move both positions forward; the log may forget what lies before the first."""
        if not self._ownership.owns:
            return
        if self._position > self._saved:
            await self._log.commit(SAVED, self._position)
            self._saved = self._position
        open_since_us = self._engine.open_since_us
        done_us = self._now_us() - HOLD_US
        while self._offered:
            _, onset_us, received_us = self._offered[0]
            if received_us > done_us or (open_since_us is not None and onset_us >= open_since_us):
                break
            self._offered.popleft()
        needed = self._offered[0][0] - 1 if self._offered else self._position
        if needed > self._committed:
            await self._log.commit(CONSUMER, needed)
            self._committed = needed

    def look_at_calendar(self) -> None:
        """Somebody declared something: look at the next step instead of within `SITES_REFRESH_S`."""
        self._sites_at = -SITES_REFRESH_S

    async def _refresh_sites(self) -> None:
        now = time.monotonic()
        if now - self._sites_at < SITES_REFRESH_S:
            return
        self._sites_at = now
        sites = {site.id: site for site in await self._registry.sites()}
        if sites != self.sites:
            self.sites = sites
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._engine.update_sites, list(sites.values()))
        if self._declared is not None and (context := await self._declared()) != self._context:
            self._context = context
            await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.update_context, context)
        if self._weather is not None:
            air = await asyncio.to_thread(self._weather.air, self._now_us())
            if air != self._air:
                self._air = air
                await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.update_air, air)

    def close(self) -> None:
        """Let the fusion thread end."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _nothing() -> None:
    """Behind it, whatever the thread was at is done."""


async def fusion_context(app: web.Application) -> AsyncIterator[None]:
    """Fusion for as long as the application runs."""
    fusion = app[CONFIG].fusion
    air = air_of(fusion.temperature_c, fusion.wind_mps, fusion.wind_from_deg)
    gate = app[GATE]
    time_zone = app[CONFIG].time_zone
    calendar = Calendar(app[ENGINE], app[AUDIT])
    ownership = ownership_of(app)

    async def declared() -> Context:
        said: tuple[Declaration, ...] = (*app[CONFIG].context, *await calendar.in_force())
        return await asyncio.to_thread(context_of, said, time_zone)

    def engine() -> FusionEngine:
        return FusionEngine((), air=air, context=context_of(app[CONFIG].context, time_zone))

    runner = FusionRunner(
        app[LOG],
        app[REGISTRY],
        app[STORE],
        engine(),
        couples=lambda: gate.assessment(_now_us()).couples,
        declared=declared,
        anew=engine,
        weather=Weather(fusion.weather_file, air),
        ownership=ownership,
    )
    app[RUNNER] = runner
    async with running("fusion", ownership.during(runner.run, runner.stand_by)):
        yield
    await asyncio.to_thread(runner.close)
