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
_MOST_SHIFT: Final = 0.06
"""Of the picture's height and width: a mast in a storm. A larger one is another view, which `watch` tells."""
UNDERSTOOD: Final = 0.35
"""Above this share of changed pixels patches are no longer single things: a jam, a crowd, a camera that drifts."""
_CALM_LOOKS: Final = 60
_STEADY_SIZE: Final = (128, 64)
"""Smaller, and the smoothing of a shifted picture alone makes it fit better."""
_EVERY: Final = 2
"""The background learns from every second picture: its time constants are a hundred times longer."""
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
    """How far the picture is shifted against a reference: phase correlation on a small picture.

    While the camera has long stood still, only every third picture is asked.
    """

    def __init__(self) -> None:
        self._window: Field | None = None
        self._reference: Field | None = None
        self._calm = 0

    def reference(self, grey: Image) -> None:
        """Take `grey` as the place where the camera stands."""
        self._reference = self._small(grey)
        self._window = cv2.createHanningWindow(self._reference.shape[::-1], cv2.CV_32F)

    def shift(self, grey: Image) -> tuple[float, float]:
        """(right, down) shift in pixels of `grey` against the reference; (0, 0) where it explains nothing."""
        self._calm += 1
        if self._reference is None or (self._calm > _CALM_LOOKS and self._calm % 3):
            return 0.0, 0.0
        small = self._small(grey)
        (right, down), response = cv2.phaseCorrelate(self._reference, small, self._window)
        size = small.shape[1], small.shape[0]
        shift = right * grey.shape[1] / size[0], down * grey.shape[0] / size[1]
        far = abs(right) > _MOST_SHIFT * size[0] or abs(down) > _MOST_SHIFT * size[1]
        if response < 0.03 or far or math.hypot(*shift) < _LEAST_SHIFT_PX:
            return 0.0, 0.0
        # The peak may belong to a bright lorry and not to the street: most of the picture must fit better when shifted.
        back = cv2.warpAffine(small, _translation(-right, -down), size, borderMode=cv2.BORDER_REPLICATE)
        # What was shifted in at the rim is smooth, and would seem to fit.
        x, y = math.ceil(abs(right)) + 1, math.ceil(abs(down)) + 1
        inner = slice(y, size[1] - y), slice(x, size[0] - x)
        if _misfit(back[inner], self._reference[inner]) > 0.8 * _misfit(small[inner], self._reference[inner]):
            return 0.0, 0.0
        self._calm = 0
        return shift

    def _small(self, grey: Image) -> Field:
        return np.asarray(cv2.resize(grey, _STEADY_SIZE, interpolation=cv2.INTER_AREA), np.float32)


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
        self._floor = self._ceiling = self._background
        self._learn_s = 0.0
        self._spread: Field = np.full((height, width), 1.0, np.float32)
        self._light: Field = np.zeros((max(1, height // _CELL), max(1, width // _CELL)), np.float32)
        self._flicker: Field = np.zeros((height // 2, width // 2), np.float32)
        self._before: Image = np.zeros((height // 2, width // 2), np.uint8)
        self._steps = 0
        self._upset_s = 0.0
        self._steady = Steady()

    def _take(self, level: Field, where: Image) -> None:
        """Replace the background in `where` uint8[h/2, w/2] by what is seen now."""
        full = cv2.resize(where, (level.shape[1], level.shape[0]), interpolation=cv2.INTER_NEAREST)
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
        foreground, level, light = self._compare(grey, dt_s)
        changed = cv2.countNonZero(foreground) / foreground.size
        upset = changed > UPSET_SHARE
        self._learn(level, light, foreground, dt_s, hold, upset)
        if forget is not None:
            self._take(level, forget)
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
        step = cv2.add(cv2.multiply(self._spread, 3.0), _BASE_THRESHOLD)
        self._floor = cv2.subtract(cv2.erode(self._background, kernel), step)
        self._ceiling = cv2.add(cv2.dilate(self._background, kernel), step)

    def _compare(self, grey: Image, dt_s: float) -> tuple[Image, Field, Field]:
        """Foreground, brightness without the change of light, and that change."""
        log = cv2.LUT(grey, _LOG)
        height, width = grey.shape
        # Every fourth pixel of every fourth row: sixteen samples a cell are enough for light.
        samples = log[::4, ::4] - self._background[::4, ::4]
        coarse = cv2.resize(samples, self._light.shape[::-1], interpolation=cv2.INTER_AREA)
        overall = float(np.partition(coarse, coarse.size // 2, axis=None)[coarse.size // 2])
        local = cv2.medianBlur(np.clip(coarse - overall, -_CLIP, _CLIP).astype(np.float32), 5)
        self._light += (1.0 - math.exp(-dt_s / _TAU_LIGHT_S)) * (local - self._light)
        light = cv2.resize(self._light, (width, height), interpolation=cv2.INTER_LINEAR)
        light += overall
        level = cv2.subtract(log, light)
        raw = cv2.bitwise_not(cv2.inRange(level, self._floor, self._ceiling))
        half = cv2.resize(raw, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        _, half = cv2.threshold(half, 110, 255, cv2.THRESH_BINARY)
        return self._without_flicker(half, dt_s), level, light

    def _without_flicker(self, raw: Image, dt_s: float) -> Image:
        """Drop pixels that come and go all the time: foliage toggles in a quarter of the frames, traffic in few."""
        toggled = cv2.bitwise_xor(raw, self._before)
        self._before = raw
        cv2.accumulateWeighted(toggled, self._flicker, min(0.1, 1.0 - math.exp(-dt_s / _TAU_FLICKER_S)))
        calm = cv2.compare(cv2.blur(self._flicker, (5, 5)), 0.12 * 255, cv2.CMP_LT)
        kept = cv2.bitwise_and(raw, calm)
        return np.asarray(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8)), np.uint8)

    def _learn(
        self, level: Field, light: Field, foreground: Image, dt_s: float, hold: Image | None, upset: bool
    ) -> None:
        self._steps += 1
        self._learn_s += dt_s
        self._upset_s = self._upset_s + dt_s if upset else 0.0
        if self._steps % _EVERY:
            return
        passed_s, self._learn_s = self._learn_s, 0.0
        size = level.shape[1], level.shape[0]
        # The background follows the light too: what is learnt is the picture as it is.
        log = cv2.add(level, light)
        if self._upset_s > 2.0:
            cv2.accumulateWeighted(log, self._background, 1.0 - math.exp(-passed_s))
        else:
            wide = cv2.dilate(foreground, np.ones((3, 3), np.uint8))
            calm = cv2.bitwise_not(cv2.resize(wide, size, interpolation=cv2.INTER_NEAREST))
            alpha = 1.0 - math.exp(-passed_s / _TAU_BACKGROUND_S)
            cv2.accumulateWeighted(log, self._background, alpha, mask=calm)
            if self._steps % (2 * _EVERY) == 0 and not upset:
                slow = foreground if hold is None else cv2.bitwise_and(foreground, cv2.bitwise_not(hold))
                slow = cv2.resize(slow, size, interpolation=cv2.INTER_NEAREST)
                slowly = 1.0 - math.exp(-2 * passed_s / _TAU_FOREGROUND_S)
                cv2.accumulateWeighted(log, self._background, slowly, mask=slow)
                off = cv2.absdiff(level, self._background)
                cv2.accumulateWeighted(off, self._spread, min(0.2, 2 * alpha), mask=calm)
        if self._steps % (2 * _EVERY) == 0:
            self._spread_background()
