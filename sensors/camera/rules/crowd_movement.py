"""`crowd_movement`: many move suddenly faster than this place is used to, or against the stream that it is used to.

Optical flow at low resolution, no tracks, no persons. The place is its own measure: the usual speed of movement in the
zone is learnt over a minute, and a sudden rise over it counts where it goes in many directions (running, dispersal).
Where nearly all go one way for long, many who come against them count too (counter-flow); where people go both ways as
they like there is no such stream. Works without a detector.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Field, Image
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.settings import Zone

_MOVING: Final = 0.02
"""Picture widths per second: below is noise (half a pixel of 160 at five looks a second)."""
_GRID: Final = (8, 6)
LEAST_CELLS: Final = 5
"""Cells of an 8 x 6 grid over the picture with movement: one runner, or one car, is not a crowd."""
_FAST: Final = 0.07
_RISE: Final = 2.2
_SUSTAINED_S: Final = 0.8
_USUAL_LOOKS: Final = 300
"""A minute of looks with movement: their median is the usual speed, which a sudden rush does not shift."""
_LEARN_S: Final = 4.0
_QUIET_S: Final = 15.0
_STREAM: Final = 0.7
"""Length of the mean direction of what moves, 0 every way to 1 all one way: a one-way stream has 0.8 and more."""
_STREAM_TAU_S: Final = 30.0
_STREAM_S: Final = 20.0
"""As long must many have gone one way before others can come against them."""
_AGAINST: Final = -0.5
"""Cosine to the stream: within 60 degrees of straight against it."""
_AGAINST_SHARE: Final = 0.3
_AGAINST_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Stir:
    """What moves in a zone at one look: `cells` with movement, their median `speed` in widths/s, and how it spreads.

    `outward` is the mean of cos(angle between movement and direction from the middle): 1 all flee it, -1 all gather.
    `apart` is 1 - |mean unit vector|: 0 all one way, 1 every way. `ways` float32[cells, 2] are the unit vectors.
    """

    cells: int
    speed: float
    outward: float
    apart: float
    ways: Field


def measure(flow: Field, allowed: Image) -> Stir:
    """Summarise `flow` float32[h, w, 2] (widths/s) where `allowed` uint8[h, w] is set, on the grid."""
    magnitude = cv2.magnitude(flow[:, :, 0], flow[:, :, 1])
    moving = cv2.bitwise_and(cv2.compare(magnitude, _MOVING, cv2.CMP_GT), allowed)
    weight = cv2.resize(moving, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    active = weight > 0.03
    cells = int(active.sum())
    if cells == 0:
        return Stir(0, 0.0, 0.0, 0.0, np.zeros((0, 2), np.float32))
    masked = cv2.copyTo(flow, moving)
    mean = cv2.resize(masked, _GRID, interpolation=cv2.INTER_AREA)[active] / weight[active][:, None]
    speed = np.hypot(mean[:, 0], mean[:, 1])
    unit = mean / np.maximum(speed, 1e-6)[:, None]
    rows, columns = np.nonzero(active)
    places = np.column_stack([columns / _GRID[0], rows / _GRID[1] * flow.shape[0] / flow.shape[1]])
    from_middle = places - places.mean(axis=0)
    from_middle /= np.maximum(np.hypot(from_middle[:, 0], from_middle[:, 1]), 1e-6)[:, None]
    outward = float((unit * from_middle).sum(axis=1).mean())
    return Stir(cells, float(np.median(speed)), outward, 1.0 - float(np.hypot(*unit.mean(axis=0))), unit)


class _Stream:
    """The way that nearly all take here, and since when many come against it."""

    def __init__(self) -> None:
        self._mean: Field = np.zeros(2, np.float32)
        self._streamed_s = 0.0
        self._against_s = 0.0

    def against(self, stir: Stir, dt_s: float) -> float:
        """A score where many have come against the stream for a while; 0 elsewhere. `dt_s` since the last look."""
        if stir.cells < LEAST_CELLS:
            self._against_s = 0.0
            return 0.0
        strength = float(np.hypot(*self._mean))
        if strength > _STREAM and self._streamed_s > _STREAM_S:
            turned = stir.ways @ (self._mean / strength) < _AGAINST
            many = int(np.count_nonzero(turned))
            if many >= LEAST_CELLS and many >= _AGAINST_SHARE * stir.cells:
                # What comes against the stream is not learnt while it does.
                self._against_s += dt_s
                return min(0.8, 0.5 + 0.3 * many / stir.cells) if self._against_s >= _AGAINST_S else 0.0
        self._against_s = 0.0
        self._streamed_s = self._streamed_s + dt_s if strength > _STREAM else 0.0
        weight = 1.0 - math.exp(-dt_s / _STREAM_TAU_S)
        self._mean = np.asarray(self._mean + weight * (stir.ways.mean(axis=0) - self._mean), np.float32)
        return 0.0


class CrowdMovement:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._speeds: deque[float] = deque(maxlen=_USUAL_LOOKS)
        self._watched_s = 0.0
        self._since_s: float | None = None
        self._said_s = -1e9
        self._last_s: float | None = None
        self._stream = _Stream()

    def step(self, moment: Moment) -> list[Finding]:
        """A finding once the rise has lasted; again only after a quiet while."""
        if moment.flow is None or not moment.view.ready or moment.view.upset:
            return []
        dt_s = moment.now_s - self._last_s if self._last_s is not None else moment.dt_s
        self._last_s = moment.now_s
        height, width = moment.flow.shape[:2]
        standing = cv2.resize(moment.view.foreground, (width, height), interpolation=cv2.INTER_NEAREST)
        allowed = cv2.bitwise_and(standing, self._mask.raster(moment.flow.shape))
        stir = measure(moment.flow, allowed)
        score = max(self._score(stir), self._stream.against(stir, min(dt_s, 1.0)))
        if score == 0.0:
            self._since_s = None
            self._watched_s += dt_s
            if stir.cells:
                self._speeds.append(stir.speed)
            return []
        self._since_s = self._since_s if self._since_s is not None else moment.now_s
        lasted_s = moment.now_s - self._since_s
        if lasted_s < _SUSTAINED_S or moment.now_s - self._said_s < _QUIET_S:
            return []
        self._said_s = moment.now_s
        return [Finding("crowd_movement", self._zone.name, self._since_s, lasted_s, score)]

    def _score(self, stir: Stir) -> float:
        if self._watched_s < _LEARN_S or stir.cells < LEAST_CELLS:
            return 0.0
        usual = float(np.median(self._speeds)) if self._speeds else 0.0
        rise = stir.speed / max(usual, _MOVING)
        if stir.speed < _FAST or rise < _RISE:
            return 0.0
        # One stream one way is traffic or a procession; a scattering crowd goes many ways, or away from a middle.
        if stir.apart < 0.25 and stir.outward < 0.3:
            return 0.0
        many = min(1.0, stir.cells / (3 * LEAST_CELLS))
        return min(0.95, 0.5 + 0.2 * min(1.0, (rise - _RISE) / _RISE) + 0.15 * many + 0.1 * max(0.0, stir.outward))
