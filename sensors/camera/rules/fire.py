"""`fire`: a place that glows in the colours of flames and flickers as they do.

Flames are red over green over blue (Celik and Demirel, Fire Safety Journal 44, 2009, give the same order in YCbCr),
never hold their outline, and stay where they are. The count of flame-coloured pixels in each small cell must waver
several times a second without going out: a lamp or a vest is steady, a beacon or an indicator goes out between its
flashes, a brake light drives on. Smoke is said as fire too (`sensors.camera.rules.smoke`). Works without a detector and
always needs a second look.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.camera.frames import Field, Image
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.rules.smoke import Smoke
from sensors.camera.settings import Zone

_CELL: Final = 6
"""Pixels of 160: a cell is a twenty-fifth of the picture's width."""
_WINDOW_S: Final = 2.4
_LEAST_LOOKS: Final = 10
_LEAST_PIXELS: Final = 3.0
_WAVER: Final = 0.15
_MOST_WAVER: Final = 1.0
_TURNS_PER_S: Final = 2.4
_OUT: Final = 0.1
"""Least count over mean count: below, it goes out between its flashes."""
_CORE: Final = 14.0
_CORE_SPREAD: Final = 0.25
"""One cell at least must be filled to two fifths at its peak, and vary by a quarter: the rim of a warm wall before a
shaking camera wavers as fast, and by less. A flame smaller than eight pixels of 320 is not seen."""
_RESTLESS: Final = 1.75
"""A fire changes faster than its surroundings: warm walls and clothes before a camera that shakes change as all other
edges do. Times the change that four fifths of the cells stay under; measured flames in a calm picture have 10 to 30,
under hard shake 1.8 to 2.8, walls under the same shake up to 1.7."""
_ABSENT_S: Final = 1.3
_BRIGHT: Final = 150.0
_SATURATED: Final = 50.0
_BRIGHT_FADE: Final = np.clip(4.0 * (np.arange(256) - _BRIGHT), 0, 255).astype(np.uint8)
_SATURATED_FADE: Final = np.clip(4.0 * (np.arange(256) - _SATURATED), 0, 255).astype(np.uint8)
_LASTED_S: Final = 2.0
_SMOKE_SINCE_S: Final = 4.0
"""A plume is seen once it has lasted for most of five seconds."""
_REPEAT_S: Final = 30.0


def flame_coloured(colour: Image) -> Image:
    """uint8[h, w]: how much a pixel of `colour` uint8[h, w, 3] (blue, green, red) could be a flame, 0 to 255.

    It fades in with brightness and saturation: noise over one hard threshold would seem to flicker.
    """
    blue, green, red = cv2.split(colour)
    warm = cv2.bitwise_and(cv2.compare(red, green, cv2.CMP_GT), cv2.compare(green, blue, cv2.CMP_GE))
    bright = cv2.LUT(red, _BRIGHT_FADE)
    saturated = cv2.LUT(cv2.subtract(red, blue), _SATURATED_FADE)
    return np.asarray(cv2.bitwise_and(cv2.min(bright, saturated), warm), np.uint8)


def _may_burn(colour: Image) -> bool:
    """True where any pixel is bright and warm: most pictures of a street have none, and a tenth of the cost."""
    red = cv2.extractChannel(colour, 2)
    warm = cv2.compare(cv2.subtract(red, cv2.extractChannel(colour, 0)), _SATURATED, cv2.CMP_GT)
    return cv2.countNonZero(cv2.bitwise_and(warm, cv2.compare(red, _BRIGHT, cv2.CMP_GT))) > 0


def flickering(counts: Field, seconds: float) -> NDArray[np.bool_]:
    """bool[cells]: which columns of `counts` float32[looks, cells], taken over `seconds`, waver as flames do."""
    mean = counts.mean(axis=0)
    change = np.diff(counts, axis=0)
    waver = np.abs(change).mean(axis=0) / np.maximum(mean, 1e-3)
    # A turn is a change of direction larger than the noise of one pixel.
    strong = np.sign(np.where(np.abs(change) > 0.08 * mean + 0.3, change, 0.0))
    turns = np.zeros(counts.shape[1])
    last = np.zeros(counts.shape[1])
    for row in strong:
        turns += (row * last) < 0
        last = np.where(row != 0, row, last)
    alive = counts.min(axis=0) > _OUT * mean
    wavers = (waver > _WAVER) & (waver < _MOST_WAVER) & (turns > _TURNS_PER_S * seconds)
    return np.asarray((mean > _LEAST_PIXELS) & wavers & alive, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """At this second: flame-coloured pixels in each cell, and the red channel itself."""

    at_s: float
    counts: Field
    red: Image


def _unrest(reds: Sequence[Image], shape: tuple[int, ...]) -> Field:
    """float32[cells]: mean change of each cell's pixels from look to look."""
    total = np.zeros(reds[0].shape, np.float32)
    for one, other in itertools.pairwise(reds):
        cv2.accumulate(cv2.absdiff(one, other), total)
    return np.asarray(
        cv2.resize(total, (shape[1], shape[0]), interpolation=cv2.INTER_AREA) / (len(reds) - 1), np.float32
    )


class Fire:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._smoke = Smoke(self._mask)
        self._smoke_s: float | None = None
        self._looks: deque[_Look] = deque(maxlen=64)
        self._since_s: float | None = None
        self._absent_s = 0.0
        self._said_s = -1e9
        self._steps = 0

    def step(self, moment: Moment) -> list[Finding]:
        """A finding once a place has flickered or smoked long enough, again twice a minute."""
        return self._flames(moment) or self._plume(moment)

    def _plume(self, moment: Moment) -> list[Finding]:
        plume = self._smoke.step(moment)
        if plume is None:
            self._smoke_s = None
            return []
        self._smoke_s = self._smoke_s if self._smoke_s is not None else moment.now_s
        if moment.now_s - self._smoke_s < _LASTED_S or moment.now_s - self._said_s < _REPEAT_S:
            return []
        self._said_s = moment.now_s
        onset_s = max(0.0, self._smoke_s - _SMOKE_SINCE_S)
        score = min(0.7, 0.45 + 0.03 * plume.cells)
        return [Finding("fire", self._zone.name, onset_s, moment.now_s - onset_s, score, (plume.x, plume.y))]

    def _flames(self, moment: Moment) -> list[Finding]:
        if moment.view.upset:
            self._looks.clear()
            return []
        if moment.view.colour is None:
            return []
        colour = moment.view.colour
        size = max(1, colour.shape[1] // _CELL), max(1, colour.shape[0] // _CELL)
        colour = colour[: size[1] * _CELL, : size[0] * _CELL]
        red = np.asarray(cv2.blur(cv2.extractChannel(colour, 2), (3, 3)), np.uint8)
        if _may_burn(colour):
            # Camera noise of a few levels over the threshold of a warm wall would seem to flicker.
            inside = self._mask.raster(moment.view.colour.shape)[: red.shape[0], : red.shape[1]]
            flames = cv2.bitwise_and(flame_coloured(np.asarray(cv2.blur(colour, (3, 3)), np.uint8)), inside)
            counts = cv2.resize(flames, size, interpolation=cv2.INTER_AREA).astype(np.float32) * (_CELL * _CELL / 255.0)
        else:
            counts = np.zeros(size[::-1], np.float32)
        if self._looks and self._looks[-1].counts.shape != counts.shape:
            self._looks.clear()
        self._looks.append(_Look(moment.now_s, counts, red))
        while moment.now_s - self._looks[0].at_s > _WINDOW_S:
            self._looks.popleft()
        self._steps += 1
        if self._steps % 2:
            return []
        place = self._place(counts.shape)
        if place is None:
            self._absent_s = self._absent_s or moment.now_s
            if moment.now_s - self._absent_s > _ABSENT_S:
                self._since_s = None
            return []
        self._absent_s = 0.0
        self._since_s = self._since_s if self._since_s is not None else moment.now_s
        lasted_s = moment.now_s - self._since_s
        if lasted_s < _LASTED_S or moment.now_s - self._said_s < _REPEAT_S:
            return []
        self._said_s = moment.now_s
        onset_s = max(0.0, self._since_s - _WINDOW_S)
        return [Finding("fire", self._zone.name, onset_s, moment.now_s - onset_s, place[2], place[:2])]

    def _place(self, shape: tuple[int, ...]) -> tuple[float, float, float] | None:
        """Where it flickers most, normalised, with a score; None where nothing does."""
        if len(self._looks) < _LEAST_LOOKS:
            return None
        seconds = self._looks[-1].at_s - self._looks[0].at_s
        if seconds < 0.8 * _WINDOW_S or not (self._looks[-1].counts > 0).any():
            return None
        counts = np.stack([look.counts for look in self._looks]).reshape(len(self._looks), -1)
        cells: NDArray[np.bool_] = flickering(counts, seconds).reshape(shape)
        core = (counts.max(axis=0) >= _CORE) & (counts.std(axis=0) >= _CORE_SPREAD * counts.mean(axis=0))
        # One fire: what flickers elsewhere has a core of its own or is none.
        near = cv2.dilate((cells & core.reshape(shape)).astype(np.uint8), np.ones((5, 5), np.uint8))
        cells &= near > 0
        unrest = _unrest([look.red for look in self._looks], shape)
        cells &= unrest > _RESTLESS * float(np.percentile(unrest, 80))
        if not cells.any():
            return None
        rows, columns = np.nonzero(cells)
        score = min(0.85, 0.5 + 0.05 * len(rows))
        return float((columns.mean() + 0.5) / shape[1]), float((rows.mean() + 0.5) / shape[0]), score
