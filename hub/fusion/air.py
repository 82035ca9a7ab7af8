"""How fast sound travels: the air of the moment, and travel times in a straight line.

The speed of sound is 20.03 sqrt(T + 273.15) m/s (Calhoun et al., arXiv 2108.07377, section 3; dry air, T in degrees C;
humidity adds at most 0.4 % at 30 degrees C). Wind carries sound with it: its component along the path adds to
the speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Air:
    """Temperature in degrees C, and the wind as the velocity of the air towards east and north in m/s."""

    temperature_c: float = 15.0
    wind_east_mps: float = 0.0
    wind_north_mps: float = 0.0

    @property
    def speed_mps(self) -> float:
        """Speed of sound in still air, m/s."""
        return 20.03 * math.sqrt(max(self.temperature_c, -80.0) + 273.15)

    @property
    def still(self) -> bool:
        """True where no wind is known."""
        return self.wind_east_mps == 0.0 and self.wind_north_mps == 0.0


def travel_times(dx: Array, dy: Array, dz: Array | float, air: Air) -> Array:
    """Seconds from source to sensor, for sensor minus source in metres (any shapes that broadcast)."""
    distance = np.sqrt(dx * dx + dy * dy + dz * dz)
    if air.still:
        return distance / air.speed_mps
    along = (dx * air.wind_east_mps + dy * air.wind_north_mps) / np.maximum(distance, 1e-9)
    return distance / (air.speed_mps + along)
