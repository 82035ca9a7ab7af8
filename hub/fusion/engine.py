"""The engine: detections in, incidents out, in event time.

A pick that coincides with enough others opens an episode: a neighbourhood and a stretch of time. The episode is solved
soon after it opened and again while picks come in; each solution that differs is a revision of its incidents. When no
pick can belong to it any more it settles. What comes later still corrects the incident, with the mark `late`.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from hub.fusion.air import Air
from hub.fusion.buffer import Held, PickBuffer
from hub.fusion.context import Context
from hub.fusion.episode import Episode
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.fusion.slow import SlowEvents
from hub.incident import Incident, Site
from sensors.protocol import Detection

IMPULSIVE = frozenset({"gunshot", "explosion", "firework", "glass_break"})
"""Classes that are placed by travel time; all others are slow events."""
SWEEP_US = 5_000_000
"""How often old picks are forgotten."""


class FusionEngine:
    """Pure and deterministic: the same detections at the same `now_us` give the same incidents, bit for bit.

    `now_us` is when the hub received a detection; it never runs backwards. All state is in memory: after a restart,
    give it again everything since `open_since_us`. Counted: `unknown_sensors` (not in the sites), `repeated` (an id
    seen before), `too_late` (older than the retention); none of them changes an incident.
    """

    def __init__(
        self,
        sites: Iterable[Site],
        settings: FusionSettings | None = None,
        air: Air | None = None,
        context: Context | None = None,
    ) -> None:
        self.settings = settings or FusionSettings()
        self.air = air or Air()
        self.context = context or Context()
        self.couples = True
        """False where the law keeps sound and cameras apart: then no camera corroborates what was heard."""
        self.table = SiteTable(sites)
        self.buffer = PickBuffer(self.table)
        self.slow = SlowEvents(self.settings, self.context)
        self.unknown_sensors = 0
        self.repeated = 0
        self.too_late = 0
        self._now_us = 0
        self._swept_us = 0
        self._unscanned: list[Held] = []
        self._scan_due_us: int | None = None
        self._due_us: int | None = None
        self._episodes: list[Episode] = []
        self._by_cell: dict[tuple[int, int], list[Episode]] | None = None
        """None once an episode moved, settled for nothing or went."""
        self._period_us = round(self.settings.scan_period_s * 1e6)
        self._retention_us = round(self.settings.retention_s * 1e6)

    @property
    def open_since_us(self) -> int | None:
        """Onset of the earliest detection that an open window still needs; None when nothing is open."""
        onsets = [episode.start_us for episode in self._episodes if not episode.settled]
        onsets += [held[0] for held in self._unscanned]
        if self.slow.open_since_us is not None:
            onsets.append(self.slow.open_since_us)
        return min(onsets, default=None)

    @property
    def due_us(self) -> int | None:
        """When something is to be looked at next, whatever comes; None while nothing waits."""
        return self._due_us

    def update_sites(self, sites: Iterable[Site]) -> None:
        """New positions, noise levels or capture states; picks held of sites that went are dropped."""
        changed = tuple(sorted(sites, key=lambda site: site.id))
        if changed == self.table.sites:
            return
        before, self.table = self.table, SiteTable(changed)
        self.buffer.move(self.table)
        self._by_cell = None
        self._unscanned = [
            (onset, key, self.table.index[d.sensor], d)
            for onset, key, _, d in self._unscanned
            if d.sensor in self.table.index
        ]
        for episode in self._episodes:
            episode.moved(before, self.table)

    def update_air(self, air: Air) -> None:
        """The weather of the moment, for what is solved from now on."""
        self.air = air

    def update_context(self, context: Context) -> None:
        """The declared calendar and known sources, for what is solved from now on."""
        self.context = self.slow.context = context

    def offer(self, detection: Detection, now_us: int) -> list[Incident]:
        """Take one detection; returns the incidents that are new or revised by the time `now_us`."""
        changed = self.advance(now_us)
        buffer = self.buffer
        if buffer.known(detection):
            self.repeated += 1
            return changed
        row = self.table.index.get(detection.sensor)
        if row is None:
            self.unknown_sensors += 1
            return changed
        if detection.onset < self._now_us - self._retention_us:
            self.too_late += 1
            return changed
        buffer.remember(detection, self._now_us)
        if detection.event not in IMPULSIVE:
            self._camera_spoke(detection)
            return changed + self.slow.offer(detection, self.table, self._now_us)
        self._unscanned.append(buffer.put(detection, row))
        if self._scan_due_us is None:
            self._scan_due_us = (self._now_us // self._period_us + 1) * self._period_us
            self._due_us = self._scan_due_us if self._due_us is None else min(self._due_us, self._scan_due_us)
        return changed

    def advance(self, now_us: int) -> list[Incident]:
        """Do what is due by `now_us`; returns the incidents that are new or revised."""
        if now_us > self._now_us:
            self._now_us = now_us
        changed: list[Incident] = []
        while self._due_us is not None and self._due_us <= self._now_us:
            due = self._due_us
            if self._scan_due_us is not None and self._scan_due_us <= due:
                self._scan_due_us = None
                self._scan(due)
            for episode in self._episodes:
                if episode.due_us is not None and episode.due_us <= due:
                    changed += episode.solve(self, due)
                    self._by_cell = None
            if self._by_cell is None:
                self._episodes = [e for e in self._episodes if not e.empty]
            self._next_due()
        changed += self.slow.advance(self._now_us, self.table)
        if self._now_us - self._swept_us >= SWEEP_US:
            self._sweep()
        return changed

    def _next_due(self) -> None:
        dues = [episode.due_us for episode in self._episodes if episode.due_us is not None]
        if self._scan_due_us is not None:
            dues.append(self._scan_due_us)
        self._due_us = min(dues, default=None)

    def told_ids(self) -> set[UUID]:
        """The ids of all incidents that are held."""
        return {incident.id for episode in self._episodes for incident in episode.incidents}

    def others(self, but: Episode) -> list[Episode]:
        """Episodes of the same kind (real or exercise) that have placed something."""
        return [e for e in self._episodes if e is not but and e.exercise == but.exercise and e.sources]

    def _scan(self, now_us: int) -> None:
        """Look at the new picks: they join an open episode, correct a settled one, or open one."""
        fresh, self._unscanned = sorted(self._unscanned), []
        table, settings = self.table, self.settings
        if self._by_cell is None:
            self._by_cell = {}
            for episode in self._episodes:
                self._index(episode)
        by_cell = self._by_cell
        for held in fresh:
            joined = False
            for episode in by_cell.get(table.cells[held[2]], ()):
                if episode.wants(held, table, now_us, settings):
                    joined = True
            if not joined and held[3].score >= settings.trigger_score and self._triggers(held):
                episode = Episode.opened(held, table, self.buffer, now_us, settings)
                self._episodes.append(episode)
                self._index(episode)

    def _index(self, episode: Episode) -> None:
        """Find an episode by the cells that its sensors may stand in."""
        assert self._by_cell is not None
        for cell in self.table.cells_around(episode.east, episode.north, episode.reach_m):
            self._by_cell.setdefault(cell, []).append(episode)

    def _triggers(self, held: Held) -> bool:
        """True if enough sensors near heard something when this one did."""
        settings, table = self.settings, self.table
        onset, _, row, d = held
        if d.score >= settings.solo_score:
            return True
        east, north = table.east_m[row], table.north_m[row]
        reach = settings.hearing_range_m
        per_m = 1e6 / self.air.speed_mps
        wait_us = round(reach * per_m)
        best: dict[int, float] = {}
        for other in self.buffer.around(east, north, reach, onset - wait_us, onset + wait_us, d.exercise):
            where = other[2]
            apart = ((table.east_m[where] - east) ** 2 + (table.north_m[where] - north) ** 2) ** 0.5
            score = other[3].score
            if abs(other[0] - onset) <= apart * per_m + 20_000 and score > best.get(where, 0.0):
                best[where] = score
        return len(best) >= settings.fewest_sensors and sum(best.values()) >= settings.trigger_weight

    def _camera_spoke(self, d: Detection) -> None:
        """A camera spoke: incidents near it in time are looked at again."""
        if not self.couples:
            return
        for episode in self._episodes:
            episode.camera_spoke(d, self._now_us, self.settings)
        self._next_due()

    def _sweep(self) -> None:
        """Forget what is older than the retention."""
        self._swept_us = self._now_us
        limit = self._now_us - self._retention_us
        self._episodes = [e for e in self._episodes if not e.over(limit)]
        self._by_cell = None
        needed = min([e.start_us for e in self._episodes], default=limit)
        self.buffer.forget(min(limit, needed), limit)
        self.slow.sweep(limit)
