"""Before anything is installed: how well a set of sensors would place a shot, and where the next one helps most.

The expected error is the Cramér-Rao bound: the inverse of the Fisher information of the arrival times about the place,
with the time of emission unknown and the height of the source known only by its prior; the same errors that fusion
weighs with. Each sensor counts by the probability that it reports the shot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.fusion.air import Air
from hub.fusion.reasons import chance_of_hearing
from hub.fusion.settings import FusionSettings

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sensors:
    """Sensors in a plane (S,): metres east, north, above ground; clock uncertainty in seconds; noise in dB(A)."""

    east: Array
    north: Array
    height: Array
    clock_s: Array
    noise_db: Array

    def with_one(self, east: float, north: float) -> Sensors:
        """The same with one more, as good as the median of these."""
        return Sensors(
            np.append(self.east, east),
            np.append(self.north, north),
            np.append(self.height, np.median(self.height)),
            np.append(self.clock_s, np.median(self.clock_s)),
            np.append(self.noise_db, np.median(self.noise_db)),
        )


def bound(
    sensors: Sensors, weight: Array, east: float, north: float, rounds: int, air: Air, settings: FusionSettings
) -> Array | None:
    """Covariance (2, 2) in m² that no estimate beats; None where the geometry gives no place.

    `weight` (S,) is the probability that each sensor reports the shot (1 or 0 where that is known).
    """
    dx, dy = sensors.east - east, sensors.north - north
    dz = sensors.height + settings.source_below_m - float(np.mean(sensors.height))
    distance = np.maximum(np.sqrt(dx * dx + dy * dy + dz * dz), 1.0)
    travel = distance / air.speed_mps
    variance = (
        sensors.clock_s**2
        + (settings.site_sigma_m / air.speed_mps) ** 2
        + settings.path_sigma_s**2
        + (settings.speed_sigma * travel) ** 2
        + settings.pick_sigma_s**2 / rounds
    )
    information = weight / variance
    J = np.column_stack([-dx / distance, -dy / distance, -dz / distance]) / air.speed_mps
    J = np.column_stack([J, np.ones(len(J))])
    fisher = (J * information[:, None]).T @ J
    fisher[2, 2] += 1.0 / settings.source_height_sigma_m**2
    if np.linalg.matrix_rank(fisher) < 4:
        return None
    covariance = np.asarray(np.linalg.inv(fisher)[:2, :2], float)
    return covariance if np.all(np.isfinite(covariance)) and np.trace(covariance) > 0 else None


def hearing(sensors: Sensors, east: float, north: float, level_1m_db: float, range_m: float) -> Array:
    """Probability (S,) that each sensor reports a shot of this peak level at 1 m."""
    distance = np.hypot(sensors.east - east, sensors.north - north)
    chance = [
        chance_of_hearing(level_1m_db, metres, noise) if metres <= range_m else 0.0
        for metres, noise in zip(distance.tolist(), sensors.noise_db.tolist(), strict=True)
    ]
    return np.array(chance)


def chance_of_at_least(probabilities: Sequence[float], count: int) -> float:
    """Probability that at least `count` of independent sensors report (Poisson binomial)."""
    exactly = np.zeros(count + 1)
    exactly[0] = 1.0
    for p in probabilities:
        exactly[1:count] = exactly[1:count] * (1.0 - p) + exactly[: count - 1] * p
        exactly[0] *= 1.0 - p
    return float(1.0 - exactly[:count].sum())


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the map: metres in the plane, expected error (RMS, m; None: no place) and detection probability."""

    east: float
    north: float
    error_m: float | None
    detected: float


def coverage(
    sensors: Sensors, points: Sequence[tuple[float, float]], air: Air, settings: FusionSettings,
    level_1m_db: float = 150.0, rounds: int = 1,
) -> list[Cell]:  # fmt: skip
    """Expected error and detection probability at each point (east, north)."""
    cells = []
    for east, north in points:
        chance = hearing(sensors, east, north, level_1m_db, settings.hearing_range_m)
        heard = chance_of_at_least(chance[chance > 1e-3].tolist(), settings.min_sensors)
        covariance = bound(sensors, chance, east, north, rounds, air, settings) if len(chance) >= 3 else None
        error = None if covariance is None else math.sqrt(float(np.trace(covariance)))
        cells.append(Cell(east, north, error if error is not None and error < 1_000.0 else None, heard))
    return cells


def worth(cells: Sequence[Cell], error_limit_m: float = 25.0) -> float:
    """Mean over the map of the probability of a good place: detected, and expected within `error_limit_m`."""
    good = [c.detected for c in cells if c.error_m is not None and c.error_m <= error_limit_m]
    return sum(good) / max(len(cells), 1)


def best_next(
    sensors: Sensors, candidates: Sequence[tuple[float, float]], points: Sequence[tuple[float, float]], air: Air,
    settings: FusionSettings, level_1m_db: float = 150.0,
) -> tuple[tuple[float, float], float]:  # fmt: skip
    """The candidate place of one more sensor that is worth most, and what the map is then worth."""
    tried = [
        (worth(coverage(sensors.with_one(*place), points, air, settings, level_1m_db)), place) for place in candidates
    ]
    value, place = max(tried, key=lambda item: (item[0], -item[1][0], -item[1][1]))
    return place, value
