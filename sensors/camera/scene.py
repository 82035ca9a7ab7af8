"""The scene without its passers-by: a background that follows the light, the leaves and the wind in the mast.

Brightness is compared on a logarithmic scale, where a change of light is an offset: a global one (auto-exposure) is
taken from the median at once, a local one (cloud shadow) from a coarse field that follows within seconds. A pixel may
take any value that its neighbours have in the background, which forgives a pixel of sway; where that is not enough
(foliage), pixels that come and go all the time are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Field, Image

_LOG_OFFSET: Final = 32.0
_LOG_SCALE: Final = 64.0
_LOG: Final = (_LOG_SCALE * np.log1p(np.arange(256) / _LOG_OFFSET)).astype(np.float32)
"""Grey value to log brightness: 64 ln(1 + grey / 32); the offset keeps the noise of dark pixels small."""

BOOTSTRAP_S: Final = 1.6
_BOOTSTRAP_FRAMES: Final = 9
"""The first background is the median of nine pictures: a passer-by who keeps walking is in none of the halves."""

_TAU_BACKGROUND_S: Final = 12.0
_TAU_FOREGROUND_S: Final = 60.0
_TAU_LIGHT_S: Final = 1.5
_TAU_FLICKER_S: Final = 15.0
_BASE_THRESHOLD: Final = 7.0
"""Least step in log brightness: about 15 grey levels at mid grey; below lie noise and compression."""
_CLIP: Final = 40.0
_LEAST_SHIFT_PX: Final = 0.5
_CELL: Final = 16
"""Side in pixels of a cell of the coarse light field."""
UPSET_SHARE: Final = 0.5
"""Above this share of changed pixels it is the light or the camera, not the street."""


def log_brightness(grey: Image) -> Field:
    """float32[h, w]: 64 ln(1 + grey / 32) of `grey` uint8[h, w]."""
    return np.asarray(cv2.LUT(grey, _LOG), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture as the rules see it.

    `grey` uint8[h, w] stabilised; `colour` uint8[h/2, w/2, 3]; `foreground` uint8[h/2, w/2], 255 where something
    stands or moves; `shift_px` of the camera against its background; `changed` share of foreground; `ready` once a
    background is known; `background` float32[h, w] on the logarithmic scale of `log_brightness`.
    """

    grey: Image
    colour: Image
    foreground: Image
    shift_px: tuple[float, float]
    changed: float
    upset: bool
    ready: bool
    background: Field


def _translation(right: float, down: float) -> Field:
    return np.array([[1, 0, right], [0, 1, down]], np.float32)


def _misfit(one: Field, other: Field) -> float:
    """Mean difference in grey levels, each pixel at most 20: what moves counts no more than what shakes."""
    return float(cv2.mean(cv2.min(cv2.absdiff(one, other), 20.0))[0])


class Steady:
    """How far the picture is shifted against a reference: phase correlation on a small window."""

    _SIZE: Final = (128, 64)

    def __init__(self) -> None:
        self._window = cv2.createHanningWindow(self._SIZE, cv2.CV_32F)
        self._reference: Field | None = None

    def reference(self, grey: Image) -> None:
        """Take `grey` as the place where the camera stands."""
        self._reference = self._small(grey)

    def shift(self, grey: Image) -> tuple[float, float]:
        """(right, down) shift in pixels of `grey` against the reference; (0, 0) where it explains nothing."""
        if self._reference is None:
            return 0.0, 0.0
        small = self._small(grey)
        (right, down), response = cv2.phaseCorrelate(self._reference, small, self._window)
        scale = grey.shape[1] / self._SIZE[0], grey.shape[0] / self._SIZE[1]
        shift = right * scale[0], down * scale[1]
        if response < 0.03 or not _LEAST_SHIFT_PX < math.hypot(*shift) < 0.15 * grey.shape[1]:
            return 0.0, 0.0
        # The peak may belong to a bright lorry and not to the street: most of the picture must fit better when shifted.
        back = cv2.warpAffine(small, _translation(-right, -down), self._SIZE, borderMode=cv2.BORDER_REPLICATE)
        return shift if _misfit(back, self._reference) < 0.8 * _misfit(small, self._reference) else (0.0, 0.0)

    def _small(self, grey: Image) -> Field:
        return np.asarray(cv2.resize(grey, self._SIZE, interpolation=cv2.INTER_AREA), np.float32)


class Scene:
    """The background of one camera, learnt and kept in memory alone."""

    def __init__(self) -> None:
        self._first: list[Image] = []
        self._first_s = 0.0
        self._ready = False
        self._steady = Steady()
        self._shape: tuple[int, ...] = ()

    def _reset(self, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        self._shape = shape
        self._first, self._first_s, self._ready = [], 0.0, False
        self._background: Field = np.zeros((height, width), np.float32)
        self._low = self._high = self._background
        self._spread: Field = np.full((height, width), 1.0, np.float32)
        self._light: Field = np.zeros((max(1, height // _CELL), max(1, width // _CELL)), np.float32)
        self._flicker: Field = np.zeros((height // 2, width // 2), np.float32)
        self._before: Image = np.zeros((height // 2, width // 2), np.uint8)
        self._steps = 0
        self._upset_s = 0.0
        self._steady = Steady()

    def _take(self, log: Field, light: Field, where: Image) -> None:
        """Replace the background in `where` uint8[h/2, w/2] by what is seen now."""
        full = cv2.resize(where, (log.shape[1], log.shape[0]), interpolation=cv2.INTER_NEAREST)
        level = cv2.subtract(log, light)
        cv2.copyTo(level, full, self._background)

    def forget(self) -> None:
        """Start over: the camera was moved, or the light changed for good."""
        self._shape = ()

    def step(self, image: Image, dt_s: float, hold: Image | None = None, forget: Image | None = None) -> View:
        """Compare one picture uint8[h, w, 3], `dt_s` after the last, with the background, and learn from it.

        `hold` uint8[h/2, w/2] marks where something stands still that must not become background, `forget` where
        something went away and the background must be taken anew.
        """
        if image.shape != self._shape:
            self._reset(image.shape)
        height, width = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        colour = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        if not self._ready:
            return self._bootstrap(grey, colour, dt_s)
        right, down = self._steady.shift(grey)
        if right or down:
            move = _translation(-right, -down)
            grey = cv2.warpAffine(grey, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
            half = _translation(-right / 2, -down / 2)
            colour = cv2.warpAffine(colour, half, colour.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        foreground, log, light = self._compare(grey, dt_s)
        changed = cv2.countNonZero(foreground) / foreground.size
        upset = changed > UPSET_SHARE
        self._learn(log, light, foreground, dt_s, hold, upset)
        if forget is not None:
            self._take(log, light, forget)
        return View(grey, colour, foreground, (right, down), changed, upset, True, self._background)

    def _bootstrap(self, grey: Image, colour: Image, dt_s: float) -> View:
        self._first_s += dt_s if self._first else 0.0
        if not self._first or self._first_s >= len(self._first) * BOOTSTRAP_S / _BOOTSTRAP_FRAMES:
            self._first.append(grey)
        if len(self._first) >= _BOOTSTRAP_FRAMES:
            median = np.median(np.stack(self._first), axis=0).astype(np.uint8)
            self._background = cv2.LUT(median, _LOG)
            self._spread_background()
            self._steady.reference(median)
            self._first, self._ready = [], True
        return View(grey, colour, np.zeros_like(self._before), (0.0, 0.0), 0.0, False, False, self._background)

    def _spread_background(self) -> None:
        kernel = np.ones((3, 3), np.uint8)
        self._low = cv2.erode(self._background, kernel)
        self._high = cv2.dilate(self._background, kernel)

    def _compare(self, grey: Image, dt_s: float) -> tuple[Image, Field, Field]:
        log = cv2.LUT(grey, _LOG)
        height, width = grey.shape
        coarse = cv2.resize(log - self._background, self._light.shape[::-1], interpolation=cv2.INTER_AREA)
        overall = float(np.median(coarse))
        local = cv2.medianBlur(np.clip(coarse - overall, -_CLIP, _CLIP).astype(np.float32), 5)
        self._light += (1.0 - math.exp(-dt_s / _TAU_LIGHT_S)) * (local - self._light)
        light = cv2.resize(self._light, (width, height), interpolation=cv2.INTER_LINEAR)
        light += overall
        level = cv2.subtract(log, light)
        outside = cv2.max(cv2.subtract(level, self._high), cv2.subtract(self._low, level))
        raw = cv2.compare(outside, cv2.add(cv2.multiply(self._spread, 3.0), _BASE_THRESHOLD), cv2.CMP_GT)
        half = cv2.resize(raw, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        _, half = cv2.threshold(half, 110, 255, cv2.THRESH_BINARY)
        return self._without_flicker(half, dt_s), log, light

    def _without_flicker(self, raw: Image, dt_s: float) -> Image:
        """Drop pixels that come and go all the time: foliage toggles in a quarter of the frames, traffic in few."""
        toggled = cv2.bitwise_xor(raw, self._before)
        self._before = raw
        cv2.accumulateWeighted(toggled, self._flicker, min(0.1, 1.0 - math.exp(-dt_s / _TAU_FLICKER_S)))
        calm = cv2.compare(cv2.blur(self._flicker, (5, 5)), 0.12 * 255, cv2.CMP_LT)
        kept = cv2.bitwise_and(raw, calm)
        return np.asarray(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8)), np.uint8)

    def _learn(self, log: Field, light: Field, foreground: Image, dt_s: float, hold: Image | None, upset: bool) -> None:
        self._steps += 1
        self._upset_s = self._upset_s + dt_s if upset else 0.0
        full = cv2.resize(foreground, (log.shape[1], log.shape[0]), interpolation=cv2.INTER_NEAREST)
        calm = cv2.bitwise_not(cv2.dilate(full, np.ones((5, 5), np.uint8)))
        tau_s = 1.0 if self._upset_s > 2.0 else _TAU_BACKGROUND_S
        alpha = 1.0 - math.exp(-dt_s / tau_s)
        everywhere = None if self._upset_s > 2.0 else calm
        cv2.accumulateWeighted(log, self._background, alpha, mask=everywhere)
        if self._steps % 4 == 0 and not upset:
            slow = (
                full
                if hold is None
                else cv2.bitwise_and(
                    full,
                    cv2.bitwise_not(cv2.resize(hold, (log.shape[1], log.shape[0]), interpolation=cv2.INTER_NEAREST)),
                )
            )
            cv2.accumulateWeighted(log, self._background, 1.0 - math.exp(-4 * dt_s / _TAU_FOREGROUND_S), mask=slow)
            off = cv2.absdiff(cv2.subtract(log, light), self._background)
            cv2.accumulateWeighted(off, self._spread, min(0.2, 4 * alpha), mask=calm)
        if self._steps % 4 == 1:
            self._spread_background()
