"""Points in polygons on the ground."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def inside(point: Point, polygon: Sequence[Point]) -> bool:
    """True where `point` is in `polygon` (even-odd rule); both are (latitude, longitude), the ring closed or not."""
    latitude, longitude = point
    odd = False
    previous = polygon[-1]
    for corner in polygon:
        if (corner[0] > latitude) != (previous[0] > latitude):
            along = (latitude - corner[0]) / (previous[0] - corner[0])
            odd ^= longitude < (previous[1] - corner[1]) * along + corner[1]
        previous = corner
    return odd
