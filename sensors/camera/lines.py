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


def _cut(grey: Image, background: Field, blob: Blob, rim_px: int) -> tuple[Field, Field]:
    height, width = grey.shape
    left, right = max(0, int(blob.x * width) - rim_px), min(width, round((blob.x + blob.w) * width) + rim_px)
    top, bottom = max(0, int(blob.y * height) - rim_px), min(height, round((blob.y + blob.h) * height) + rim_px)
    return log_brightness(grey[top:bottom, left:right]), background[top:bottom, left:right]


def is_light(grey: Image, background: Field, blob: Blob) -> bool:
    """True when the patch shows the same lines as the background: a shadow, a reflection, a lamp that went on."""
    now, was = _cut(grey, background, blob, 0)
    return correlation(now, was) > _LIGHT


def is_hole(grey: Image, background: Field, blob: Blob) -> bool:
    """True when the lines at the patch and its rim are stronger in the background: something went away."""
    now, was = _cut(grey, background, blob, _RIM_PX)
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
