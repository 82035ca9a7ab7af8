"""From a decoded picture to what is analysed: masked, small, in grey, and now and then in colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Frame, Image, ReducedFrame
from sensors.camera.masks import Masks, Polygon

MAX_SIDE: Final = 640
"""Longest side of what is analysed, in pixels."""
COLOUR_EVERY_US: Final = 140_000
"""Colours are looked at seven times a second at most: flames flicker a few times a second."""
DETAIL_EVERY_US: Final = 480_000
"""A detector looks twice a second at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """One picture as the analysis takes it; see `ReducedFrame`."""

    grey: Image
    colour: Image | None = None
    detail: Image | None = None


class _Every:
    """Says of each moment whether the next look is due; time that jumps back is a new beginning."""

    def __init__(self, period_us: int) -> None:
        self._period_us = period_us
        self._next_us: int | None = None

    def due(self, moment_us: int) -> bool:
        if self._next_us is not None and self._next_us - self._period_us < moment_us < self._next_us:
            return False
        self._next_us = moment_us + self._period_us
        return True


class Reducer:
    """Masks first, then reduces: a masked pixel never reaches an average."""

    def __init__(self, masks: Sequence[Polygon], width: int, *, colour: bool, detail: bool = False) -> None:
        self._masks, self._grey_masks, self._colour_masks = Masks(masks), Masks(masks), Masks(masks)
        self._detail_masks = Masks(masks)
        self._width = width
        self._colour = _Every(COLOUR_EVERY_US) if colour else None
        self._detail = _Every(DETAIL_EVERY_US) if detail else None

    def picture(self, image: Image) -> Image:
        """uint8[h, w, 3], at most `width` wide and `MAX_SIDE` high, of a decoded `image` of any kind and size."""
        return _within(self._masked(image), self._width)

    def of(self, frame: Frame) -> Parts:
        """The parts of `frame`; what a child has reduced is masked again, whatever it was told."""
        if not isinstance(frame, ReducedFrame):
            return self.parts(frame.image, frame.utc_us)
        return Parts(
            self._grey_masks.applied(frame.grey),
            self._colour_masks.applied(frame.colour) if frame.colour is not None else None,
            self._detail_masks.applied(frame.detail) if frame.detail is not None else None,
        )

    def parts(self, image: Image, moment_us: int) -> Parts:
        """Grey uint8[h, w], and what is wanted and due at `moment_us` of colour and detail."""
        masked = self._masked(image)
        small = _within(masked, self._width)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        colour = detail = None
        if self._colour is not None and self._colour.due(moment_us):
            half = small.shape[1] // 2, small.shape[0] // 2
            colour = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
        if self._detail is not None and self._detail.due(moment_us):
            detail = _within(masked, MAX_SIDE)
        return Parts(grey, colour, detail)

    def _masked(self, image: Image) -> Image:
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        if image.shape[2] != 3:
            image = image[:, :, :3]
        return self._masks.applied(image)


def _within(image: Image, width: int) -> Image:
    """`image` at most `width` wide and `MAX_SIDE` high."""
    height, wide = image.shape[:2]
    scale = min(1.0, width / wide, MAX_SIDE / height)
    if scale >= 1.0:
        return image
    size = max(16, round(wide * scale)), max(16, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
