"""`wrong_way`: a vehicle goes against the legal direction of its lane.

What counts is the way a track has come inside the zone: far enough, straight enough, and against the direction all
along; one blob that jumps when two cars merge has come far but not steadily. Each vehicle is said once. Works without a
detector: slow, upright figures are taken for people on foot, who may walk where they like; with one it is asked.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.opinions import Opinion
from sensors.camera.settings import Zone
from sensors.camera.tracks import Track

_LEAST_S: Final = 0.7
_LEAST_POINTS: Final = 5
_LEAST_WAY: Final = 0.03
"""Picture widths: ten pixels of 320; below, the centre of a blob wanders with its shape."""
_LEAST_SIZES: Final = 0.5
_COSINE: Final = 0.6
"""Within 53 degrees of straight against: a lane that curves stays inside, a crossing does not."""
_STEADY: Final = 0.7
"""Share of the steps that must go against."""
_LEAST_AREA: Final = 6e-4


@dataclass(frozen=True, slots=True)
class Way:
    """How a track moved along a direction: `along`, `aside` in picture widths, `steady` share of steps against."""

    along: float
    aside: float
    steady: float
    lasted_s: float
    points: int


def way(path: list[tuple[float, float, float]], direction: tuple[float, float], aspect: float) -> Way:
    """Measure `path` of (seconds, x, y), normalised, along the picture direction (right, down) of any length.

    `direction` is in pixels' proportions (1 right is as long as 1 down); `aspect` is height / width.
    """
    length = math.hypot(*direction)
    ux, uy = direction[0] / length, direction[1] / length
    steps = [
        ((bx - ax) * ux + (by - ay) * aspect * uy, t2 - t1) for (t1, ax, ay), (t2, bx, by) in itertools.pairwise(path)
    ]
    dx, dy = path[-1][1] - path[0][1], (path[-1][2] - path[0][2]) * aspect
    against = sum(dt for step, dt in steps if step < 0)
    total = sum(dt for _, dt in steps)
    return Way(
        along=dx * ux + dy * uy,
        aside=abs(dx * uy - dy * ux),
        steady=against / total if total else 0.0,
        lasted_s=path[-1][0] - path[0][0],
        points=len(path),
    )


class WrongWay:
    """Watches one zone with its legal direction."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._direction = zone.direction or (0.0, 1.0)
        self._said: set[int] = set()

    def step(self, moment: Moment) -> list[Finding]:
        """One finding for each vehicle that has come far enough the wrong way."""
        found = []
        alive = {track.number for track in moment.tracks}
        for track in moment.tracks:
            right, down = track.velocity
            # Whoever goes the legal way at this moment is not looked at further: most of the traffic, all day.
            if right * self._direction[0] + down * moment.aspect * self._direction[1] >= 0:
                continue
            if track.number in self._said or not self._mask.contains(track.centre):
                continue
            score = self._score(track, moment.aspect, moment.seen.of_track(track.number))
            if score > 0:
                self._said.add(track.number)
                onset_s = max(track.path[0][0], track.born_s)
                found.append(Finding("wrong_way", self._zone.name, onset_s, moment.now_s - onset_s, score, track.foot))
        if len(self._said) > 256:
            self._said &= alive
        return found

    def _score(self, track: Track, aspect: float, opinion: Opinion) -> float:
        if track.blob.area < _LEAST_AREA or len(track.path) < _LEAST_POINTS:
            return 0.0
        inside = [point for point in track.centres if self._mask.contains(point[1:])]
        if len(inside) < _LEAST_POINTS:
            return 0.0
        gone = way(inside, self._direction, aspect)
        against = -gone.along
        size = track.size(aspect)
        if gone.lasted_s < _LEAST_S or against < max(_LEAST_WAY, _LEAST_SIZES * size) or gone.steady < _STEADY:
            return 0.0
        cosine = against / math.hypot(against, gone.aside)
        if cosine < _COSINE or opinion.kind == "person":
            return 0.0
        if not opinion.vehicle and _on_foot(track, against / gone.lasted_s, aspect):
            return 0.0
        far = min(1.0, against / (3 * max(_LEAST_WAY, _LEAST_SIZES * size)))
        return min(0.97, 0.55 + 0.2 * far + 0.15 * gone.steady + 0.1 * (cosine - _COSINE) / (1 - _COSINE))


def _on_foot(track: Track, speed: float, aspect: float) -> bool:
    """Upright and slower than 1.5 of its heights a second: a walker makes 0.8, a runner 2, a slow car 1 but is wide."""
    return track.slender > 1.6 and speed < 1.5 * max(track.blob.h * aspect, track.slender * track.blob.w)
