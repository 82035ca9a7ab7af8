"""Connected patches of foreground: what a track is made of."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from sensors.camera.frames import Image


@dataclass(frozen=True, slots=True)
class Blob:
    """One patch; `x`, `y`, `w`, `h` is its box and `area` its size, all in parts of the picture's width and height.

    `area` is the filled share of the whole picture.
    """

    x: float
    y: float
    w: float
    h: float
    area: float

    @property
    def foot(self) -> tuple[float, float]:
        """Where it touches the ground: the middle of the lower edge."""
        return self.x + self.w / 2, self.y + self.h

    @property
    def stance(self) -> tuple[float, float]:
        """A little above the foot: a shadow at the feet must not step over the edge of a zone, nor a foot that is cut
        off by the picture's edge stand outside of everything."""
        return self.x + self.w / 2, self.y + self.h - max(0.012, 0.08 * self.h)

    @property
    def fill(self) -> float:
        """Share of its box that is filled, 0 to 1."""
        return self.area / max(self.w * self.h, 1e-9)


def find_blobs(foreground: Image, *, least_px: int = 12, most: int = 40) -> list[Blob]:
    """The patches of `foreground` uint8[h, w] with at least `least_px` pixels, largest first, at most `most`."""
    height, width = foreground.shape
    x, y, w, h = cv2.boundingRect(foreground)
    if w * h < least_px:
        return []
    # Only where there is something: labelling an empty picture costs as much as a full one.
    part = foreground[y : y + h, x : x + w]
    count, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8, ltype=cv2.CV_16U)
    rows = [row for row in stats[1:count].tolist() if row[4] >= least_px]
    rows.sort(key=lambda row: -row[4])
    return [
        Blob((x + left) / width, (y + top) / height, w / width, h / height, area / (width * height))
        for left, top, w, h, area in rows[:most]
    ]
