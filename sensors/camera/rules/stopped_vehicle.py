"""`stopped_vehicle`: something that came driving stands still on the carriageway.

It must have been seen to move as large as it stands there, be larger than a person would look, and stand for the time
that the zone sets; others may drive past before it. A queue is not a breakdown: while several stand, or the street is
so full that patches are no single vehicles, nothing is said. Works without a detector.
"""

from __future__ import annotations

from typing import Final

from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.scene import UNDERSTOOD
from sensors.camera.settings import Zone
from sensors.camera.standing import Thing

_LEAST_AREA: Final = 2e-3
"""Share of the picture: 115 pixels of 320 x 180; a car at about 50 m."""
_CAME: Final = 0.5
"""It must have moved by half its own size before it stood: a ghost of a car that drove off never did."""
_QUEUE: Final = 3
"""From this many standing at once it is a queue."""
_COARSE_S: Final = 1.1
"""Slower than this and tracks of traffic are guesses."""
_REPEAT_S: Final = 60.0


class StoppedVehicle:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._said: dict[int, float] = {}

    def step(self, moment: Moment) -> list[Finding]:
        """One finding for each that stands long enough, again each minute while it stands."""
        if moment.dt_s > _COARSE_S or moment.view.changed > UNDERSTOOD:
            return []
        standing = [thing for thing in moment.things if self._stands(thing, moment.aspect)]
        self._said = {thing.number: self._said[thing.number] for thing in standing if thing.number in self._said}
        if len(standing) >= _QUEUE:
            return []
        found = []
        for thing in standing:
            stood_s = moment.now_s - thing.since_s
            if stood_s < self._zone.stopped_s or moment.now_s - self._said.get(thing.number, -1e9) < _REPEAT_S:
                continue
            self._said[thing.number] = moment.now_s
            score = min(0.95, 0.65 + 0.15 * min(1.0, stood_s / (3 * self._zone.stopped_s)) + 0.15 * thing.blob.fill)
            found.append(Finding("stopped_vehicle", self._zone.name, thing.since_s, stood_s, score, thing.blob.foot))
        return found

    def _stands(self, thing: Thing, aspect: float) -> bool:
        blob, bringer = thing.blob, thing.bringer
        if thing.hole or blob.area < _LEAST_AREA or bringer is None or blob.h * aspect > 1.6 * blob.w:
            return False
        # Larger when it drove among others; who carries a thing is upright.
        wide = bringer.blob.h * aspect < 1.6 * bringer.blob.w
        drove = wide and bringer.came > _CAME * bringer.size and 0.3 < bringer.blob.area / blob.area < 12.0
        return drove and self._mask.contains((blob.x + blob.w / 2, blob.y + blob.h / 2))
