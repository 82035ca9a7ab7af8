"""From the picture to the ground: a homography from surveyed points, with its error.

The road is taken as flat. The error of a place is the survey's error and one pixel of the analysis picture, carried
through the homography's Jacobian (Hartley and Zisserman, Multiple View Geometry, 2nd ed., section 5.2).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pymap3d

from sensors.camera.settings import Ground, SettingsError
from sensors.protocol import Position

PIXEL: Final = 2.0 / 320.0
"""Foot points are good to about two pixels of the 320 wide analysis picture."""
_FAR_SIGMA_M: Final = 200.0
"""A place that is worse than this (near the horizon) is no place."""


class GroundMap:
    """Maps normalised image points to WGS 84."""

    def __init__(self, ground: Ground) -> None:
        self._origin = ground.latitude_longitude[0]
        self._sigma_m = ground.sigma_m
        east, north, _ = pymap3d.geodetic2enu(
            np.array([lat for lat, _ in ground.latitude_longitude]),
            np.array([lon for _, lon in ground.latitude_longitude]),
            0.0,
            *self._origin,
            0.0,
        )
        self._matrix = _homography(np.array(ground.image, float), np.column_stack([east, north]))

    def metres(self, x: float, y: float) -> tuple[float, float] | None:
        """East and north of the origin in metres; None at or above the horizon."""
        point = self._matrix @ (x, y, 1.0)
        # The scale is one at the surveyed points; where its sign turns, the ray meets no ground.
        return (float(point[0] / point[2]), float(point[1] / point[2])) if point[2] > 1e-9 else None

    def position(self, x: float, y: float) -> Position | None:
        """The place under the image point (x, y) with its one-sigma error; None where there is none."""
        here = self.metres(x, y)
        right = self.metres(x + PIXEL, y)
        up, down = self.metres(x, y - PIXEL), self.metres(x, y + PIXEL)
        if here is None or right is None or down is None or up is None:
            return None
        spread = max(math.dist(here, right), math.dist(here, down), math.dist(here, up))
        sigma_m = math.hypot(self._sigma_m, spread)
        if sigma_m > _FAR_SIGMA_M:
            return None
        latitude, longitude, _ = pymap3d.enu2geodetic(*here, 0.0, *self._origin, 0.0)
        return Position(float(latitude), float(longitude), sigma_m)

    def outline(self, corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        """The ground polygon, (latitude, longitude), of an image polygon, without the corners that meet no ground."""
        places = (self.position(x, y) for x, y in corners)
        return tuple((place.latitude, place.longitude) for place in places if place is not None)


def _homography(image: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """3 x 3 from (n, 2) to (n, 2) by the direct linear transform, least squares; third row positive at the points."""
    rows = []
    for (x, y), (east, north) in zip(image, ground, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -east * x, -east * y, -east])
        rows.append([0, 0, 0, x, y, 1, -north * x, -north * y, -north])
    scale = max(1.0, float(np.abs(ground).max()))
    system = np.array(rows, float)
    system[:, 6:] /= scale
    _, singular, vectors = np.linalg.svd(system)
    if singular[7] < 1e-6 * singular[0]:
        raise SettingsError("ground", "the points don't fix the ground", "Give four corners, no three on one line")
    matrix = vectors[-1].reshape(3, 3).copy()
    matrix[2] /= scale
    depth = np.column_stack([image, np.ones(len(image))]) @ matrix[2]
    if depth.max() * depth.min() <= 0:
        raise SettingsError("ground", "the points cross the horizon", "Check the order of the points and their places")
    return np.asarray(matrix / depth.mean(), float)
