"""The engine: detections in, incidents out, in event time.

A pick that coincides with enough others opens an episode: a neighbourhood and a stretch of time. The episode is solved
soon after it opened and again while picks come in; each solution that differs is a revision of its incidents. When no
pick can belong to it any more it settles. What comes later still corrects the incident, with the mark `late`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter

from hub.fusion.air import Air
from hub.fusion.episode import Episode
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.fusion.slow import SlowEvents
from hub.incident import Incident, Site
from sensors.protocol import Detection

IMPULSIVE = frozenset({"gunshot", "explosion", "firework", "glass_break"})
"""Classes that are placed by travel time; all others are slow events."""

_in_time = attrgetter("onset", "id.int")


class FusionEngine:
    """Pure and deterministic: the same detections at the same `now_us` give the same incidents, bit for bit.

    `now_us` is when the hub received a detection; it never runs backwards. All state is in memory: after a restart,
    give it again everything since `open_since_us`.
    """

    def __init__(self, sites: Iterable[Site], settings: FusionSettings | None = None, air: Air | None = None) -> None:
        self.settings = settings or FusionSettings()
        self.air = air or Air()
        self.table = SiteTable(sites)
        self.unknown_sensors = 0
        self.repeated = 0
        self._now_us = 0
        self._cells: dict[tuple[int, int, bool], list[Detection]] = {}
        self._seen: dict[object, int] = {}
        self._unscanned: list[Detection] = []
        self._scan_due_us: int | None = None
        self._episodes: list[Episode] = []
        self._slow = SlowEvents(self.settings)
        self._swept_us = 0

    @property
    def open_since_us(self) -> int | None:
        """Onset of the earliest detection that an open window still needs; None when nothing is open."""
        onsets = [episode.start_us for episode in self._episodes if not episode.settled]
        onsets += [d.onset for d in self._unscanned]
        slow = self._slow.open_since_us
        if slow is not None:
            onsets.append(slow)
        return min(onsets, default=None)

    def update_sites(self, sites: Iterable[Site]) -> None:
        """New positions, noise levels or capture states; detections held of sites that went are dropped."""
        self.table = SiteTable(sites)
        held = [d for cell in self._cells.values() for d in cell if d.sensor in self.table.index]
        self._cells = {}
        for d in sorted(held, key=_in_time):
            self._cells.setdefault(self._key(d), []).append(d)

    def update_air(self, air: Air) -> None:
        """The weather of the moment, for what is solved from now on."""
        self.air = air

    def offer(self, detection: Detection, now_us: int) -> list[Incident]:
        """Take one detection; returns the incidents that are new or revised by the time `now_us`."""
        changed = self.advance(now_us)
        if detection.id in self._seen:
            self.repeated += 1
            return changed
        if detection.sensor not in self.table.index:
            self.unknown_sensors += 1
            return changed
        self._seen[detection.id] = detection.onset
        if detection.event not in IMPULSIVE:
            return changed + self._slow.offer(detection, self.table, self._now_us) + self._recorroborate(detection)
        insort(self._cells.setdefault(self._key(detection), []), detection, key=_in_time)
        self._unscanned.append(detection)
        if self._scan_due_us is None:
            period = round(self.settings.scan_period_s * 1e6)
            self._scan_due_us = (self._now_us // period + 1) * period
        return changed

    def advance(self, now_us: int) -> list[Incident]:
        """Do what is due by `now_us`; returns the incidents that are new or revised."""
        self._now_us = max(self._now_us, now_us)
        changed: list[Incident] = []
        while (due := self._next_due()) is not None and due <= self._now_us:
            if self._scan_due_us is not None and self._scan_due_us <= due:
                self._scan_due_us = None
                changed += self._scan(due)
            for episode in self._episodes:
                if episode.due_us is not None and episode.due_us <= due:
                    changed += episode.solve(self, due)
        changed += self._slow.advance(self._now_us, self.table)
        if self._now_us - self._swept_us > 5_000_000:
            self._sweep()
        return changed

    def _next_due(self) -> int | None:
        dues = [episode.due_us for episode in self._episodes if episode.due_us is not None]
        if self._scan_due_us is not None:
            dues.append(self._scan_due_us)
        return min(dues, default=None)

    def _key(self, d: Detection) -> tuple[int, int, bool]:
        x, y = self.table.cells[self.table.index[d.sensor]]
        return (x, y, d.exercise)

    def held(self, east: float, north: float, radius_m: float, from_us: int, to_us: int, exercise: bool
             ) -> list[Detection]:  # fmt: skip
        """Impulsive detections of the sites within a circle and a stretch of event time, sorted."""
        found: list[Detection] = []
        table = self.table
        for x, y in table.cells_around(east, north, radius_m):
            for d in self._cells.get((x, y, exercise), ()):
                if from_us <= d.onset <= to_us:
                    row = table.index[d.sensor]
                    if (table.east[row] - east) ** 2 + (table.north[row] - north) ** 2 <= radius_m**2:
                        found.append(d)
        found.sort(key=_in_time)
        return found

    def cameras(self, from_us: int, to_us: int) -> list[Detection]:
        """Video detections held from a stretch of event time, sorted."""
        return self._slow.between(from_us, to_us)

    def claimed(self, but: Episode) -> set[object]:
        """Ids of detections that other episodes' incidents rest on."""
        return {key for episode in self._episodes if episode is not but for key in episode.used}

    def _scan(self, now_us: int) -> list[Incident]:
        """Look at the new picks: they join an open episode, correct a settled one, or open one."""
        fresh = sorted(self._unscanned, key=_in_time)
        self._unscanned = []
        changed: list[Incident] = []
        for d in fresh:
            row = self.table.index.get(d.sensor)
            if row is None:
                continue
            east, north = float(self.table.east[row]), float(self.table.north[row])
            joined = False
            for episode in self._episodes:
                if episode.exercise == d.exercise and episode.wants(d, east, north, now_us, self.settings):
                    joined = True
            if not joined and self._triggers(d, east, north):
                self._episodes.append(Episode.opened(d, east, north, now_us, self.settings))
        return changed

    def _triggers(self, d: Detection, east: float, north: float) -> bool:
        """True if enough sensors near heard something when this one did."""
        settings = self.settings
        reach = settings.hearing_range_m
        wait_us = round(reach / self.air.speed_mps * 1e6)
        best: dict[str, float] = {}
        for other in self.held(east, north, reach, d.onset - wait_us, d.onset + wait_us, d.exercise):
            row = self.table.index[other.sensor]
            apart = ((self.table.east[row] - east) ** 2 + (self.table.north[row] - north) ** 2) ** 0.5
            if abs(other.onset - d.onset) <= 1e6 * (apart / self.air.speed_mps) + 20_000:
                best[other.sensor] = max(best.get(other.sensor, 0.0), other.score)
        return max(best.values(), default=0.0) >= settings.solo_score or (
            len(best) >= settings.min_sensors and sum(best.values()) >= settings.trigger_weight
        )

    def _recorroborate(self, d: Detection) -> list[Incident]:
        """A camera spoke: incidents near it in time are looked at again."""
        for episode in self._episodes:
            episode.camera_spoke(d, self._now_us, self.settings)
        return []

    def _sweep(self) -> None:
        """Forget what is older than the retention."""
        self._swept_us = self._now_us
        limit = self._now_us - round(self.settings.retention_s * 1e6)
        self._episodes = [e for e in self._episodes if not (e.settled and e.closed_us < limit)]
        needed = min([e.start_us for e in self._episodes if not e.settled], default=limit)
        limit = min(limit, needed)
        for key in list(self._cells):
            cell = [d for d in self._cells[key] if d.onset >= limit]
            if cell:
                self._cells[key] = cell
            else:
                del self._cells[key]
        self._seen = {key: onset for key, onset in self._seen.items() if onset >= limit}
        self._slow.sweep(limit)
