"""`abandoned_object`: a thing that somebody carried stands alone for as long as the zone sets.

It must come out of a larger figure, keep still, and have nobody within reach; somebody who lies or sits there came as
large as he is and is not a thing. Always needs a second look: the public evaluation of 2024 found most alarms of this
class false. Works without a detector; with one, people who sit there are not taken for luggage.
"""

from __future__ import annotations

from typing import Final

from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.rules.left_behind import Left, advance, attended, is_other, surer, was_carried
from sensors.camera.settings import Zone

_MOST_AREA: Final = 0.02
_COARSE_S: Final = 1.1


class AbandonedObject:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self.left: dict[int, Left] = {}
        """What was left, by the number of the thing: its stage is looked at by tests and by the technician's view."""

    def step(self, moment: Moment) -> list[Finding]:
        """One finding when a thing becomes abandoned."""
        if moment.dt_s > _COARSE_S:
            return []
        found, left = [], {}
        for thing in moment.things:
            if thing.blob.area > _MOST_AREA or not was_carried(thing, moment.aspect):
                continue
            opinion = moment.seen.of_thing(thing.number)
            if not self._mask.contains(thing.blob.stance) or is_other(opinion):
                continue
            before = self.left.get(thing.number)
            near = attended(thing, moment.tracks, moment.aspect)
            after = advance(before, thing, near, moment.now_s, self._zone.unattended_s)
            left[thing.number] = after
            if after.stage == "abandoned" and (before is None or before.stage != "abandoned"):
                alone_s = moment.now_s - (before.since_s if before else thing.since_s)
                score = min(0.8, 0.5 + 0.2 * thing.blob.fill + 0.1 * min(1.0, alone_s / 60.0))
                found.append(
                    Finding(
                        "abandoned_object",
                        self._zone.name,
                        thing.since_s,
                        moment.now_s - thing.since_s,
                        surer(score, opinion),
                        thing.blob.foot,
                    )
                )
        self.left = left
        return found
