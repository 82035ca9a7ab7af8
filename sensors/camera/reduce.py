"""From a decoded picture to what is analysed: masked, small, in grey, and now and then in colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Frame, Image, ReducedFrame
from sensors.camera.masks import Masks, Polygon

MAX_SIDE: Final = 640
"""Longest side of what is analysed, in pixels."""
COLOUR_EVERY_US: Final = 140_000
"""Colours are looked at seven times a second at most: flames flicker a few times a second."""


class Reducer:
    """Masks first, then reduces: a masked pixel never reaches an average."""

    def __init__(self, masks: Sequence[Polygon], width: int, *, colour: bool) -> None:
        self._masks, self._grey_masks, self._colour_masks = Masks(masks), Masks(masks), Masks(masks)
        self._width = width
        self._colour = colour
        self._next_us: int | None = None

    def picture(self, image: Image) -> Image:
        """uint8[h, w, 3], at most `width` wide and `MAX_SIDE` high, of a decoded `image` of any kind and size."""
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        if image.shape[2] != 3:
            image = image[:, :, :3]
        image = self._masks.applied(image)
        height, width = image.shape[:2]
        scale = min(1.0, self._width / width, MAX_SIDE / height)
        if scale < 1.0:
            size = max(16, round(width * scale)), max(16, round(height * scale))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return image

    def of(self, frame: Frame) -> tuple[Image, Image | None]:
        """The parts of `frame`; what a child has reduced is masked again, whatever it was told."""
        if not isinstance(frame, ReducedFrame):
            return self.parts(frame.image, frame.utc_us)
        colour = self._colour_masks.applied(frame.colour) if frame.colour is not None else None
        return self._grey_masks.applied(frame.grey), colour

    def parts(self, image: Image, moment_us: int) -> tuple[Image, Image | None]:
        """Grey uint8[h, w], and colour uint8[h/2, w/2, 3] where it is wanted and due at `moment_us`."""
        small = self.picture(image)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        if not self._colour or (
            self._next_us is not None and self._next_us - COLOUR_EVERY_US < moment_us < self._next_us
        ):
            return grey, None
        self._next_us = moment_us + COLOUR_EVERY_US
        half = small.shape[1] // 2, small.shape[0] // 2
        return grey, np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
