"""Privacy masks: polygons painted over with one constant before anything looks at the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Image

POISON: Final = 127
"""Grey that stands where a mask lies: it carries nothing of the scene and makes no motion."""

Polygon = Sequence[tuple[float, float]]


def raster(polygons: Sequence[Polygon], size: tuple[int, int]) -> Image:
    """uint8[h, w], 255 inside any of the normalised `polygons`; `size` is (width, height) in pixels.

    The edge belongs to the inside, so that no pixel which the polygon touches is left open.
    """
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        corners = np.array([[x * (width - 1), y * (height - 1)] for x, y in polygon])
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255)
    return mask


def contains(polygon: Sequence[tuple[float, float]], point: tuple[float, float]) -> bool:
    """True when `point` lies inside `polygon` (even-odd rule)."""
    x, y = point
    inside = False
    x1, y1 = polygon[-1]
    for x2, y2 in polygon:
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
        x1, y1 = x2, y2
    return inside


class Masks:
    """The masks of one camera; the raster is kept for the size last seen."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = tuple(polygons)
        self._mask: Image | None = None
        self._poison: Image | None = None

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def applied(self, image: Image) -> Image:
        """A picture whose masked pixels are `POISON`; `image` itself where there is no mask."""
        if not self._polygons:
            return image
        if self._mask is None or self._poison is None or self._poison.shape != image.shape:
            mask = raster(self._polygons, (image.shape[1], image.shape[0]))
            # One pixel more: a raster at another size must not let the rim through.
            self._mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
            self._poison = np.full_like(image, POISON)
        result = image.copy()
        cv2.copyTo(self._poison, self._mask, result)
        return result
