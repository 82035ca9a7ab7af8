"""Picks of one neighbourhood as arrays: what association and localisation work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PickSet:
    """Picks of one neighbourhood: sensor positions (S,) in metres, picks (N,) by sensor index, sorted by time."""

    x: Array
    y: Array
    z: Array
    sensor: Index
    time: Array
    sigma: Array
    weight: Array
    level: Array
    """Peak level in dB, 0 where none is told; only ranks the picks."""

    def only(self, keep: NDArray[np.bool_]) -> PickSet:
        """The picks where `keep` is true, of the same sensors."""
        return PickSet(
            self.x, self.y, self.z, self.sensor[keep], self.time[keep], self.sigma[keep], self.weight[keep],
            self.level[keep],
        )  # fmt: skip
