"""Picks of one neighbourhood as arrays, and a source that explains some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """Clock and pick uncertainty as the sensor tells it, seconds."""
    weight: Array
    """Score, 0 to 1."""
    level: Array
    """Peak level in dB, 0 where none is told; ranks the picks and tells rounds from echoes."""

    def only(self, keep: NDArray[np.bool_]) -> PickSet:
        """The picks where `keep` is true, of the same sensors."""
        return replace(
            self,
            sensor=self.sensor[keep],
            time=self.time[keep],
            sigma=self.sigma[keep],
            weight=self.weight[keep],
            level=self.level[keep],
        )


@dataclass(frozen=True, slots=True)
class Source:
    """One source: place in metres, emission times in seconds, and the picks that it explains.

    `picks`, `rounds` and `residuals` (seconds) run in parallel; `covariance` is of east and north, in m². `score` is
    how much better than chance it explains the picks, in natural-log units.
    """

    x: float
    y: float
    z: float
    emissions: Array
    picks: Index
    rounds: Index
    residuals: Array
    covariance: Array
    score: float
    alternative: tuple[float, float] | None = None
    """The second place, where the geometry leaves two."""

    def sensors(self, picks: PickSet) -> Index:
        """The distinct sensors that agree."""
        return np.unique(picks.sensor[self.picks])

    def renumbered(self, indexes: Index) -> Source:
        """The same source with its picks as indexes of a larger set."""
        return replace(self, picks=indexes[self.picks])
