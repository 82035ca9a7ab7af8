"""`dumping`: somebody leaves a thing in a zone where nothing may be left, and goes.

The same life-cycle as an abandoned object with two differences: the place is forbidden for rubbish by its zone, so that
large things count and a short while alone is enough. Needs a second look. Works without a detector.
"""

from __future__ import annotations

from typing import Final

from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.rules.left_behind import Left, advance, attended, is_other, surer, was_carried
from sensors.camera.settings import Zone

_ALONE_S: Final = 6.0
"""Long enough to fetch the next bag from the car, and then it is said anyway: that is dumping too."""
_MOST_AREA: Final = 0.08
_COARSE_S: Final = 1.1


class Dumping:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._left: dict[int, Left] = {}

    def step(self, moment: Moment) -> list[Finding]:
        """One finding for each thing that was left and stands alone."""
        if moment.dt_s > _COARSE_S:
            return []
        found, left = [], {}
        for thing in moment.things:
            inside = self._mask.contains(thing.blob.stance) and thing.blob.area <= _MOST_AREA
            opinion = moment.seen.of_thing(thing.number)
            if not inside or not was_carried(thing, moment.aspect) or is_other(opinion):
                continue
            before = self._left.get(thing.number)
            near = attended(thing, moment.tracks, moment.aspect)
            after = advance(before, thing, near, moment.now_s, _ALONE_S)
            left[thing.number] = after
            if after.stage == "abandoned" and (before is None or before.stage != "abandoned"):
                score = surer(min(0.8, 0.55 + 0.25 * thing.blob.fill), opinion)
                since_s = thing.since_s
                found.append(
                    Finding("dumping", self._zone.name, since_s, moment.now_s - since_s, score, thing.blob.foot)
                )
        self._left = left
        return found
