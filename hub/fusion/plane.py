"""A local plane: WGS 84 to metres east and north of an origin, and back.

Radii of curvature of the ellipsoid at the origin (meridian and prime vertical). Within 2 km of the origin the plane
differs from the ellipsoid by less than 0.1 m below 60 degrees of latitude; each burst gets an origin of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_2 = 6.694379990141317e-3


@dataclass(frozen=True, slots=True)
class Plane:
    """The plane that touches the ellipsoid at an origin in degrees."""

    latitude: float
    longitude: float
    north_m: float
    """Metres of one degree of latitude here."""
    east_m: float
    """Metres of one degree of longitude here."""

    @classmethod
    def at(cls, latitude: float, longitude: float) -> Plane:
        """The plane at this origin."""
        sine = math.sin(math.radians(latitude))
        bend = 1.0 - ECCENTRICITY_2 * sine * sine
        meridian = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_2) / bend**1.5
        vertical = SEMI_MAJOR_M / math.sqrt(bend)
        return cls(
            latitude,
            longitude,
            math.radians(1.0) * meridian,
            math.radians(1.0) * vertical * max(math.cos(math.radians(latitude)), 1e-9),
        )

    def metres(self, latitude: Array | float, longitude: Array | float) -> tuple[Array, Array]:
        """East and north in metres."""
        return (
            (np.asarray(longitude) - self.longitude) * self.east_m,
            (np.asarray(latitude) - self.latitude) * self.north_m,
        )

    def distance_m(self, latitude: float, longitude: float) -> float:
        """Metres from the origin."""
        return math.hypot((longitude - self.longitude) * self.east_m, (latitude - self.latitude) * self.north_m)

    def degrees(self, east: float, north: float) -> tuple[float, float]:
        """Latitude and longitude of a point of the plane."""
        return self.latitude + north / self.north_m, self.longitude + east / self.east_m
