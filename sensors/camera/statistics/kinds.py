"""What passes by: somebody on foot, a cycle, a car, something heavy; by size, shape and speed, or by a detector.

With a ground map a box has metres: at its foot one picture width is so many metres, and the height of what stands
upright there has the same scale. Without one only shape, and size beside what passed here before, are left.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Final, Literal

from sensors.camera.blobs import Blob
from sensors.camera.ground import GroundMap
from sensors.camera.opinions import UNSEEN, Opinion

Kind = Literal["person", "cycle", "car", "heavy"]
KINDS: Final[tuple[Kind, ...]] = ("person", "cycle", "car", "heavy")

_RUN_M_S: Final = 3.0
"""Walkers do 1.4 m/s; whoever is faster for a whole passage rides."""
_PERSON_HEIGHT_M: Final = 2.3
_CYCLE_WIDTH_M: Final = 2.3
_CYCLE_HEIGHT_M: Final = 2.4
_HEAVY_HEIGHT_M: Final = 2.7
_HEAVY_LENGTH_M: Final = 7.0
"""A van is 2.5 m high and 6 m long; a bus 3 and 12 (Directive 96/53/EC: at most 4 m and 18.75 m)."""
_SLENDER: Final = 1.25
"""Height over width in pixels of somebody on foot, a companion's shoulder included."""
_PERSON_WIDTH: Final = 0.1
"""In parts of the picture, while nothing is known to compare with; seen from above a car is slender too."""
_CYCLE_SLENDER: Final = 0.85
_CYCLE_HEIGHTS_S: Final = 1.8
"""A walker does 0.8 of his own height in a second, a cycle three."""
_CYCLE_AREA: Final = 0.5
_GROUP_SLENDER: Final = 0.7
_WALK_HEIGHTS_S: Final = 1.1
_HEAVY_AREA: Final = 2.6
_LEAST_KNOWN: Final = 8


class Kinds:
    """Judges the kind of what passes one zone; keeps the sizes of the last vehicles and nothing else."""

    def __init__(self, ground: GroundMap | None) -> None:
        self._ground = ground
        self._vehicles: deque[float] = deque(maxlen=60)

    def of(self, blob: Blob, speed: float, aspect: float, opinion: Opinion = UNSEEN) -> tuple[Kind, int]:
        """Kind and how many of it: a group on foot is one box.

        `blob` as it usually was; `speed` in parts of the picture's width per second; `aspect` is height / width. Where
        the detector was sure, its `opinion` stands.
        """
        if opinion.kind is not None and opinion.kind != "bag":
            if opinion.vehicle:
                self._vehicles.append(blob.w * blob.h)
            return opinion.kind, opinion.group if opinion.kind == "person" else 1
        metres = self._metres(blob) if self._ground is not None else None
        kind, many = self._by_shape(blob, speed, aspect) if metres is None else _by_metres(blob, metres, speed, aspect)
        if kind in ("car", "heavy"):
            self._vehicles.append(blob.w * blob.h)
        return kind, many

    def _metres(self, blob: Blob) -> float | None:
        """Metres of one picture width where the box stands; None where there is no ground."""
        assert self._ground is not None
        x, y = blob.foot
        left, right = self._ground.metres(x - blob.w / 2, y), self._ground.metres(x + blob.w / 2, y)
        return math.dist(left, right) / max(blob.w, 1e-6) if left is not None and right is not None else None

    def _by_shape(self, blob: Blob, speed: float, aspect: float) -> tuple[Kind, int]:
        slender = blob.h * aspect / max(blob.w, 1e-6)
        heights_s = speed / max(blob.h * aspect, 1e-6)
        usual = statistics.median(self._vehicles) if len(self._vehicles) >= _LEAST_KNOWN else None
        small = blob.w < _PERSON_WIDTH if usual is None else blob.w * blob.h < _CYCLE_AREA * usual
        if slender >= _SLENDER and small:
            return ("cycle" if heights_s > _CYCLE_HEIGHTS_S else "person"), 1
        if slender >= _GROUP_SLENDER and small and heights_s < _WALK_HEIGHTS_S:
            return "person", 2
        if slender >= _CYCLE_SLENDER and small and heights_s > _CYCLE_HEIGHTS_S and usual is not None:
            return "cycle", 1
        return ("heavy" if usual is not None and blob.w * blob.h > _HEAVY_AREA * usual else "car"), 1


def _by_metres(blob: Blob, metres: float, speed: float, aspect: float) -> tuple[Kind, int]:
    width_m, height_m, speed_m_s = blob.w * metres, blob.h * aspect * metres, speed * metres
    if speed_m_s < _RUN_M_S and height_m < _PERSON_HEIGHT_M and (height_m > width_m or width_m < 1.4):
        return "person", max(1, round(width_m / 0.7))
    if width_m < _CYCLE_WIDTH_M and height_m < _CYCLE_HEIGHT_M and height_m > 0.8 * width_m:
        return "cycle", 1
    heavy = (height_m > _HEAVY_HEIGHT_M and (width_m > 2.4 or height_m > 3.2)) or width_m > _HEAVY_LENGTH_M
    return ("heavy" if heavy else "car"), 1
