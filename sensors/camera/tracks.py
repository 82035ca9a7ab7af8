"""Short-lived tracks: what crosses the picture, for one crossing, without an identity.

A constant-velocity Kalman filter for each (OpenCV's), joined to the blobs of a frame by optimal assignment (SciPy's
Hungarian). A track is gone when it leaves the picture or was not seen for a second; its number means nothing outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from sensors.camera.blobs import Blob

_LOST_S: Final = 1.0
_GATE: Final = 1.0
"""A blob may lie as far from its prediction as its own size: beyond that it is another one."""
_EDGE: Final = 0.01
_PATH: Final = 64
"""Points of its way that a track remembers: five seconds at 12.5 frames/s."""


@dataclass(slots=True, eq=False)
class Track:
    """One thing on its way; coordinates are normalised, `path` holds (seconds, foot x, foot y), `centres`
    the same of the middle, `slender` is its usual height over width in pixels."""

    number: int
    blob: Blob
    born_s: float
    seen_s: float
    filter: cv2.KalmanFilter
    hits: int = 1
    path: list[tuple[float, float, float]] = field(default_factory=list)
    centres: list[tuple[float, float, float]] = field(default_factory=list)
    origin: tuple[float, float] = (0.0, 0.0)
    still_since_s: float = 0.0
    still_at: tuple[float, float] = (0.0, 0.0)
    travelled: float = 0.0
    farthest: float = 0.0
    slender: float = 0.0

    @property
    def age_s(self) -> float:
        """Seconds between its first and its last sighting."""
        return self.seen_s - self.born_s

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands now."""
        return self.blob.foot

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of its box now."""
        return _centre(self.blob)

    @property
    def velocity(self) -> tuple[float, float]:
        """Filtered (right, down) speed of its centre, picture sizes per second."""
        state = self.filter.statePost
        return float(state[2, 0]), float(state[3, 0])

    def came(self, aspect: float) -> float:
        """Farthest that it ever was from where it was first seen, in parts of the picture's width."""
        return max(self.farthest, self.moved(aspect))

    def moved(self, aspect: float) -> float:
        """Distance from where it was first seen, in parts of the picture's width; `aspect` is height / width."""
        x, y = self.foot
        return math.hypot(x - self.origin[0], (y - self.origin[1]) * aspect)

    def size(self, aspect: float) -> float:
        """Root of its box's area, in parts of the picture's width."""
        return math.sqrt(self.blob.w * self.blob.h * aspect)


def _kalman(blob: Blob) -> cv2.KalmanFilter:
    kalman = cv2.KalmanFilter(4, 2)
    kalman.measurementMatrix = np.eye(2, 4, dtype=np.float32)
    kalman.measurementNoiseCov = np.eye(2, dtype=np.float32) * 4e-5
    kalman.errorCovPost = np.diag([1e-4, 1e-4, 0.05, 0.05]).astype(np.float32)
    x, y = _centre(blob)
    kalman.statePost = np.array([[x], [y], [0], [0]], np.float32)
    return kalman


def _centre(blob: Blob) -> tuple[float, float]:
    return blob.x + blob.w / 2, blob.y + blob.h / 2


@lru_cache(maxsize=64)
def _motion(dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Transition and process noise, float32[4, 4], of constant velocity over `dt_s`."""
    transition = np.eye(4, dtype=np.float32)
    transition[0, 2] = transition[1, 3] = dt_s
    # White acceleration of 0.3 widths/s²: a pedestrian turns, a car brakes.
    q = 0.09 * dt_s
    return transition, np.diag([q * dt_s**2 / 3, q * dt_s**2 / 3, q, q]).astype(np.float32)


def _predicted(track: Track, transition: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    track.filter.transitionMatrix = transition
    track.filter.processNoiseCov = noise
    state = track.filter.predict()
    return float(state[0, 0]), float(state[1, 0])


class Tracker:
    """Joins blobs to tracks frame by frame."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._next = 0

    def step(self, blobs: Sequence[Blob], now_s: float, dt_s: float, aspect: float) -> list[Track]:
        """Take the blobs of one frame; the tracks that were seen in it."""
        transition, noise = _motion(dt_s)
        predicted = [_predicted(track, transition, noise) for track in self.tracks]
        pairs = self._assign(predicted, blobs, aspect)
        taken = set()
        for track_index, blob_index in pairs:
            taken.add(blob_index)
            self._update(self.tracks[track_index], blobs[blob_index], now_s, aspect)
        self.tracks = [track for track in self.tracks if not self._gone(track, now_s, dt_s)]
        for index, blob in enumerate(blobs):
            if index not in taken:
                self._begin(blob, now_s, aspect)
        return [track for track in self.tracks if track.seen_s == now_s]

    def _assign(
        self, predicted: Sequence[tuple[float, float]], blobs: Sequence[Blob], aspect: float
    ) -> list[tuple[int, int]]:
        if not predicted or not blobs:
            return []
        cost = np.full((len(predicted), len(blobs)), 1e3)
        for row, ((x, y), track) in enumerate(zip(predicted, self.tracks, strict=True)):
            for column, blob in enumerate(blobs):
                bx, by = _centre(blob)
                reach_x = 0.5 * (track.blob.w + blob.w) + 0.01
                reach_y = 0.5 * (track.blob.h + blob.h) + 0.01
                distance = math.hypot((bx - x) / reach_x, (by - y) / reach_y)
                if distance < _GATE:
                    ratio = abs(math.log(blob.area / track.blob.area))
                    cost[row, column] = distance + 0.3 * ratio
        if cost.shape == (1, 1):
            return [(0, 0)] if cost[0, 0] < 1e3 else []
        rows, columns = linear_sum_assignment(cost)
        return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1e3]

    def _update(self, track: Track, blob: Blob, now_s: float, aspect: float) -> None:
        x, y = _centre(blob)
        track.filter.correct(np.array([[x], [y]], np.float32))
        before = track.foot
        track.blob = blob
        track.seen_s = now_s
        track.hits += 1
        here = track.foot
        track.travelled += math.hypot(here[0] - before[0], (here[1] - before[1]) * aspect)
        track.farthest = max(track.farthest, track.moved(aspect))
        track.path.append((now_s, *here))
        track.slender += 0.15 * (blob.h * aspect / max(blob.w, 1e-6) - track.slender)
        track.centres.append((now_s, x, y))
        del track.path[:-_PATH], track.centres[:-_PATH]
        drift = math.hypot(here[0] - track.still_at[0], (here[1] - track.still_at[1]) * aspect)
        if drift > max(0.012, 0.15 * track.size(aspect)):
            track.still_since_s, track.still_at = now_s, here

    def _begin(self, blob: Blob, now_s: float, aspect: float) -> None:
        self._next += 1
        track = Track(self._next, blob, now_s, now_s, _kalman(blob))
        track.slender = blob.h * aspect / max(blob.w, 1e-6)
        track.origin = track.still_at = blob.foot
        track.still_since_s = now_s
        track.path.append((now_s, *blob.foot))
        track.centres.append((now_s, *_centre(blob)))
        self.tracks.append(track)

    def _gone(self, track: Track, now_s: float, dt_s: float) -> bool:
        unseen_s = now_s - track.seen_s
        if unseen_s <= 0:
            return False
        blob = track.blob
        at_edge = blob.x < _EDGE or blob.y < _EDGE or blob.x + blob.w > 1 - _EDGE or blob.y + blob.h > 1 - _EDGE
        return unseen_s > (2.5 * dt_s if at_edge else max(_LOST_S, 2.5 * dt_s))
