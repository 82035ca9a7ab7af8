"""`crowd_density`: a zone is nearly full of people.

No heads are counted. People are textured and never quite still: the picture is cut into small blocks, and a block
counts as covered while it has contrast of its own and has moved within the last quarter of a minute. The covered share
of the zone must pass the share that the zone sets and rise over what the zone is used to. Works without a detector;
the right share depends on the height of the camera and has to be calibrated on the spot. In a crowd
neighbours move apart; what moves as one piece (vehicles in a jam, the whole picture of a camera that drifts) is none.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Field, Image
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.settings import Zone

_EVERY_S: Final = 0.45
_BLOCK: Final = 8
"""Pixels of 320: about a head at 20 m."""
_CONTRAST: Final = 0.15
"""Standard deviation over mean (+ 20 grey levels) in a block: bare ground has 0.02 to 0.1, people 0.2 to 0.5."""
_STEP: Final = 15
_MOVED_SHARE: Final = 0.1
_MEMORY_S: Final = 15.0
_SMOOTH_S: Final = 1.5
_USUAL_TAU_S: Final = 300.0
_RISE: Final = 1.15
_FULL: Final = 0.9
"""So full that it needs no rise."""
_APART: Final = 0.16
"""Mean difference of the flow of neighbouring blocks over its length: a crowd has 0.15 to 0.3, a jam 0.08 to 0.15."""
_STILL_PX: Final = 0.25
_LEAST_PAIRS: Final = 12
_APART_TAU: Final = 0.2
_LASTED_S: Final = 1.5
_REPEAT_S: Final = 60.0


def contrast_blocks(grey: Image) -> Field:
    """float32[h/8, w/8]: standard deviation over (mean + 20) of each block of `grey` uint8[h, w]."""
    size = max(1, grey.shape[1] // _BLOCK), max(1, grey.shape[0] // _BLOCK)
    # Whole blocks only: reducing by a whole factor is three times as fast.
    values = grey[: size[1] * _BLOCK, : size[0] * _BLOCK].astype(np.float32)
    mean = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    square = cv2.resize(cv2.multiply(values, values), size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0)) / (mean + 20.0), np.float32)


class CrowdDensity:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._before: Image | None = None
        self._moved_s: Field | None = None
        self._last_s = 0.0
        self._covered = 0.0
        self._usual: float | None = None
        self._watched_s = 0.0
        self._last: Image | None = None
        self._apart: float | None = None
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._since_s: float | None = None
        self._said_s = -1e9

    def step(self, moment: Moment) -> list[Finding]:
        """A finding once the zone has been covered long enough, again each minute."""
        dt_s = moment.now_s - self._last_s
        if self._before is not None and dt_s < _EVERY_S:
            self._last = moment.view.grey
            return []
        self._last_s = moment.now_s
        share = self._share(moment.view.grey, moment.now_s)
        if share > 0.8 * self._zone.dense_share:
            self._measure(moment.view.grey)
        self._covered += (1.0 - math.exp(-dt_s / _SMOOTH_S)) * (share - self._covered)
        self._watched_s += dt_s
        dense = self._covered >= self._zone.dense_share and (
            self._covered >= _FULL or (self._usual is not None and self._covered >= _RISE * self._usual)
        )
        if not dense or (self._apart is not None and self._apart < _APART):
            self._since_s = None
            if self._watched_s > 2 * _SMOOTH_S:
                self._usual = self._covered if self._usual is None else self._usual
                self._usual += (1.0 - math.exp(-dt_s / _USUAL_TAU_S)) * (self._covered - self._usual)
            return []
        self._since_s = self._since_s if self._since_s is not None else moment.now_s
        lasted_s = moment.now_s - self._since_s
        if lasted_s < _LASTED_S or moment.now_s - self._said_s < _REPEAT_S:
            return []
        self._said_s = moment.now_s
        over = (self._covered - self._zone.dense_share) / max(1.0 - self._zone.dense_share, 0.05)
        score = min(0.95, 0.6 + 0.35 * over)
        return [Finding("crowd_density", self._zone.name, self._since_s, lasted_s, score)]

    def _measure(self, grey: Image) -> None:
        """How far neighbouring blocks move apart, smoothed; unchanged where too little moves."""
        last = self._last
        if last is None or last.shape != grey.shape:
            return
        field = self._flow.calc(last, grey, np.zeros((*grey.shape, 2), np.float32))
        size = grey.shape[1] // _BLOCK, grey.shape[0] // _BLOCK
        blocks = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        moves = np.hypot(blocks[..., 0], blocks[..., 1])
        taken = (moves > _STILL_PX) & (contrast_blocks(grey) > _CONTRAST) & (self._mask.raster(moves.shape) > 0)
        pairs = taken[:, 1:] & taken[:, :-1]
        if np.count_nonzero(pairs) < _LEAST_PAIRS:
            return
        apart = np.hypot(*np.moveaxis(blocks[:, 1:] - blocks[:, :-1], 2, 0))[pairs] / (moves[:, 1:][pairs] + 0.1)
        now = float(apart.mean())
        self._apart = now if self._apart is None else self._apart + _APART_TAU * (now - self._apart)

    def _share(self, grey: Image, now_s: float) -> float:
        """Share of the zone's blocks with contrast that moved of late."""
        contrast = contrast_blocks(grey)
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape or self._moved_s is None:
            self._moved_s = np.full(contrast.shape, -1e9, np.float32)
            return 0.0
        changed = cv2.compare(cv2.absdiff(grey, before), _STEP, cv2.CMP_GT)
        size = contrast.shape[1], contrast.shape[0]
        moved = cv2.resize(changed, size, interpolation=cv2.INTER_AREA) > _MOVED_SHARE * 255
        self._moved_s[moved] = now_s
        inside = self._mask.raster(contrast.shape) > 0
        covered = (contrast > _CONTRAST) & (now_s - self._moved_s < _MEMORY_S) & inside
        return int(np.count_nonzero(covered)) / max(1, int(np.count_nonzero(inside)))
