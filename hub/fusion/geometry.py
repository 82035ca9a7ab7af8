"""Shapes of a place: the 95 % ellipse of a covariance, outlines of a disc and of a hyperbola's strip; polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.fusion.plane import Plane
from hub.incident import Ellipse

Array = NDArray[np.float64]
Ring = tuple[tuple[float, float], ...]

CHI2_95_2: Final = 5.991464547107979
"""95 % quantile of chi squared with two degrees of freedom."""


def ellipse_of(covariance: Array) -> Ellipse:
    """The 95 % ellipse of a covariance (2, 2) of east and north in m²."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-6)
    east, north = vectors[:, 1]
    return Ellipse(
        semi_major_m=math.sqrt(CHI2_95_2 * float(values[1])),
        semi_minor_m=math.sqrt(CHI2_95_2 * float(values[0])),
        bearing_deg=math.degrees(math.atan2(float(east), float(north))) % 180.0,
    )


def ellipse_outline(latitude: float, longitude: float, ellipse: Ellipse, corners: int = 48) -> Ring:
    """The ellipse around a place as (latitude, longitude) points; not closed."""
    plane, bearing = Plane.at(latitude, longitude), math.radians(ellipse.bearing_deg)
    points = []
    for corner in range(corners):
        turn = 2.0 * math.pi * corner / corners
        along, across = ellipse.semi_major_m * math.cos(turn), ellipse.semi_minor_m * math.sin(turn)
        east = along * math.sin(bearing) + across * math.cos(bearing)
        north = along * math.cos(bearing) - across * math.sin(bearing)
        points.append(plane.degrees(east, north))
    return tuple(points)


def disc(plane: Plane, east: float, north: float, radius_m: float, corners: int = 48) -> Ring:
    """A closed circle as (latitude, longitude) pairs."""
    turn = 2.0 * math.pi / corners
    return tuple(
        plane.degrees(east + radius_m * math.cos(i * turn), north + radius_m * math.sin(i * turn))
        for i in [*range(corners), 0]
    )


def strip(
    plane: Plane, first: tuple[float, float], second: tuple[float, float], nearer_by_m: float, half_width_m: float,
    reach_m: float,
) -> tuple[Ring, tuple[float, float]]:  # fmt: skip
    """The band where `first` is nearer than `second` by `nearer_by_m` ± `half_width_m`; and its middle point.

    A branch of a hyperbola with the two sensors as foci, cut at `reach_m` from the nearer sensor.
    """
    base = math.hypot(second[0] - first[0], second[1] - first[1])
    ux, uy = (second[0] - first[0]) / base, (second[1] - first[1]) / base
    middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)

    def branch(difference: float) -> list[tuple[float, float]]:
        a = max(min(difference / 2.0, 0.499 * base), -0.499 * base)
        b = math.sqrt(max((base / 2.0) ** 2 - a * a, 1e-6))
        limit = math.asinh(reach_m / b)
        points = []
        for v in np.linspace(-limit, limit, 41):
            along, across = -a * math.cosh(v), b * math.sinh(v)
            points.append((middle[0] + along * ux - across * uy, middle[1] + along * uy + across * ux))
        return points

    one, other = branch(nearer_by_m - half_width_m), branch(nearer_by_m + half_width_m)
    corners = [*one, *reversed(other), one[0]]
    a = max(min(nearer_by_m / 2.0, 0.499 * base), -0.499 * base)
    return tuple(plane.degrees(x, y) for x, y in corners), (middle[0] - a * ux, middle[1] - a * uy)


def inside(ring: Sequence[tuple[float, float]], latitude: float, longitude: float) -> bool:
    """True if the point is inside the polygon of (latitude, longitude) pairs (even-odd rule)."""
    within = False
    for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (lat_a > latitude) != (lat_b > latitude):
            cross = lon_a + (latitude - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
            if longitude < cross:
                within = not within
    return within


def centroid(ring: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of the corners (a closing corner counts once)."""
    corners = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
    return (sum(p[0] for p in corners) / len(corners), sum(p[1] for p in corners) / len(corners))


def distance_to_ring_m(ring: Sequence[tuple[float, float]], latitude: float, longitude: float) -> float:
    """Metres from a point to a polygon; 0 inside it."""
    if inside(ring, latitude, longitude):
        return 0.0
    plane = Plane.at(latitude, longitude)
    best = math.inf
    corners = [tuple(float(v) for v in plane.metres(lat, lon)) for lat, lon in ring]
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        share = 0.0 if length == 0 else max(0.0, min(1.0, -(ax * dx + ay * dy) / length))
        best = min(best, math.hypot(ax + share * dx, ay + share * dy))
    return best
