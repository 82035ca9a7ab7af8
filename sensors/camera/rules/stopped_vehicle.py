"""`stopped_vehicle`: something that came driving stands still on the carriageway.

It must have been seen to move as large as it stands there, be larger than a person would look, and stand for the time
that the zone sets; others may drive past before it. A queue is not a breakdown: while several stand, or the street is
so full that patches are no single vehicles, nothing is said. What stands must look as it did when it came to rest:
where others drive through one spot all the time, something always covers it. Works without a detector; with
one no person or bag is taken for a vehicle.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from sensors.camera.blobs import Blob
from sensors.camera.frames import Field
from sensors.camera.lines import correlation, cut, is_shade
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.scene import UNDERSTOOD
from sensors.camera.settings import Zone
from sensors.camera.standing import Thing

_LEAST_AREA: Final = 2e-3
"""Share of the picture: 115 pixels of 320 x 180; a car at about 50 m."""
_CAME: Final = 0.3
"""It must have moved by a third of its own size before it stood: a ghost of a car that drove off never did."""
_QUEUE: Final = 3
"""From this many standing at once it is a queue."""
_QUEUE_S: Final = 90.0
"""What has stood for longer is parked, and no part of a queue that forms."""
_ALIKE: Final = 0.5
"""Least correlation of the lines of what stands with those of what came to rest; vehicles that follow each other
through one spot have 0 to 0.3."""
_LOOK_S: Final = 0.7
_LOOKS: Final = 8
_MOSTLY: Final = 0.7
"""Of eight looks, as many may be at somebody who drives past before it."""
_COARSE_S: Final = 1.1
"""Slower than this and tracks of traffic are guesses."""
_SURER: Final = 0.1
_UNSURE: Final = 0.7
_REPEAT_S: Final = 60.0


@dataclass(slots=True)
class _AtRest:
    """Where a thing came to rest and how it looked there, while it stands: `log` float32[h, w] of log brightness."""

    blob: Blob
    log: Field
    looked_s: float = -1e9
    looks: deque[bool] = field(default_factory=lambda: deque(maxlen=_LOOKS))

    def look(self, thing: Thing, moment: Moment) -> bool:
        """True while most of the last looks saw it as it came to rest, and no shadow in its place."""
        if moment.now_s - self.looked_s > _LOOK_S:
            self.looked_s = moment.now_s
            now, _ = cut(moment.view.grey, moment.view.background, self.blob, 0)
            same = now.shape == self.log.shape and correlation(now, self.log) > _ALIKE
            self.looks.append(same and not is_shade(moment.view.grey, moment.view.background, thing.blob))
        return len(self.looks) >= _LOOKS // 2 and sum(self.looks) >= _MOSTLY * len(self.looks)


class StoppedVehicle:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._said: dict[int, float] = {}
        self._first: dict[int, _AtRest] = {}

    def step(self, moment: Moment) -> list[Finding]:
        """One finding for each that stands long enough, again each minute while it stands."""
        if moment.dt_s > _COARSE_S or moment.view.changed > UNDERSTOOD:
            return []
        inside = [thing for thing in moment.things if self._large(thing)]
        standing = [thing for thing in inside if self._drove(thing, moment.aspect)]
        numbers = {thing.number for thing in standing}
        self._said = {number: at_s for number, at_s in self._said.items() if number in numbers}
        self._first = {number: first for number, first in self._first.items() if number in numbers}
        for thing in standing:
            if thing.number not in self._first:
                log = cut(moment.view.grey, moment.view.background, thing.blob, 0)[0]
                self._first[thing.number] = _AtRest(thing.blob, log)
        if sum(moment.now_s - thing.since_s < _QUEUE_S for thing in inside) >= _QUEUE:
            return []
        found = []
        for thing in standing:
            stood_s = moment.now_s - thing.since_s
            sure = self._first[thing.number].look(thing, moment)
            if stood_s < self._zone.stopped_s or moment.now_s - self._said.get(thing.number, -1e9) < _REPEAT_S:
                continue
            opinion = moment.seen.of_thing(thing.number)
            # Seen from above or by night a detector misses vehicles: that it saw none only makes it less sure.
            if not sure or opinion.kind in ("person", "bag"):
                continue
            self._said[thing.number] = moment.now_s
            score = 0.65 + 0.15 * min(1.0, stood_s / (3 * self._zone.stopped_s)) + 0.15 * thing.blob.fill
            score = min(0.97, score + _SURER) if opinion.vehicle else score * (_UNSURE if opinion.blank else 1.0)
            found.append(Finding("stopped_vehicle", self._zone.name, thing.since_s, stood_s, score, thing.blob.foot))
        return found

    def _large(self, thing: Thing) -> bool:
        blob = thing.blob
        middle = blob.x + blob.w / 2, blob.y + blob.h / 2
        return not thing.hole and blob.area >= _LEAST_AREA and self._mask.contains(middle)

    def _drove(self, thing: Thing, aspect: float) -> bool:
        blob, bringer = thing.blob, thing.bringer
        if bringer is None or blob.h * aspect > 1.6 * blob.w:
            return False
        # Larger when it drove among others; who carries a thing is upright.
        wide = bringer.blob.h * aspect < 1.6 * bringer.blob.w
        return wide and bringer.came > _CAME * bringer.size and 0.3 < bringer.blob.area / blob.area < 12.0
