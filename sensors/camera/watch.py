"""Whether the camera still sees what it should: covered, moved, defocused, dark, frozen.

Not an event of the street but the camera's own health: it goes into the heartbeat, and while it is bad the rules are
silent, but for a cover that leaves most of the view open. Each state needs some seconds to begin and to end.
"""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np

from sensors.camera.frames import Field, Image
from sensors.camera.lines import alignment, strength
from sensors.camera.scene import View, log_brightness

Sight = Literal["ok", "covered", "moved", "defocused", "dark", "frozen"]

_EVERY_S: Final = 0.75
_LASTED_S: Final = 2.0
_FROZEN_S: Final = 8.0
"""A cheap camera repeats pictures for seconds under load; its noise is never exactly the same for so long."""
_DARK: Final = 14.0
"""Mean grey below which nothing is seen; a street lamp in the picture lifts it to 25."""
_GRID: Final = (8, 6)
_FLAT: Final = 0.35
"""A cell has lost its detail when its gradient falls under this part of what it was."""
_COVERED_CELLS: Final = 0.3
_NEAR_AREA: Final = 0.05
_NEAR_RIM: Final = 0.08
"""Of the picture's width: as much of its upper rim is touched by what hangs or is held before the lens."""
_NEAR_SMOOTH: Final = 0.6
"""Gradient inside of it over that of the whole background: what is so near is out of focus. A hand has 0.3, vehicles
and people of the same size 0.9 to 15."""
_BLURRED_CELLS: Final = 0.8
_ALIGNED: Final = 0.2
"""Correlation of the lines now with those of the background: a full street keeps 0.4, another view has 0.1."""
_SHADES: Final = 0.6
_LEARN_S: Final = 4.0
_TAU_S: Final = 120.0


class Watch:
    """Judges the sight of one camera."""

    def __init__(self) -> None:
        self.sight: Sight = "ok"
        self.partly = False
        """True while what covers the lens leaves most of the view open: rules go on in the rest."""
        self._usual: Field | None = None
        self._learnt_s = 0.0
        self._last_s = -1e9
        self._candidate: Sight = "ok"
        self._candidate_s = 0.0
        self._before: Image | None = None
        self._same_s = 0.0
        self._part = False

    def step(self, view: View, now_s: float) -> Sight:
        """The state of sight after this view; looks about once a second."""
        dt_s = min(now_s - self._last_s, 2.0)
        if dt_s < _EVERY_S:
            return self.sight
        self._last_s = now_s
        seen = self._judge(view, dt_s)
        if seen != self._candidate:
            self._candidate, self._candidate_s = seen, now_s
        if now_s - self._candidate_s >= (0.0 if seen == "frozen" else _LASTED_S):
            self.sight, self.partly = seen, seen == "covered" and self._part
        return self.sight

    def _judge(self, view: View, dt_s: float) -> Sight:
        grey = view.grey
        small = cv2.resize(grey, (64, 48), interpolation=cv2.INTER_NEAREST)
        same = self._before is not None and self._before.shape == small.shape and np.array_equal(small, self._before)
        self._same_s = self._same_s + dt_s if same else 0.0
        self._before = small
        if self._same_s >= _FROZEN_S:
            return "frozen"
        if float(small.mean()) < _DARK:
            return "dark"
        detail = _detail(grey)
        if self._usual is None or self._usual.shape != detail.shape:
            self._usual, self._learnt_s = detail, 0.0
            return "ok"
        had = self._usual > 1.5
        lost = (detail < _FLAT * self._usual) & had
        share = float(lost.sum()) / max(1, int(had.sum()))
        busy = cv2.resize(view.foreground, _GRID, interpolation=cv2.INTER_AREA) > 150
        if self._learnt_s >= _LEARN_S and had.sum() >= 4:
            if share > _BLURRED_CELLS and _same_shades(grey, view.background):
                return "defocused"
            # A lorry that stops before the camera has detail of its own; a hand or a spray has none.
            self._part = share <= _COVERED_CELLS
            if not self._part or _near_lens(view):
                return "covered"
            if alignment(grey, view.background) < _ALIGNED:
                return "moved"
        weight = min(1.0, dt_s / max(self._learnt_s, dt_s)) if self._learnt_s < _LEARN_S else dt_s / _TAU_S
        calm = ~busy
        self._usual[calm] += weight * (detail - self._usual)[calm]
        self._learnt_s += dt_s
        return "ok"


def _near_lens(view: View) -> bool:
    """True when one large smooth thing comes into the picture from above or from the upper sides: a hand, a cloth."""
    if view.changed < _NEAR_AREA:
        return False
    foreground = view.foreground
    _, labels, stats, _ = cv2.connectedComponentsWithStats(foreground)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    height, width = foreground.shape
    own = labels == largest
    rim = int(np.count_nonzero(own[0])) + int(np.count_nonzero(own[: height // 2, [0, -1]]))
    inner = cv2.erode(own.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    if stats[largest, cv2.CC_STAT_AREA] < _NEAR_AREA * foreground.size or rim < _NEAR_RIM * width or not inner.any():
        return False
    now = cv2.resize(view.grey, (width, height), interpolation=cv2.INTER_AREA)
    was = cv2.resize(view.background, (width, height), interpolation=cv2.INTER_AREA)
    return float(strength(log_brightness(now))[inner].mean()) < _NEAR_SMOOTH * float(strength(was).mean())


def _same_shades(grey: Image, background: Field) -> bool:
    """True when the coarse shades are those of the background: the view is the same and only its lines are gone."""
    now = cv2.resize(log_brightness(grey), _GRID, interpolation=cv2.INTER_AREA)
    was = cv2.resize(background, _GRID, interpolation=cv2.INTER_AREA)
    return float(np.corrcoef(now.ravel(), was.ravel())[0, 1]) > _SHADES if now.std() > 0 and was.std() > 0 else False


def _detail(grey: Image) -> Field:
    """float32[6, 8]: mean gradient of each cell of the grid."""
    across, down = cv2.Sobel(grey, cv2.CV_16S, 1, 0), cv2.Sobel(grey, cv2.CV_16S, 0, 1)
    size = cv2.addWeighted(cv2.convertScaleAbs(across), 0.5, cv2.convertScaleAbs(down), 0.5, 0)
    return np.asarray(cv2.resize(size, _GRID, interpolation=cv2.INTER_AREA), np.float32)
