"""`fire`: a place that glows in the colours of flames and flickers as they do.

Flames are red over green over blue (Celik and Demirel, Fire Safety Journal 44, 2009, give the same order in YCbCr),
never hold their outline, and stay where they are. The count of flame-coloured pixels in each small cell must waver
several times a second without going out: a lamp or a vest is steady, a beacon or an indicator goes out between its
flashes, a brake light drives on. Smoke alone is not seen. Works without a detector and always needs a second look.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Field, Image
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.settings import Zone

_CELL: Final = 6
"""Pixels of 160: a cell is a twenty-fifth of the picture's width."""
_WINDOW_S: Final = 2.4
_LEAST_LOOKS: Final = 14
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
_ABSENT_S: Final = 1.3
_BRIGHT: Final = 150.0
_SATURATED: Final = 50.0
_LASTED_S: Final = 2.0
_REPEAT_S: Final = 30.0


def flame_coloured(colour: Image) -> Image:
    """uint8[h, w]: how much a pixel of `colour` uint8[h, w, 3] (blue, green, red) could be a flame, 0 to 255.

    It fades in with brightness and saturation: noise over one hard threshold would seem to flicker.
    """
    blue, green, red = cv2.split(colour)
    warm = cv2.bitwise_and(cv2.compare(red, green, cv2.CMP_GT), cv2.compare(green, blue, cv2.CMP_GE))
    bright = cv2.multiply(cv2.subtract(red, _BRIGHT), 4)
    saturated = cv2.multiply(cv2.subtract(cv2.subtract(red, blue), _SATURATED), 4)
    return np.asarray(cv2.bitwise_and(cv2.min(bright, saturated), warm), np.uint8)


def flickering(counts: Field, seconds: float) -> Field:
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
    return np.asarray((mean > _LEAST_PIXELS) & wavers & alive)


class Fire:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._looks: deque[tuple[float, Field]] = deque(maxlen=64)
        self._since_s: float | None = None
        self._absent_s = 0.0
        self._said_s = -1e9
        self._steps = 0

    def step(self, moment: Moment) -> list[Finding]:
        """A finding once a place has flickered long enough, again twice a minute."""
        if moment.view.upset:
            self._looks.clear()
            return []
        # Camera noise of a few levels over the threshold of a warm wall would seem to flicker.
        colour = np.asarray(cv2.blur(moment.view.colour, (3, 3)), np.uint8)
        flames = cv2.bitwise_and(flame_coloured(colour), self._mask.raster(colour.shape))
        size = max(1, colour.shape[1] // _CELL), max(1, colour.shape[0] // _CELL)
        flames = flames[: size[1] * _CELL, : size[0] * _CELL]
        counts = cv2.resize(flames, size, interpolation=cv2.INTER_AREA).astype(np.float32) * (_CELL * _CELL / 255.0)
        if self._looks and self._looks[-1][1].shape != counts.shape:
            self._looks.clear()
        self._looks.append((moment.now_s, counts))
        while moment.now_s - self._looks[0][0] > _WINDOW_S:
            self._looks.popleft()
        self._steps += 1
        if self._steps % 4:
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
        counts = np.stack([look for _, look in self._looks]).reshape(len(self._looks), -1)
        seconds = self._looks[-1][0] - self._looks[0][0]
        if seconds < 0.8 * _WINDOW_S or not (counts[-1] > 0).any():
            return None
        cells = flickering(counts, seconds).reshape(shape)
        core = (counts.max(axis=0) >= _CORE) & (counts.std(axis=0) >= _CORE_SPREAD * counts.mean(axis=0))
        if not (cells & core.reshape(shape)).any():
            return None
        rows, columns = np.nonzero(cells)
        score = min(0.85, 0.5 + 0.05 * len(rows))
        return float((columns.mean() + 0.5) / shape[1]), float((rows.mean() + 0.5) / shape[0]), score
