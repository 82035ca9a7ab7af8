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
from numpy.typing import NDArray

from sensors.camera.frames import Field, Image

LOG_OFFSET: Final = 32.0
LOG_SCALE: Final = 64.0
_LOG: Final = (LOG_SCALE * np.log1p(np.arange(256) / LOG_OFFSET)).astype(np.float32)
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
_GUST_PX: Final = 1.5
"""A change by less is forgiven by the bounds of the background until the next look."""
_MOST_SHIFT: Final = 0.06
"""Of the picture's height and width: a mast in a storm. A larger one is another view, which `watch` tells."""
UNDERSTOOD: Final = 0.35
"""Above this share of changed pixels patches are no longer single things: a jam, a crowd, a camera that drifts."""
_CALM_LOOKS: Final = 25
_STEADY_WIDTH: Final = 160
"""Smaller, and the smoothing of a shifted picture alone makes it fit better."""
_SAME: Final = 1.3
"""Mean difference in grey levels below which the picture stands where it stood: camera noise alone has one, a shift by
half a pixel of a street with any lines two."""
_LEARN_EVERY_S: Final = 0.39
"""The background learns a few times a second: its time constants are thirty times longer."""
_BETTER: Final = 0.8
_AS_GOOD: Final = 0.9
_BLOCKS: Final = (16, 9)
_LINES: Final = 4.0
"""Mean gradient in grey levels a pixel of a block that must change when the picture is shifted by half a pixel."""
_LEAST_BLOCKS: Final = 8
_MOVED_BLOCKS: Final = 0.5
"""Share of the blocks with lines that change when the camera moves; a vehicle on bare tarmac changes few of them."""
_LIGHT_STEP: Final = 1.2
"""Change of the overall light, in log brightness, that is followed at once: three grey levels at mid grey."""
_FLICKER_LOOKS: Final = 4
_STEPS: Final = 255.0 / float(_LOG[-1])
"""Steps of a unit of log brightness where it is written with eight bits."""
_UNLOG: Final = np.clip(np.rint(LOG_OFFSET * np.expm1(np.arange(256) / _STEPS / LOG_SCALE)), 0, 255).astype(np.uint8)
"""Those steps back to grey values."""
_SQUARE: Final = np.ones((3, 3), np.uint8)
_UPRIGHT: Final = np.ones((5, 3), np.uint8)
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

    `grey` uint8[h, w] stabilised; `colour` uint8[h/2, w/2, 3], or None between two looks at the colours; `foreground`
    uint8[h/2, w/2], 255 where something stands or moves; `shift_px` of the camera against its background; `changed`
    share of foreground; `ready` once a background is known; `background` float32[h, w] on the logarithmic scale of
    `log_brightness`.
    """

    grey: Image
    colour: Image | None
    foreground: Image
    shift_px: tuple[float, float]
    changed: float
    upset: bool
    ready: bool
    background: Field


def _misfit(one: Field, other: Field) -> float:
    """Mean difference in grey levels, each pixel at most 20: what moves counts no more than what shakes."""
    return float(cv2.mean(cv2.min(cv2.absdiff(one, other), 20.0))[0])


def _laid_back(image: Image, right: float, down: float) -> Image:
    """`image` moved left and up by parts of a pixel; what comes in at the rim repeats the edge.

    An eighth of the cost of `warpAffine`.
    """
    height, width = image.shape[:2]
    middle = (width - 1) / 2 + right, (height - 1) / 2 + down
    return np.asarray(cv2.getRectSubPix(image, (width, height), middle), np.uint8)


def _fit(small: Field, reference: Field, right: float, down: float) -> float:
    """How ill `small` fits when it is laid back by (right, down), in parts of how ill it fits as it is."""
    size = small.shape[1], small.shape[0]
    back = cv2.getRectSubPix(small, size, ((size[0] - 1) / 2 + right, (size[1] - 1) / 2 + down))
    # What was shifted in at the rim is smooth, and would seem to fit.
    x, y = math.ceil(abs(right)) + 1, math.ceil(abs(down)) + 1
    inner = slice(y, size[1] - y), slice(x, size[0] - x)
    return _misfit(np.asarray(back[inner], np.float32), reference[inner]) / max(
        _misfit(small[inner], reference[inner]), 1e-6
    )


def _in_blocks(values: Field) -> Field:
    """float32[9, 16]: mean of `values` in each block of the picture."""
    return np.asarray(cv2.resize(values, _BLOCKS, interpolation=cv2.INTER_AREA), np.float32)


class Steady:
    """How far the picture is shifted against a reference: phase correlation on a small picture.

    While the camera has long stood where it stands, or drifts slowly, only every fourth picture is asked.
    """

    def __init__(self) -> None:
        self._window: Field | None = None
        self._reference: Field | None = None
        self._lines: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._last = (0.0, 0.0)
        self._calm = 0

    def reference(self, grey: Image) -> None:
        """Take `grey` as the place where the camera stands."""
        self._reference = self._small(grey).astype(np.float32)
        self._window = cv2.createHanningWindow(self._reference.shape[::-1], cv2.CV_32F)
        across, down = cv2.Sobel(self._reference, cv2.CV_32F, 1, 0), cv2.Sobel(self._reference, cv2.CV_32F, 0, 1)
        # Sobel's weights add up to eight.
        self._lines = _in_blocks(np.asarray(cv2.magnitude(across, down), np.float32)) > 8.0 * _LINES

    def shift(self, grey: Image) -> tuple[float, float]:
        """(right, down) shift in pixels of `grey` against the reference; (0, 0) where it explains nothing."""
        self._calm += 1
        if self._reference is None or (self._calm > _CALM_LOOKS and self._calm % 4):
            return self._last
        shift = self._measured(self._small(grey).astype(np.float32), self._reference, grey.shape[1])
        if math.dist(shift, self._last) > _GUST_PX:
            self._calm = 0
        self._last = shift
        return shift

    def _measured(self, small: Field, reference: Field, width: int) -> tuple[float, float]:
        if _misfit(small, reference) < _SAME or self._stands(small, reference):
            return 0.0, 0.0
        # OpenCV 5 multiplies the window into its arguments where their size suits the transform: they are copies.
        (right, down), response = cv2.phaseCorrelate(reference.copy(), small.copy(), self._window)
        size = small.shape[1], small.shape[0]
        factor = max(1, round(width / _STEADY_WIDTH))
        far = abs(right) > _MOST_SHIFT * size[0] or abs(down) > _MOST_SHIFT * size[1]
        shift = right * factor, down * factor
        seen = response >= 0.03 and not far and math.hypot(*shift) >= _LEAST_SHIFT_PX
        # The peak may belong to a bright lorry and not to the street: most of the picture must fit better when shifted.
        if seen and _fit(small, reference, right, down) <= _BETTER:
            return shift
        right, down = self._last[0] / factor, self._last[1] / factor
        # Behind the lorry the camera is still where it swung to.
        still = (right or down) and _fit(small, reference, right, down) <= _AS_GOOD
        return self._last if still else (0.0, 0.0)

    def _stands(self, small: Field, reference: Field) -> bool:
        """True where most of the picture's lines are where they were, whatever moves in front of the others."""
        known = int(np.count_nonzero(self._lines))
        if known < _LEAST_BLOCKS:
            return False
        changed = _in_blocks(np.asarray(cv2.absdiff(small, reference), np.float32)) > _SAME
        return int(np.count_nonzero(changed & self._lines)) < _MOVED_BLOCKS * known

    def _small(self, grey: Image) -> Image:
        factor = max(1, round(grey.shape[1] / _STEADY_WIDTH))
        # Whole blocks: reducing by a whole factor costs a tenth.
        size = grey.shape[1] // factor, grey.shape[0] // factor
        whole = grey[: size[1] * factor, : size[0] * factor]
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


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
        self._low: Image = np.zeros((height, width), np.uint8)
        self._high = self._low
        self._overall = self._overall_used = 0.0
        # Every fourth pixel of every fourth row: sixteen samples a cell are enough for light.
        whole = max(1, height // _CELL) * _CELL, max(1, width // _CELL) * _CELL
        self._sampled = slice(0, whole[0], 4), slice(0, whole[1], 4)
        self._known: Field = self._background[self._sampled]
        self._learn_s = 0.0
        self._learnt = 0
        self._spread: Field = np.full((height, width), 1.0, np.float32)
        self._light: Field = np.zeros((max(1, height // _CELL), max(1, width // _CELL)), np.float32)
        self._flicker: Field = np.zeros((height // 2, width // 2), np.float32)
        self._before: Image = np.zeros((height // 2, width // 2), np.uint8)
        self._calm: Image = np.full((height // 2, width // 2), 255, np.uint8)
        self._looks = 0
        self._upset_s = 0.0
        self._steady = Steady()

    def forget(self) -> None:
        """Start over: the camera was moved, or the light changed for good."""
        self._shape = ()

    def step(
        self,
        grey: Image,
        dt_s: float,
        hold: Image | None = None,
        forget: Image | None = None,
        colour: Image | None = None,
    ) -> View:
        """Compare one picture `grey` uint8[h, w], `dt_s` after the last, with the background, and learn from it.

        `hold` uint8[h/2, w/2] marks where something stands still that must not become background, `forget` where
        something went away and the background must be taken anew. `colour` uint8[h/2, w/2, 3] is carried along.
        """
        if grey.shape != self._shape:
            self._reset(grey.shape)
        if not self._ready:
            return self._bootstrap(grey, colour, dt_s)
        right, down = self._steady.shift(grey)
        if right or down:
            grey = _laid_back(grey, right, down)
            colour = _laid_back(colour, right / 2, down / 2) if colour is not None else None
        foreground = self._compare(grey, dt_s)
        changed = cv2.countNonZero(foreground) / foreground.size
        upset = changed > UPSET_SHARE
        self._learn(grey, foreground, dt_s, hold, upset)
        if forget is not None:
            cv2.copyTo(cv2.subtract(cv2.LUT(grey, _LOG), self._light_field()), _doubled(forget, grey), self._background)
        return View(grey, colour, foreground, (right, down), changed, upset, True, self._background)

    def _bootstrap(self, grey: Image, colour: Image | None, dt_s: float) -> View:
        self._first_s += dt_s if self._first else 0.0
        if not self._first or self._first_s >= len(self._first) * BOOTSTRAP_S / _BOOTSTRAP_FRAMES:
            self._first.append(grey)
        if len(self._first) >= _BOOTSTRAP_FRAMES:
            median = np.median(np.stack(self._first), axis=0).astype(np.uint8)
            self._background = cv2.LUT(median, _LOG)
            self._bound()
            self._steady.reference(median)
            self._first, self._ready = [], True
        return View(grey, colour, np.zeros_like(self._before), (0.0, 0.0), 0.0, False, False, self._background)

    def _light_field(self) -> Field:
        """The change of light against the background, at full size: the overall one and the local one."""
        size = self._shape[1], self._shape[0]
        return np.asarray(
            cv2.add(cv2.resize(self._light, size, interpolation=cv2.INTER_LINEAR), self._overall), np.float32
        )

    def _bound(self) -> None:
        """The grey values between which a pixel is background in the light of this moment.

        Bounds are turned into grey values so that a picture is compared as it comes, eight bits a pixel.
        """
        light = cv2.add(cv2.multiply(self._light, _STEPS), self._overall * _STEPS + 128.0)
        light = cv2.resize(cv2.convertScaleAbs(light), (self._shape[1], self._shape[0]), interpolation=cv2.INTER_LINEAR)
        here = cv2.addWeighted(cv2.convertScaleAbs(self._background, alpha=_STEPS), 1.0, light, 1.0, -128.0)
        step = cv2.convertScaleAbs(self._spread, alpha=3.0 * _STEPS, beta=_BASE_THRESHOLD * _STEPS)
        self._low = cv2.LUT(cv2.subtract(cv2.erode(here, _SQUARE), step), _UNLOG)
        self._high = cv2.LUT(cv2.add(cv2.dilate(here, _SQUARE), step), _UNLOG)
        self._overall_used = self._overall
        self._known = np.ascontiguousarray(self._background[self._sampled])

    def _compare(self, grey: Image, dt_s: float) -> Image:
        """Foreground uint8[h/2, w/2]: what lies outside the background's values, whatever the light."""
        rows, columns = self._light.shape
        samples = cv2.subtract(cv2.LUT(np.ascontiguousarray(grey[self._sampled]), _LOG), self._known)
        coarse = cv2.resize(samples, (columns, rows), interpolation=cv2.INTER_AREA)
        overall = float(np.partition(coarse, coarse.size // 2, axis=None)[coarse.size // 2])
        local = cv2.medianBlur(cv2.min(cv2.max(cv2.subtract(coarse, overall), -_CLIP), _CLIP), 5)
        cv2.accumulateWeighted(local, self._light, 1.0 - math.exp(-dt_s / _TAU_LIGHT_S))
        self._overall = overall
        if abs(overall - self._overall_used) > _LIGHT_STEP or dt_s > _LEARN_EVERY_S:
            self._bound()
        raw = cv2.bitwise_not(cv2.inRange(grey, self._low, self._high))
        half = cv2.resize(raw, self._before.shape[::-1], interpolation=cv2.INTER_AREA)
        _, half = cv2.threshold(half, 110, 255, cv2.THRESH_BINARY)
        return self._without_flicker(half, dt_s)

    def _without_flicker(self, raw: Image, dt_s: float) -> Image:
        """Drop pixels that come and go all the time: foliage toggles in a quarter of the frames, traffic in few."""
        toggled = cv2.bitwise_xor(raw, self._before)
        self._before = raw
        cv2.accumulateWeighted(toggled, self._flicker, min(0.1, 1.0 - math.exp(-dt_s / _TAU_FLICKER_S)))
        if self._looks % _FLICKER_LOOKS == 0:
            self._calm = cv2.compare(cv2.blur(self._flicker, (5, 5)), 0.12 * 255, cv2.CMP_LT)
        self._looks += 1
        kept = cv2.bitwise_and(raw, self._calm)
        return np.asarray(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, _UPRIGHT), np.uint8)

    def _learn(self, grey: Image, foreground: Image, dt_s: float, hold: Image | None, upset: bool) -> None:
        self._learn_s += dt_s
        self._upset_s = self._upset_s + dt_s if upset else 0.0
        if self._learn_s < _LEARN_EVERY_S:
            return
        passed_s, self._learn_s = self._learn_s, 0.0
        self._learnt += 1
        # The background follows the light too: what is learnt is the picture as it is.
        log = cv2.LUT(grey, _LOG)
        if self._upset_s > 2.0:
            cv2.accumulateWeighted(log, self._background, 1.0 - math.exp(-passed_s))
        else:
            calm = cv2.bitwise_not(_doubled(cv2.dilate(foreground, _SQUARE), grey))
            alpha = 1.0 - math.exp(-passed_s / _TAU_BACKGROUND_S)
            cv2.accumulateWeighted(log, self._background, alpha, mask=calm)
            if not upset:
                slow = foreground if hold is None else cv2.bitwise_and(foreground, cv2.bitwise_not(hold))
                if cv2.countNonZero(slow):
                    slowly = 1.0 - math.exp(-passed_s / _TAU_FOREGROUND_S)
                    cv2.accumulateWeighted(log, self._background, slowly, mask=_doubled(slow, grey))
                if self._learnt % 2 == 0:
                    off = cv2.absdiff(cv2.subtract(log, self._light_field()), self._background)
                    cv2.accumulateWeighted(off, self._spread, min(0.2, 2 * alpha), mask=calm)
        self._bound()


def _doubled(half: Image, like: Image) -> Image:
    """uint8[h, w], each pixel of `half` uint8[h/2, w/2] four times; a fifth of the cost of a resize."""
    wide = np.multiply(half, 257, dtype=np.uint16).view(np.uint8)
    full = wide.repeat(2, axis=0)
    if full.shape == like.shape:
        return full
    return np.asarray(
        cv2.copyMakeBorder(
            full, 0, like.shape[0] - full.shape[0], 0, like.shape[1] - full.shape[1], cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )
