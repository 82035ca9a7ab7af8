"""The coarse stage of association: a vote over a grid, twice narrowed.

A pivot pick is taken as a direct arrival. Each point of a grid then fixes the emission time and predicts every other
arrival; a sensor votes by how near its nearest pick is to the prediction. A narrower grid with a narrower window around
the best points follows, twice; there the emission time may shift too, for the pivot's own error (its height above all).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.fusion.air import Air, travel_times
from hub.fusion.picks import PickSet
from hub.fusion.settings import FusionSettings

Array = NDArray[np.float64]

WINDOW_BINS: Final = 8
"""Half-width of a vote's triangle in bins: the quantisation stays an eighth of the window."""
NARROWER: Final = 3.5
"""Each level's grid is this much finer than the one before."""
LEAST_WINDOW_S: Final = 0.02
"""No window is narrower than what direct paths in a city differ by (detours, surveyed positions)."""


class Table:
    """(S, B) votes by sensor and arrival time: a triangle around each pick, never more than one vote a sensor."""

    def __init__(self, picks: PickSet, window_s: float) -> None:
        half = WINDOW_BINS
        self.window_s = window_s
        self._per_s = half / window_s
        self._start = float(picks.time[0]) - window_s * (half + 2) / half
        self._bins = int((float(picks.time[-1]) - self._start) * self._per_s) + half + 4
        votes = np.zeros(len(picks.x) * self._bins, np.float32)
        centre = ((picks.time - self._start) * self._per_s).astype(np.intp) + picks.sensor * self._bins
        heights = np.float32(1.0) - np.abs(np.arange(-half, half + 1, dtype=np.float32)) / np.float32(half + 1)
        for offset, height in zip(range(-half, half + 1), heights, strict=True):
            at = centre + offset
            votes[at] = np.maximum(votes[at], height)
        self._votes = votes
        self._rows = np.arange(len(picks.x)) * self._bins

    def count(self, arrivals: Array) -> NDArray[np.float32]:
        """Votes for predicted arrivals (..., S) in seconds, summed over the sensors."""
        bins = ((arrivals - self._start) * self._per_s).astype(np.intp)
        np.maximum(bins, 0, out=bins)
        np.minimum(bins, self._bins - 1, out=bins)
        bins += self._rows
        total: NDArray[np.float32] = self._votes.take(bins).sum(axis=-1)
        return total


class Vote:
    """The vote over one set of picks; tables are built once, for all pivots."""

    def __init__(self, picks: PickSet, air: Air, settings: FusionSettings) -> None:
        self._picks, self._air, self._settings = picks, air, settings
        window_s = 1.1 * settings.grid_m / air.speed_mps
        self._tables = [Table(picks, max(window_s / NARROWER**level, LEAST_WINDOW_S)) for level in range(3)]
        steps = np.arange(-settings.first_sensor_m, settings.first_sensor_m + 1, settings.grid_m)
        gx, gy = (axis.ravel() for axis in np.meshgrid(steps, steps))
        inside = gx * gx + gy * gy <= settings.first_sensor_m**2
        self._gx, self._gy = gx[inside], gy[inside]
        near = np.arange(-3, 4) / NARROWER
        self._near_x, self._near_y = (axis.ravel() for axis in np.meshgrid(near, near))
        self._height = float(np.mean(picks.z))
        self._travels: dict[int, Array] = {}

    def places(self, pivot: int, most: int = 3) -> list[tuple[float, float, float]]:
        """(votes, x, y) of the points that most sensors vote for at the narrowest level, the best first."""
        home = int(self._picks.sensor[pivot])
        x, y = self._gx + self._picks.x[home], self._gy + self._picks.y[home]
        if home not in self._travels:
            self._travels[home] = self._travel(x, y)
        travel = self._travels[home]
        emitted = self._picks.time[pivot] - travel[:, home]
        votes = self._tables[0].count(travel + emitted[:, None])
        top = np.argsort(-votes, kind="stable")[: 4 * most]
        chosen: list[int] = []
        for at in top.tolist():
            if len(chosen) >= most or votes[at] < 0.7 * votes[top[0]]:
                break
            if all(math.hypot(x[at] - x[q], y[at] - y[q]) > 1.5 * self._settings.grid_m for q in chosen):
                chosen.append(at)
        best, xs, ys = self._narrowed(x[chosen], y[chosen], emitted[chosen])
        return sorted(zip(best.tolist(), xs.tolist(), ys.tolist(), strict=True), reverse=True)

    def _narrowed(self, x: Array, y: Array, emitted: Array) -> tuple[Array, Array, Array]:
        """Votes and places (C,) at the narrowest level, around several places (C,) of the coarse grid at once."""
        best: Array = np.zeros(len(x))
        every = np.arange(len(x))
        for level in (1, 2):
            grid_m = self._settings.grid_m / NARROWER ** (level - 1)
            xs, ys = x[:, None] + self._near_x * grid_m, y[:, None] + self._near_y * grid_m
            travel = self._travel(xs.ravel(), ys.ravel()).reshape(*xs.shape, -1)
            window_s = self._tables[level].window_s
            reach = 0.04 if level == 1 else self._tables[1].window_s
            shifts = emitted[:, None] + np.arange(-reach, reach + 1e-9, window_s)
            votes = self._tables[level].count(travel[:, :, None, :] + shifts[:, None, :, None]).reshape(len(x), -1)
            top = votes.argmax(axis=1)
            at, shift = np.divmod(top, shifts.shape[1])
            x, y, emitted = xs[every, at], ys[every, at], shifts[every, shift]
            best = votes[every, top].astype(float)
        return best, x, y

    def _travel(self, x: Array, y: Array) -> Array:
        picks = self._picks
        dx, dy = picks.x[None, :] - x[:, None], picks.y[None, :] - y[:, None]
        return travel_times(dx, dy, picks.z[None, :] - self._height, self._air)
