"""Events that last: what cameras see, and sounds that are not bangs; merged by place and time, with hysteresis.

The grammar of a coincidence trigger (on and off thresholds, greatest gap, as ObsPy's): a sure detection opens an event,
less sure ones keep it open, detections near it join it and make it grow, a gap ends it.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field
from operator import attrgetter

from hub.fusion.calibration import CALIBRATION
from hub.fusion.camera import seen_area
from hub.fusion.context import Context
from hub.fusion.evidence import logit, probability_of
from hub.fusion.geometry import centroid, disc
from hub.fusion.identity import incident_id
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.incident import SECOND_LOOK, Arrival, Evidence, Incident, Place, PlaceKind
from sensors.protocol import Detection, is_sound

EXPECTED = frozenset({"clamor", "scream", "horn", "loud_unknown", "crowd_density", "crowd_movement"})
"""Classes that a declared match, firework or building site explains; none explains a fire or a siren away."""
NEVER_US = 1 << 62
_in_time = attrgetter("onset", "id.int")


@dataclass(slots=True)
class SlowEvent:
    """One event that lasts: the detections that made it, and its incident as last told."""

    event: str
    exercise: bool
    detections: list[Detection] = field(default_factory=list)
    incident: Incident | None = None

    @property
    def end_us(self) -> int:
        """When what was last seen of it ended."""
        return max(d.onset + round(d.duration_s * 1e6) for d in self.detections)


def middle_of(d: Detection, table: SiteTable) -> tuple[float, float]:
    """Latitude and longitude that a detection speaks of: its own position, the middle of its zone, or the sensor."""
    if d.position is not None:
        return d.position.latitude, d.position.longitude
    site = table.sites[table.index[d.sensor]]
    area = seen_area(site, d.zone)
    return centroid(area) if area else (site.latitude, site.longitude)


class SlowEvents:
    """All slow events that are open, and the detections of the last minutes for corroboration."""

    def __init__(self, settings: FusionSettings, context: Context | None = None) -> None:
        self._settings = settings
        self._events: list[SlowEvent] = []
        self._seen: list[Detection] = []
        self._ends_us = NEVER_US
        self.context = context or Context()
        """What is declared; it lowers what is to be expected of a match, a firework or works."""

    @property
    def open_since_us(self) -> int | None:
        """Onset of the earliest detection of an open event; None when none is open."""
        return min((e.detections[0].onset for e in self._events if not self._settled(e)), default=None)

    def between(self, from_us: int, to_us: int) -> list[Detection]:
        """Detections of a stretch of event time."""
        return [d for d in self._seen if from_us <= d.onset <= to_us]

    def offer(self, d: Detection, table: SiteTable, now_us: int) -> list[Incident]:
        """Take one detection of a slow class; returns the incident that it made or changed."""
        insort(self._seen, d, key=_in_time)
        joined = next((e for e in self._events if self._belongs(e, d, table)), None)
        if joined is None:
            if d.score < self._settings.slow_on_score:
                return []
            joined = SlowEvent(d.event, d.exercise)
            self._events.append(joined)
        elif d.score < self._settings.slow_off_score:
            return []
        late = self._settled(joined)
        insort(joined.detections, d, key=_in_time)
        self._ends_us = 0
        joined.incident = self._told(joined, table, now_us, settled=late, late=late)
        return [joined.incident]

    def advance(self, now_us: int, table: SiteTable) -> list[Incident]:
        """End the events that nothing was seen of for a while."""
        changed: list[Incident] = []
        if now_us < self._ends_us:
            return changed
        self._ends_us = NEVER_US
        gap_us = round((self._settings.merge_gap_s + self._settings.allowed_lateness_s) * 1e6)
        for event in self._events:
            if not self._settled(event) and now_us >= event.end_us + gap_us:
                event.incident = self._told(event, table, event.end_us + gap_us, settled=True, late=False)
                changed.append(event.incident)
            elif not self._settled(event):
                self._ends_us = min(self._ends_us, event.end_us + gap_us)
        return changed

    def sweep(self, limit_us: int) -> None:
        """Forget what ended before `limit_us`."""
        self._events = [e for e in self._events if not (self._settled(e) and e.end_us < limit_us)]
        self._seen = [d for d in self._seen if d.onset >= limit_us]

    def _settled(self, event: SlowEvent) -> bool:
        return event.incident is not None and event.incident.settled

    def _belongs(self, event: SlowEvent, d: Detection, table: SiteTable) -> bool:
        if event.event != d.event or event.exercise != d.exercise:
            return False
        gap_us = round(self._settings.merge_gap_s * 1e6)
        if not event.detections[0].onset - gap_us <= d.onset <= event.end_us + gap_us:
            return False
        latitude, longitude = middle_of(d, table)
        plane = Plane.at(latitude, longitude)
        reach_m = self._settings.merge_earshot_m if is_sound(d.event) else self._settings.merge_reach_m
        for other in event.detections[-20:]:
            if other.sensor == d.sensor and other.zone == d.zone:
                return True
            if other.sensor in table.index:
                x, y = plane.metres(*middle_of(other, table))
                if math.hypot(float(x), float(y)) <= reach_m:
                    return True
        return False

    def _told(self, event: SlowEvent, table: SiteTable, now_us: int, *, settled: bool, late: bool) -> Incident:
        known = [d for d in event.detections if d.sensor in table.index]
        best: dict[str, Detection] = {}
        for d in known:
            if d.sensor not in best or d.score > best[d.sensor].score:
                best[d.sensor] = d
        first, surest = event.detections[0], max(best.values(), key=lambda d: d.score, default=event.detections[0])
        previous = event.incident
        evidence = [Evidence(kind="base_rate", log_odds=CALIBRATION.slow_base_rate, words="evidence_base_rate_slow")]
        for order, (sensor, d) in enumerate(sorted(best.items(), key=lambda item: (-item[1].score, item[0]))):
            evidence.append(
                Evidence(
                    kind="sound" if is_sound(event.event) else "video", log_odds=logit(d.score) / (1 + order) ** 2,
                    words="evidence_heard_slow" if is_sound(event.event) else "evidence_seen",
                    values={"sensor": sensor, "zone": d.zone or "", "score": round(d.score, 2)}, sensor=sensor,
                    detections=tuple(x.id for x in known if x.sensor == sensor)[-50:],
                )
            )  # fmt: skip
        place = self._place(surest, table, previous)
        if event.event in EXPECTED:
            evidence += self.context.terms(place.latitude, place.longitude, first.onset)
        if event.event in SECOND_LOOK:
            total = sum(term.log_odds for term in evidence)
            cap = logit(self._settings.second_look_probability)
            evidence.append(
                Evidence(kind="second_look", log_odds=min(cap - total, 0.0), words="evidence_second_look")
            )  # fmt: skip
        return Incident(
            id=previous.id if previous else incident_id(first.onset, str(first.id)),
            revision=previous.revision + 1 if previous else 1,
            event=event.event, onset_us=first.onset, end_us=event.end_us, updated_us=now_us,
            place=place, probability=probability_of(evidence), evidence=tuple(evidence),
            arrivals=tuple(
                Arrival(sensor=d.sensor, detection=d.id, onset_us=d.onset, distance_m=0.0, residual_ms=0.0)
                for d in best.values()
            ),
            exercise=event.exercise, settled=settled, late=late,
        )  # fmt: skip

    def _place(self, d: Detection, table: SiteTable, previous: Incident | None) -> Place:
        if d.sensor not in table.index:
            if previous is None:
                raise ValueError(f"the sensor {d.sensor} is not registered; offer only detections of registered sites")
            return previous.place
        latitude, longitude = middle_of(d, table)
        area = seen_area(table.sites[table.index[d.sensor]], d.zone)
        if not area:
            # A lone microphone hears in all directions; only a camera has a view.
            kind: PlaceKind = "disc" if is_sound(d.event) else "zone"
            return Place(kind=kind, latitude=latitude, longitude=longitude,
                         outline=disc(Plane.at(latitude, longitude), 0.0, 0.0, 50.0))  # fmt: skip
        closed = area if area[0] == area[-1] else (*area, area[0])
        return Place(kind="zone", latitude=latitude, longitude=longitude, outline=closed)
