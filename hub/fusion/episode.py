"""One episode: a neighbourhood and a stretch of event time in which something banged, and the incidents made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self
from uuid import UUID

import msgspec
import numpy as np

from hub.fusion.air import Air, travel_times
from hub.fusion.buffer import Held, PickBuffer
from hub.fusion.burst import answers, find_sources, grown
from hub.fusion.camera import corroboration
from hub.fusion.evidence import probability_of
from hub.fusion.hood import Neighbourhood, neighbourhood
from hub.fusion.identity import followed, new_id, same
from hub.fusion.picks import Source
from hub.fusion.reasons import place_term
from hub.fusion.settings import FusionSettings
from hub.fusion.shots import Shot, clock_terms, located, unplaced
from hub.fusion.sites import SiteTable
from hub.incident import Evidence, Incident
from sensors.protocol import Detection

if TYPE_CHECKING:
    from hub.fusion.engine import FusionEngine


SLOWEST_MPS = 330.0
"""Sound in the open air at -1 degree C; windows are wide enough for it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A source of an episode in the table's plane: metres, and the emissions of its rounds in µs."""

    east: float
    north: float
    rounds_us: tuple[int, ...]

    @property
    def first_us(self) -> int:
        """Emission of the first round."""
        return self.rounds_us[0]

    @property
    def last_us(self) -> int:
        """Emission of the last round."""
        return self.rounds_us[-1]


@dataclass(slots=True)
class Episode:
    """Open from the first coinciding pick until nothing can change it in the ordinary way."""

    east: float
    north: float
    reach_m: float
    """Sensors farther away than this don't belong to it."""
    exercise: bool
    trigger_us: int
    start_us: int
    last_us: int
    """Onset of the last pick that counted."""
    heard_us: int
    """When the last pick of this neighbourhood was heard of."""
    company_us: int
    """Until then a bang that has no place yet may get one from sensors that sound has still to reach."""
    due_us: int | None
    dirty: bool = True
    """Picks came since the last solution."""
    settled: bool = False
    late: bool = False
    sources: list[Placed] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    shots: list[Shot] = field(default_factory=list)
    met: set[int] = field(default_factory=set)
    """Rows of the sensors that may have heard what opened it; forgotten once something is told."""

    @classmethod
    def opened(
        cls, held: Held, table: SiteTable, buffer: PickBuffer, now_us: int, settings: FusionSettings
    ) -> Self:  # fmt: skip
        """The episode that this pick opens."""
        onset, _, row, d = held
        east, north = table.east_m[row], table.north_m[row]
        near = table.near(east, north, settings.hearing_range_m)
        sparse = int(table.microphone[near].sum()) < settings.sparse_sensors
        reach_m = max(settings.sparse_range_m, settings.hearing_range_m) if sparse else settings.hearing_range_m
        before = round(reach_m / SLOWEST_MPS * 1e6)
        episode = cls(
            east=east, north=north, reach_m=reach_m, exercise=d.exercise, trigger_us=onset,
            start_us=onset - before, last_us=onset, heard_us=now_us,
            company_us=now_us + round(settings.company_s * 1e6),
            due_us=now_us + round(settings.first_wait_s * 1e6),
        )  # fmt: skip
        crossing_us = round(settings.hearing_range_m / SLOWEST_MPS * 1e6)
        around = buffer.around(
            east, north, settings.hearing_range_m, onset - crossing_us, onset + crossing_us, d.exercise
        )
        for other in around:
            episode.meet(other, table, now_us, settings)
        return episode

    def meet(self, held: Held, table: SiteTable, now_us: int, settings: FusionSettings) -> None:
        """Look at once when one more sensor may have heard what opened this: from the fewest that make a place on.

        Nothing is waited for where it is there already: a second of an alarm is a second of somebody's life.
        """
        onset, _, row, d = held
        if self.incidents or len(self.met) >= settings.eager_sensors or row in self.met:
            return
        metres = math.hypot(table.east_m[row] - self.east, table.north_m[row] - self.north)
        if d.score < settings.trigger_score or abs(onset - self.trigger_us) > metres / SLOWEST_MPS * 1e6 + 20_000:
            return
        self.met.add(row)
        if len(self.met) >= settings.min_sensors:
            self.due_us = now_us

    def wants(self, held: Held, table: SiteTable, now_us: int, settings: FusionSettings) -> bool:
        """Take note of a pick that falls into this episode; False if it doesn't."""
        onset, _, row, d = held
        dx, dy = table.east_m[row] - self.east, table.north_m[row] - self.north
        if d.exercise != self.exercise or dx * dx + dy * dy > self.reach_m**2:
            return False
        if not self.start_us <= onset <= self._until_us(settings) or self._after(held, table, settings):
            return False
        if self.settled and now_us - onset <= settings.allowed_lateness_s * 1e6:
            return False  # what comes in time corrects nothing: it has a window of its own
        self.heard_us = now_us
        self.dirty = True
        self.late = self.late or self.settled
        due = now_us + round((settings.again_s if self.sources else settings.first_wait_s) * 1e6)
        self.due_us = due if self.due_us is None else min(self.due_us, due)
        self.meet(held, table, now_us, settings)
        return True

    def _after(self, held: Held, table: SiteTable, settings: FusionSettings) -> bool:
        """True for a pick that no round known here, nor one a silence later from the same place, can have made.

        Sound takes seconds to cross a neighbourhood: what is fired a silence after the last round may be heard before
        the farthest sensor would have heard that round. It gets a window of its own, and is told like any other shot.
        """
        onset, _, row, _ = held
        per_m = 1e6 / SLOWEST_MPS
        x, y = table.east_m[row], table.north_m[row]
        ends = [s.last_us + math.hypot(x - s.east, y - s.north) * per_m for s in self.sources]
        return bool(ends) and onset > max(ends) + settings.quiet_s * 1e6

    def camera_spoke(self, d: Detection, now_us: int, settings: FusionSettings) -> None:
        """Look again soon if a camera saw something around this time."""
        if not self.incidents or d.exercise != self.exercise:
            return
        if self.trigger_us - settings.camera_before_s * 1e6 <= d.onset <= self.last_us + settings.camera_after_s * 1e6:
            due = now_us + round(settings.scan_period_s * 1e6)
            self.due_us = due if self.due_us is None else min(self.due_us, due)

    def moved(self, before: SiteTable, after: SiteTable) -> None:
        """Follow a change of the table's plane."""
        latitude, longitude = before.plane.degrees(self.east, self.north)
        self.east, self.north = (float(v) for v in after.plane.metres(latitude, longitude))
        self.sources = [
            replace(s, east=float(east), north=float(north))
            for s in self.sources
            for east, north in [after.plane.metres(*before.plane.degrees(s.east, s.north))]
        ]

    @property
    def empty(self) -> bool:
        """True if it has settled and nothing was found: what comes later may open another."""
        return self.settled and not self.incidents

    def over(self, limit_us: int) -> bool:
        """True if it has settled and nothing that may still come belongs to it."""
        return self.settled and self.last_us < limit_us

    def solve(self, engine: FusionEngine, now_us: int) -> list[Incident]:
        """Solve, and return the incidents that are new or revised; sets when to look again."""
        settings = engine.settings
        closing = self._closing(settings)
        final = now_us >= closing and not self.settled
        if self.dirty or final:
            self.shots = self._shots(engine, thorough=final or self.settled)
            self.dirty = False
            closing = self._closing(settings)
            self.settled = self.settled or (final and now_us >= closing)
        seen = [self._with_cameras(shot, engine) if engine.couples else shot for shot in self.shots]
        seen = [replace(shot, evidence=(*shot.evidence, *_certainty(shot))) for shot in seen]
        changed = self._revise(seen, now_us, engine.told_ids(), settings)
        look_us = self.company_us if seen and not self.incidents and now_us < self.company_us else closing
        self.due_us = None if self.settled else max(look_us, now_us + 1)
        return changed

    def _until_us(self, settings: FusionSettings) -> int:
        """Picks up to this onset belong to it: a silence, or the time that sound needs to the farthest sensors."""
        crossed_us = self.trigger_us + self.reach_m / SLOWEST_MPS * 1e6
        quiet_us = max(self.last_us + settings.quiet_s * 1e6, crossed_us)
        return round(min(quiet_us, self.trigger_us + settings.max_burst_s * 1e6))

    def _closing(self, settings: FusionSettings) -> int:
        return max(self.heard_us + round(settings.allowed_lateness_s * 1e6), self._until_us(settings))

    def _shots(self, engine: FusionEngine, *, thorough: bool) -> list[Shot]:
        """What the picks of this neighbourhood say. Not `thorough`: known places grow, where nothing else speaks up."""
        settings, table = engine.settings, engine.table
        until = self._until_us(settings)
        held = engine.buffer.around(self.east, self.north, self.reach_m, self.start_us, until, self.exercise)
        others = engine.others(self)
        taken = {key for other in others for key in other.used}
        limit_us = settings.max_clock_sigma_s * 1e6
        if len({h[2] for h in held if h[3].clock_sigma_us <= limit_us}) < settings.fewest_sensors:
            limit_us = settings.worst_clock_sigma_s * 1e6
        unsure = [h[3] for h in held if h[3].clock_sigma_us > limit_us]
        held = [h for h in held if h[3].clock_sigma_us <= limit_us and h[1] not in taken]
        held = [h for h in held if not self._after(h, table, settings)]
        if len(held) > settings.max_picks:
            held = sorted(sorted(held, key=lambda h: (-h[3].score, h[0], h[1]))[: settings.max_picks])
        if not held:
            return []
        hood = neighbourhood(table, held)
        before, beside = self._before_and_beside([s for other in others for s in other.sources], settings)
        echoes = _explained(hood, before, table, engine.air, settings)
        if any(echoes):
            # What an earlier shot left behind is no round of this one.
            held = [h for h, echo in zip(held, echoes, strict=True) if not echo]
            if not held:
                return []
            hood = neighbourhood(table, held)
        explained = _explained(hood, beside, table, engine.air, settings)
        best: dict[str, float] = {}
        for d in hood.detections:
            best[d.sensor] = max(best.get(d.sensor, 0.0), d.score)
        thorough = thorough and sum(best.values()) >= settings.thorough_weight
        known = [hood.local(s.east, s.north, table) for s in self.sources]
        sources = None if thorough or not known else grown(hood.picks, known, explained, engine.air, settings)
        if sources is None:
            sources = find_sources(
                hood.picks, engine.air, settings, most=max(2, len(known) + 1), explained=explained,
                quick=not thorough, known=known,
            )  # fmt: skip
        heard = [[(us - hood.zero_us) * 1e-6 for us in s.rounds_us] for other in others for s in other.sources]
        sources = [s for s in sources if not any(answers(s.emissions, np.array(h), settings) for h in heard)]
        if self.sources:
            last_s = (max(s.last_us for s in self.sources) - hood.zero_us) * 1e-6 + settings.quiet_s
            sources = [s for s in sources if s.emissions[0] <= last_s]
        self._follow(hood, sources, table)
        if not sources:
            strong = [i for i, d in enumerate(hood.detections) if d.score >= settings.solo_score and not explained[i]]
            if not strong:
                return []
            shot = unplaced(hood, strong, table, engine.air, settings, engine.context)
            self.last_us = max(self.last_us, shot.end_us)
            return [shot]
        shots = [located(hood, s, table, engine.air, settings, engine.context) for s in sources]
        self.last_us = max([self.last_us, *(a.onset_us for shot in shots for a in shot.arrivals)])
        shots = [replace(s, evidence=(*s.evidence, *clock_terms(s, unsure, table, engine.air))) for s in shots]
        return sorted(shots, key=lambda shot: (shot.onset_us, shot.latitude))

    def _before_and_beside(
        self, sources: list[Placed], settings: FusionSettings
    ) -> tuple[list[Placed], list[Placed]]:  # fmt: skip
        """Of other episodes' sources those whose echoes were over when this episode began, and the rest."""
        before: list[Placed] = []
        beside: list[Placed] = []
        for source in sources:
            crossing_us = math.hypot(source.east - self.east, source.north - self.north) / SLOWEST_MPS * 1e6
            over_us = source.last_us + crossing_us + settings.echo_tail_s * 1e6
            (before if over_us < self.trigger_us else beside).append(source)
        return before, beside

    def _follow(self, hood: Neighbourhood, sources: list[Source], table: SiteTable) -> None:
        """Keep the places in the table's plane, and move the neighbourhood to the first of them."""
        self.sources = []
        for source in sources:
            east, north = table.plane.metres(*hood.plane.degrees(source.x, source.y))
            rounds = tuple(hood.zero_us + round(t * 1e6) for t in source.emissions.tolist())
            self.sources.append(Placed(float(east), float(north), rounds))
        if self.sources:
            self.east, self.north = self.sources[0].east, self.sources[0].north

    def _with_cameras(self, shot: Shot, engine: FusionEngine) -> Shot:
        """The same shot, with what cameras saw near it."""
        settings = engine.settings
        seen = engine.slow.between(
            shot.onset_us - round(settings.camera_before_s * 1e6), shot.end_us + round(settings.camera_after_s * 1e6)
        )
        if not seen:
            return shot
        blur = 0.0 if shot.place.ellipse is None else shot.place.ellipse.semi_major_m
        terms = corroboration(
            seen, shot.latitude, shot.longitude, blur, shot.onset_us, self.exercise, engine.table, settings
        )
        return replace(shot, evidence=(*shot.evidence, *terms))

    def _revise(self, shots: list[Shot], now_us: int, taken: set[UUID], settings: FusionSettings) -> list[Incident]:
        changed: list[Incident] = []
        told = followed(shots, self.incidents, settings)
        free = sorted(set(range(len(self.incidents))) - set(told.values()))
        for number, shot in enumerate(shots):
            mine = told.get(number)
            if mine is None:
                incident = self._incident(shot, None, now_us, taken)
                least = settings.publish_probability if self.settled else settings.early_probability
                if incident.place.kind != "ellipse" and now_us < self.company_us and not self.settled:
                    continue
                if incident.probability >= least:
                    self.incidents.append(incident)
                    changed.append(incident)
                    taken.add(incident.id)
                continue
            incident = self._incident(shot, self.incidents[mine], now_us, taken)
            if not same(self.incidents[mine], incident):
                self.incidents[mine] = incident
                changed.append(incident)
        for at in free:
            gone = self._withdrawn(self.incidents[at], now_us)
            if not same(self.incidents[at], gone):
                self.incidents[at] = gone
                changed.append(gone)
        self.used = {a.detection.int for incident in self.incidents for a in incident.arrivals}
        return changed

    def _incident(self, shot: Shot, previous: Incident | None, now_us: int, taken: set[UUID]) -> Incident:
        if previous is None:
            first = min(shot.arrivals, key=lambda a: (a.onset_us, a.detection.int))
            identity, revision = new_id(shot.onset_us, first.detection, taken), 1
        else:
            identity, revision = previous.id, previous.revision + 1
        return Incident(
            id=identity, revision=revision, event=shot.event, onset_us=shot.onset_us, end_us=shot.end_us,
            updated_us=now_us, place=shot.place, probability=probability_of(shot.evidence), rounds=shot.rounds,
            evidence=shot.evidence, arrivals=shot.arrivals, exercise=self.exercise, settled=self.settled,
            late=self.late,
        )  # fmt: skip

    def _withdrawn(self, incident: Incident, now_us: int) -> Incident:
        """An incident whose sounds are now explained otherwise: kept, and no longer believed."""
        evidence = incident.evidence
        if not any(term.kind == "withdrawn" for term in evidence):
            evidence = (*evidence, Evidence(kind="withdrawn", log_odds=-8.0, words="evidence_withdrawn"))
        return msgspec.structs.replace(
            incident, revision=incident.revision + 1, updated_us=now_us, evidence=evidence, arrivals=(),
            probability=probability_of(evidence), settled=self.settled, late=self.late,
        )  # fmt: skip


def _certainty(shot: Shot) -> tuple[Evidence, ...]:
    """What the place of a shot takes away from belief, all other terms known."""
    return place_term(shot.evidence, shot.place, len({arrival.sensor for arrival in shot.arrivals}))


def _explained(
    hood: Neighbourhood, sources: list[Placed], table: SiteTable, air: Air, settings: FusionSettings
) -> list[bool]:
    """Picks that other episodes' sources may have made, directly or as an echo: echoes only come late."""
    picks = hood.picks
    explained = [False] * len(hood.detections)
    for source in sources:
        x, y = hood.local(source.east, source.north, table)
        travel = travel_times(picks.x - x, picks.y - y, 0.0, air)[picks.sensor]
        first = (source.first_us - hood.zero_us) * 1e-6 - settings.gate_s - 0.02
        last = (source.last_us - hood.zero_us) * 1e-6 + settings.echo_tail_s
        emitted = picks.time - travel
        explained = [e or bool(first <= t <= last) for e, t in zip(explained, emitted.tolist(), strict=True)]
    return explained
