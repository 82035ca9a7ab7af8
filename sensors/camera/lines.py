"""Lines tell things from light: a shadow changes the brightness of the ground and keeps its lines.

All comparisons are between gradients on the logarithmic scale of the scene, where a change of light is an offset.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from sensors.camera.blobs import Blob
from sensors.camera.frames import Field, Image
from sensors.camera.scene import log_brightness

_RIM_PX: Final = 3
_LIGHT: Final = 0.6
"""Correlation of the gradients above which a patch is the same ground in another light."""
_HOLE: Final = 1.15
_STRONGER: Final = 2.5
_SHADE_LINES: Final = 0.2
_SHADE_SPREAD: Final = 13.0
"""A shadow keeps some of the ground's lines and darkens all of it alike (standard deviation of the log brightness by
which it differs; measured 6 to 11 for clouds, 27 to 31 for vehicles)."""
_FAINT_LINES: Final = 0.85
_FAINT_SPREAD: Final = 5.0
"""Somebody who lies there differs from the ground by 6 to 21 (standard deviation of log brightness), a cloud's rim
that is taken for him by 2 to 3."""
_NOISE: Final = 12.0
"""Sobel gradient of camera noise of two grey levels at mid grey."""


def gradients(log: Field) -> tuple[Field, Field]:
    """(across, down) Sobel gradients of `log` float32[h, w]."""
    across, down = cv2.Sobel(log, cv2.CV_32F, 1, 0), cv2.Sobel(log, cv2.CV_32F, 0, 1)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _directions(log: Field) -> Field:
    pair = np.stack(gradients(log))
    return np.asarray(pair / (np.hypot(pair[0], pair[1]) + _NOISE), np.float32)


def strength(log: Field) -> Field:
    """Length of the gradient of `log` float32[h, w]."""
    return np.asarray(cv2.magnitude(*gradients(log)), np.float32)


def correlation(one: Field, other: Field) -> float:
    """Correlation, -1 to 1, of the directions of the gradients of two pictures float32[h, w] on the logarithmic scale.

    Each gradient counts by at most one, so that the one strong edge of a shadow does not outweigh the ground it lies
    on.
    """
    a, b = _directions(one), _directions(other)
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 1.0


def cut(grey: Image, background: Field, blob: Blob, rim_px: int) -> tuple[Field, Field]:
    """The box of `blob`, `rim_px` wider, out of the picture and its background, both on the logarithmic scale."""
    height, width = grey.shape
    left, right = max(0, int(blob.x * width) - rim_px), min(width, round((blob.x + blob.w) * width) + rim_px)
    top, bottom = max(0, int(blob.y * height) - rim_px), min(height, round((blob.y + blob.h) * height) + rim_px)
    return log_brightness(grey[top:bottom, left:right]), background[top:bottom, left:right]


def is_light(grey: Image, background: Field, blob: Blob) -> bool:
    """True when the patch shows the same lines as the background: a shadow, a reflection, a lamp that went on."""
    now, was = cut(grey, background, blob, 0)
    return correlation(now, was) > _LIGHT and not _drawn(now, was)


def _drawn(now: Field, was: Field) -> bool:
    """True when lines are far stronger than the background's: a thing that has begun to be learnt shows through it in
    the same directions, faintly."""
    return float(strength(now).mean()) > _STRONGER * float(strength(was).mean()) + _NOISE


def is_shade(grey: Image, background: Field, blob: Blob) -> bool:
    """True when the patch is `is_light`, or the ground evenly darker or brighter, its lines weakened by the shadow."""
    now, was = cut(grey, background, blob, 0)
    alike = correlation(now, was)
    even = alike > _SHADE_LINES and float((now - was).std()) < _SHADE_SPREAD
    return even or (alike > _LIGHT and not _drawn(now, was))


def is_faint(grey: Image, background: Field, blob: Blob) -> bool:
    """True when there is next to nothing at the patch: the background's own lines, or no more than noise upon it."""
    now, was = cut(grey, background, blob, 0)
    return correlation(now, was) > _FAINT_LINES or float((now - was).std()) < _FAINT_SPREAD


def is_hole(grey: Image, background: Field, blob: Blob) -> bool:
    """True when the lines at the patch and its rim are stronger in the background: something went away."""
    now, was = cut(grey, background, blob, _RIM_PX)
    return float(strength(was).mean()) > _HOLE * float(strength(now).mean())


def alignment(grey: Image, background: Field) -> float:
    """Correlation, -1 to 1, of the line strengths of the whole picture with those of the background, at a third."""
    size = grey.shape[1] // 3, grey.shape[0] // 3
    # Whole thirds: reducing by a whole factor is three times as fast.
    whole = slice(0, 3 * size[1]), slice(0, 3 * size[0])
    small = log_brightness(np.asarray(cv2.resize(grey[whole], size, interpolation=cv2.INTER_AREA), np.uint8))
    known = np.asarray(cv2.resize(background[whole], size, interpolation=cv2.INTER_AREA), np.float32)
    one, other = strength(small), strength(known)
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 1.0
