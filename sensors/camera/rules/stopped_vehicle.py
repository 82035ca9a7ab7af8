"""`stopped_vehicle`: something that came driving stands still on the carriageway.

It must have travelled before it stopped, be larger than a person would look there, and stand for the time that the
zone sets. A queue is not a breakdown: while others in the zone stand or creep as well, nothing is said. Works without a
detector.
"""

from __future__ import annotations

from typing import Final

from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.settings import Zone
from sensors.camera.tracks import Track

_LEAST_AREA: Final = 2e-3
"""Share of the picture: 115 pixels of 320 x 180; a car at about 50 m."""
_CAME: Final = 1.0
"""It must have moved by its own size before it stood: a ghost of a car that drove off never did."""
_QUEUE: Final = 3
"""From this many standing or creeping at once it is a queue."""
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
        if moment.dt_s > _COARSE_S:
            return []
        standing = [track for track in moment.tracks if self._stands(track, moment)]
        self._said = {track.number: self._said[track.number] for track in standing if track.number in self._said}
        if len(standing) >= _QUEUE:
            return []
        found = []
        for track in standing:
            stood_s = moment.now_s - track.still_since_s
            if stood_s < self._zone.stopped_s or moment.now_s - self._said.get(track.number, -1e9) < _REPEAT_S:
                continue
            self._said[track.number] = moment.now_s
            score = min(0.95, 0.65 + 0.15 * min(1.0, stood_s / (3 * self._zone.stopped_s)) + 0.15 * track.blob.fill)
            found.append(Finding("stopped_vehicle", self._zone.name, track.still_since_s, stood_s, score, track.foot))
        return found

    def _stands(self, track: Track, moment: Moment) -> bool:
        if track.blob.area < _LEAST_AREA or moment.now_s - track.still_since_s < 1.0:
            return False
        upright = track.blob.h * moment.aspect > 1.6 * track.blob.w
        return (
            not upright
            and track.came(moment.aspect) > _CAME * track.size(moment.aspect)
            and self._mask.contains(track.centre)
        )
