"""`tagging`: a wall that looks different after somebody stood at it.

While somebody stands at the zone (a wall, a shutter, a door) nothing is judged. When the zone has been clear for a
moment, its lines are compared with those from before: paint adds lines that stay, a shadow or a lamp changes brightness
and no lines. Works without a detector and needs a second look.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from sensors.camera.frames import Field, Image
from sensors.camera.lines import strength
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.scene import log_brightness
from sensors.camera.settings import Zone

_STOOD_S: Final = 4.0
"""A tag takes some seconds; whoever walks along the wall does not stay that long."""
_CLEAR_S: Final = 2.0
_GRADIENT: Final = 18.0
"""Log brightness per pixel on 64 ln(1 + grey / 32): a stroke of paint has 25 to 100."""
_LEAST_NEW: Final = 0.006
"""Least share of the zone that got new lines."""
_MOST_NEW: Final = 0.5
_EVERY_S: Final = 0.5
_COARSE_S: Final = 1.1


class Tagging:
    """Watches one wall."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._before: Field | None = None
        self._stood_s = 0.0
        self._since_s = 0.0
        self._clear_s = 0.0
        self._last_s = -1e9

    def step(self, moment: Moment) -> list[Finding]:
        """One finding when the wall has changed since somebody came to it."""
        dt_s = moment.now_s - self._last_s
        if dt_s < _EVERY_S or moment.view.upset or moment.dt_s > _COARSE_S:
            return []
        self._last_s = moment.now_s
        if self._someone(moment):
            if self._stood_s == 0.0:
                self._since_s = moment.now_s
            self._stood_s += min(dt_s, 2.0)
            self._clear_s = 0.0
            return []
        self._clear_s += min(dt_s, 2.0)
        if self._clear_s < _CLEAR_S:
            return []
        lines = self._lines(moment.view.grey)
        before, stood_s = self._before, self._stood_s
        self._stood_s = 0.0
        if before is None or before.shape != lines.shape:
            self._before = lines
            return []
        if stood_s < _STOOD_S:
            # Light moves over the day: what the wall looks like is learnt while nobody is near.
            before += 0.05 * (lines - before)
            return []
        self._before = lines
        inside = self._mask.raster(lines.shape) > 0
        # A pixel of sway must not look like paint: the old lines are widened before they are taken away.
        new = (lines - cv2.dilate(before, np.ones((3, 3), np.uint8)) > _GRADIENT) & inside
        share = int(np.count_nonzero(new)) / max(1, int(np.count_nonzero(inside)))
        if not _LEAST_NEW < share < _MOST_NEW:
            return []
        score = min(0.8, 0.5 + 5.0 * share)
        rows, columns = np.nonzero(new)
        foot = float(columns.mean() / lines.shape[1]), float(rows.max() / lines.shape[0])
        return [Finding("tagging", self._zone.name, self._since_s, moment.now_s - self._since_s, score, foot)]

    def _someone(self, moment: Moment) -> bool:
        """True while something that moved here covers a part of the wall."""
        inside = self._mask.raster(moment.view.foreground.shape)
        standing = [thing.blob for thing in moment.things if moment.now_s - thing.since_s > 8.0]
        for track in moment.tracks:
            blob = track.blob
            if any(abs(blob.x - other.x) < 0.02 and abs(blob.w - other.w) < 0.03 for other in standing):
                continue
            height, width = inside.shape
            part = inside[
                int(blob.y * height) : round((blob.y + blob.h) * height),
                int(blob.x * width) : round((blob.x + blob.w) * width),
            ]
            if (
                part.size
                and blob.area > 1e-3
                and part.any()
                and track.came(moment.aspect) > 0.5 * track.size(moment.aspect)
            ):
                return True
        return False

    def _lines(self, grey: Image) -> Field:
        return strength(log_brightness(np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.uint8)))
