"""One episode: a neighbourhood and a stretch of event time in which something banged, and the incidents made of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self
from uuid import UUID

import msgspec

from hub.fusion.burst import find_sources
from hub.fusion.camera import corroboration
from hub.fusion.evidence import probability_of
from hub.fusion.settings import FusionSettings
from hub.fusion.shots import Shot, coincident, located, neighbourhood, unplaced
from hub.incident import Incident
from sensors.protocol import Detection

if TYPE_CHECKING:
    from hub.fusion.engine import FusionEngine


def incident_id(onset_us: int, seed: str) -> UUID:
    """A UUIDv8 (RFC 9562) that follows from the evidence: milliseconds of the onset, then a hash of `seed`."""
    digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    value = ((onset_us // 1_000) & ((1 << 48) - 1)) << 80 | digest
    value = value & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62)
    return UUID(int=value)


@dataclass(slots=True)
class Episode:
    """Open from the first coinciding pick until nothing can change it in the ordinary way."""

    east: float
    north: float
    exercise: bool
    trigger_us: int
    start_us: int
    last_us: int
    """Onset of the last pick that counted."""
    heard_us: int
    """When the last pick was heard of."""
    due_us: int | None
    settled: bool = False
    closed_us: int = 0
    late: bool = False
    incidents: list[Incident] = field(default_factory=list)
    used: set[object] = field(default_factory=set)

    @classmethod
    def opened(cls, d: Detection, east: float, north: float, now_us: int, settings: FusionSettings) -> Self:
        """The episode that this pick opens."""
        before = round(settings.hearing_range_m / 330.0 * 1e6)
        return cls(
            east=east, north=north, exercise=d.exercise, trigger_us=d.onset, start_us=d.onset - before,
            last_us=d.onset, heard_us=now_us, due_us=now_us + round(settings.first_wait_s * 1e6),
        )  # fmt: skip

    def wants(self, d: Detection, east: float, north: float, now_us: int, settings: FusionSettings) -> bool:
        """Take note of a pick that falls into this episode; False if it doesn't."""
        reach = settings.hearing_range_m
        if (east - self.east) ** 2 + (north - self.north) ** 2 > reach * reach:
            return False
        quiet = round(settings.quiet_s * 1e6)
        if not self.start_us <= d.onset <= self.last_us + quiet:
            return False
        if d.onset > self.trigger_us + round(settings.max_burst_s * 1e6):
            return False
        self.last_us = max(self.last_us, d.onset)
        self.heard_us = now_us
        if self.settled:
            self.late = True
        if self.due_us is None or self.settled:
            self.due_us = now_us + round(settings.first_wait_s * 1e6)
        return True

    def camera_spoke(self, d: Detection, now_us: int, settings: FusionSettings) -> None:
        """Look again soon if a camera saw something around this time."""
        if not self.incidents or d.exercise != self.exercise:
            return
        if self.trigger_us - settings.camera_before_s * 1e6 <= d.onset <= self.last_us + settings.camera_after_s * 1e6:
            due = now_us + 100_000
            self.due_us = due if self.due_us is None else min(self.due_us, due)

    def solve(self, engine: FusionEngine, now_us: int) -> list[Incident]:
        """Solve, and return the incidents that are new or revised; sets when to look again."""
        settings = engine.settings
        closing = max(
            self.heard_us + round(settings.allowed_lateness_s * 1e6),
            self.last_us + round(settings.quiet_s * 1e6),
        )
        was_settled = self.settled
        self.settled = self.settled or now_us >= closing
        shots = [self._with_cameras(shot, engine) for shot in self._shots(engine)]
        changed = self._revise(shots, now_us, settings)
        if self.settled:
            self.due_us = None
            if not was_settled:
                self.closed_us = now_us
        else:
            self.due_us = min(now_us + round(settings.again_s * 1e6), closing)
            if self.heard_us < now_us - round(settings.again_s * 1e6):
                self.due_us = closing
        return changed

    def _shots(self, engine: FusionEngine) -> list[Shot]:
        settings = engine.settings
        to_us = self.last_us
        held = engine.held(self.east, self.north, settings.hearing_range_m, self.start_us, to_us, self.exercise)
        taken = engine.claimed(self)
        limit_us = settings.max_clock_sigma_s * 1e6
        held = [d for d in held if d.id not in taken and d.clock_sigma_us <= limit_us]
        if len(held) > settings.max_picks:
            held = sorted(sorted(held, key=lambda d: -d.score)[: settings.max_picks], key=lambda d: (d.onset, d.id.int))
        if not held:
            return []
        hood = neighbourhood(engine.table, held)
        sources = find_sources(hood.picks, engine.air, settings)
        if not sources:
            strong = [i for i, d in enumerate(held) if d.score >= settings.solo_score]
            if len({held[i].sensor for i in strong}) >= 3:
                sources = find_sources(hood.picks, engine.air, replace(settings, min_sensors=3))
            if not sources and strong:
                together = [strong[0]] + [
                    i for i in strong[1:]
                    if hood.picks.sensor[i] != hood.picks.sensor[strong[0]]
                    and coincident(hood.picks, strong[0], i, engine.air)
                ]  # fmt: skip
                return [unplaced(hood, together, engine.table, engine.air, settings)]
        shots = [located(hood, source, engine.table, engine.air, settings) for source in sources]
        return sorted(shots, key=lambda shot: shot.onset_us)

    def _with_cameras(self, shot: Shot, engine: FusionEngine) -> Shot:
        """The same shot, with what cameras saw near it."""
        settings = engine.settings
        seen = engine.cameras(
            shot.onset_us - round(settings.camera_before_s * 1e6), shot.end_us + round(settings.camera_after_s * 1e6)
        )
        blur = 0.0 if shot.place.ellipse is None else shot.place.ellipse.semi_major_m
        terms = corroboration(
            seen, shot.latitude, shot.longitude, blur, shot.onset_us, self.exercise, engine.table, settings
        )
        return replace(shot, evidence=(*shot.evidence, *terms))

    def _revise(self, shots: list[Shot], now_us: int, settings: FusionSettings) -> list[Incident]:
        changed: list[Incident] = []
        free = list(range(len(self.incidents)))
        for shot in shots:
            mine = max(
                free,
                key=lambda i: (len(shot.detections & {a.detection for a in self.incidents[i].arrivals}), -i),
                default=None,
            )
            previous = None if mine is None else self.incidents[mine]
            incident = self._incident(shot, previous, now_us)
            if previous is None:
                if incident.probability < settings.publish_probability:
                    continue
                self.incidents.append(incident)
                changed.append(incident)
            else:
                free.remove(mine)  # type: ignore[arg-type]
                if not same(previous, incident):
                    self.incidents[mine] = incident  # type: ignore[index]
                    changed.append(incident)
        self.used = {a.detection for incident in self.incidents for a in incident.arrivals}
        return changed

    def _incident(self, shot: Shot, previous: Incident | None, now_us: int) -> Incident:
        if previous is None:
            seed = ",".join(str(a.detection) for a in shot.arrivals[:1])
            identity, revision = incident_id(shot.onset_us, seed), 1
        else:
            identity, revision = previous.id, previous.revision + 1
        return Incident(
            id=identity, revision=revision, event=shot.event, onset_us=shot.onset_us, end_us=shot.end_us,
            updated_us=now_us, place=shot.place, probability=probability_of(shot.evidence), rounds=shot.rounds,
            evidence=shot.evidence, arrivals=shot.arrivals, exercise=self.exercise, settled=self.settled,
            late=self.late,
        )  # fmt: skip


def same(one: Incident, other: Incident) -> bool:
    """True if two revisions tell the same."""
    return msgspec.structs.replace(one, revision=0, updated_us=0) == msgspec.structs.replace(
        other, revision=0, updated_us=0
    )
