"""Smoke, as the `fire` rule sees it: a veil before the street that drifts and stays.

Smoke is let through: the lines of what stands behind it are still there, weaker. On the logarithmic scale of the scene
a shadow keeps them as they were and a thing has lines of its own, so the share of the background's gradients that is
left tells the three apart (Toreyin et al., EUSIPCO 2005, look at the same loss in wavelets). The veil must last for
seconds, waver as it drifts, cover several neighbouring cells and leave most of the view clear: fog, rain on the lens
and a lens out of focus weaken lines everywhere. Steam looks the same. Works without colours and without a detector;
before a bare wall or the sky nothing is seen.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.camera.frames import Field, Image
from sensors.camera.lines import gradients
from sensors.camera.moment import Moment, ZoneMask
from sensors.camera.scene import LOG_OFFSET as _OFFSET
from sensors.camera.scene import LOG_SCALE as _SCALE
from sensors.camera.scene import log_brightness

_EVERY_S: Final = 0.78
_CELL: Final = 10
"""Pixels of 160: a sixteenth of the picture's width."""
_LINES: Final = 900.0
"""Mean squared Sobel gradient of log brightness that a cell has in the background: fewer lines can't be weakened."""
_LEFT: Final = (0.05, 0.75)
"""Share of the background's gradients that a veil leaves, of those that shade of the same depth would leave."""
_ALIKE: Final = 0.4
"""Correlation of what is left with the background's; a thing in front of it has none."""
_LIGHTER: Final = 4.0
_BRIGHT: Final = 120.0
"""Log brightness (grey 177) above which a little more sun takes the lines away: a white wall, the sky."""
_WINDOW_S: Final = 5.0
_LEAST_LOOKS: Final = 5
_MOSTLY: Final = 0.6
_WAVERS: Final = 0.04
"""Standard deviation over the window of the share that is left: a stain on the lens does not drift."""
_CELLS: Final = 3
"""Neighbouring cells; over twenty minutes of clips without smoke never more than two were veiled together."""
_MOST_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    at_s: float
    veiled: NDArray[np.bool_]
    left: Field


@dataclass(frozen=True, slots=True)
class Plume:
    """A veil of `cells` cells whose lowest part is at (x, y), normalised."""

    x: float
    y: float
    cells: int


class Smoke:
    """Watches one zone; asked at every moment, looks about once a second."""

    def __init__(self, mask: ZoneMask) -> None:
        self._mask = mask
        self._looks: deque[_Look] = deque(maxlen=32)
        self._last_s = -1e9
        self._plume: Plume | None = None

    def step(self, moment: Moment) -> Plume | None:
        """The plume that is there at this moment; None where none is."""
        view = moment.view
        if view.upset:
            self._looks.clear()
            self._plume = None
            return None
        if moment.now_s - self._last_s < _EVERY_S:
            return self._plume
        self._last_s = moment.now_s
        look = self._look(moment.now_s, view.grey, view.background)
        if self._looks and self._looks[-1].veiled.shape != look.veiled.shape:
            self._looks.clear()
        self._looks.append(look)
        while moment.now_s - self._looks[0].at_s > _WINDOW_S:
            self._looks.popleft()
        self._plume = self._found()
        return self._plume

    def _look(self, now_s: float, grey: Image, background: Field) -> _Look:
        half = grey.shape[1] // 2, grey.shape[0] // 2
        now = log_brightness(np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), np.uint8))
        was = np.asarray(cv2.resize(background, half, interpolation=cv2.INTER_AREA), np.float32)
        (across, down), (across_was, down_was) = gradients(now), gradients(was)
        known = _in_cells(across_was * across_was + down_was * down_was)
        common = _in_cells(across * across_was + down * down_was)
        seen = _in_cells(across * across + down * down)
        level, level_was = _in_cells(now), _in_cells(was)
        left = np.asarray(common / np.maximum(known, 1.0) / _shaded(level, level_was), np.float32)
        alike = common / np.sqrt(np.maximum(known * seen, 1.0))
        change = level - level_was
        # A veil changes the brightness against before, and against the rest of the street as it is now.
        changed = np.minimum(np.abs(change), np.abs(change - float(np.median(change)))) > _LIGHTER
        lines = (known > _LINES) & (level_was < _BRIGHT)
        veiled = lines & (left > _LEFT[0]) & (left < _LEFT[1]) & (alike > _ALIKE) & changed
        # A veil over most of what has lines is fog, or the lens.
        if np.count_nonzero(veiled) > _MOST_SHARE * max(1, int(np.count_nonzero(lines))):
            veiled = np.zeros_like(veiled)
        return _Look(now_s, veiled, left)

    def _found(self) -> Plume | None:
        if len(self._looks) < _LEAST_LOOKS or not self._looks[-1].veiled.any():
            return None
        lasting = np.mean([look.veiled for look in self._looks], axis=0) > _MOSTLY
        drifting = np.std([look.left for look in self._looks], axis=0) > _WAVERS
        cells = (lasting & drifting & (self._mask.raster(lasting.shape) > 0)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=4)
        if count < 2:
            return None
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        rows, columns = np.nonzero(labels == largest)
        if len(rows) < _CELLS:
            return None
        bottom = int(rows.max())
        height, width = lasting.shape
        column = float(columns[rows == bottom].mean())
        return Plume((column + 0.5) / width, (bottom + 0.5) / height, len(rows))


def _shaded(level: Field, level_was: Field) -> Field:
    """Share of the gradients that shade or light alone would leave, from the mean log brightness before and after.

    The scene's scale, 64 ln(1 + grey / 32), is logarithmic but for its offset: in dark places it shrinks them.
    """
    grey, grey_was = _OFFSET * np.expm1(level / _SCALE), _OFFSET * np.expm1(level_was / _SCALE)
    shade = grey * (_OFFSET + grey_was) / np.maximum(grey_was * (_OFFSET + grey), 1.0)
    return np.asarray(np.clip(shade, 0.3, 2.0), np.float32)


def _in_cells(values: Field) -> Field:
    """float32[h/10, w/10]: mean of each cell."""
    size = max(1, values.shape[1] // _CELL), max(1, values.shape[0] // _CELL)
    whole = values[: size[1] * _CELL, : size[0] * _CELL]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)
