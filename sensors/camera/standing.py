"""What came and now stands still: foreground that keeps its brightness, with its age, though others pass before it.

Each pixel of the foreground holds the value it had when it came to rest. While the picture agrees, its age grows; while
something else covers it, the age waits; when the background shows again, it is gone. Patches of old pixels are things
that stand: vehicles, bags, rubbish. A patch whose outline is in the background and not in the picture is the hole that
something left behind, and is handed to the scene to be forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from sensors.camera.blobs import Blob, find_blobs
from sensors.camera.frames import Field, Image
from sensors.camera.lines import is_hole, is_light
from sensors.camera.tracks import Track

_EVERY_S: Final = 0.3
_SAME: Final = 22
"""Grey levels that a thing at rest may waver by: clouds and compression."""
_RIPE_S: Final = 1.8
_RIPENS_S: Final = 4.0
"""A large thing ripens from its middle to its rim for about as long."""
_COVERED_S: Final = 12.0
"""Age that is lost by the second while something else is seen in its place; a parked lorry before a bag is no end."""
_MEMORY_S: Final = 10.0
"""Whoever puts a thing down stands beside it for a while before he goes."""
_LEAST_PX: Final = 10
_OVERLAP: Final = 0.4
_GROWN: Final = 1.7
"""A patch that grows more is another thing: what came joined what stood there."""
HOLD_S: Final = 900.0
"""After a quarter of an hour a thing belongs to the street."""


@dataclass(frozen=True, slots=True)
class Bringer:
    """What moved where a thing came to rest, as large as it was: the thing itself driving, or who carried it."""

    blob: Blob
    came: float
    size: float


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that stands: its patch, since when, and what brought it (None: nobody was seen).

    `number` is good while it stands; `hole` is True where nothing stands: something left, or the light changed.
    """

    number: int
    blob: Blob
    since_s: float
    bringer: Bringer | None
    hole: bool
    area: float = 0.0
    """Its area once it had ripened: what grows far beyond it is another thing."""


class Standing:
    """Keeps the ages of the foreground's pixels; asked a few times a second."""

    def __init__(self) -> None:
        self.things: tuple[Thing, ...] = ()
        self.hold: Image | None = None
        self.forget: Image | None = None
        self._age: Field | None = None
        self._held: Field = np.zeros((0, 0), np.float32)
        self._last_s = 0.0
        self._movers: deque[tuple[float, Blob, float, float]] = deque(maxlen=1_500)
        self._next = 0

    def step(
        self, grey: Image, background: Field, foreground: Image, tracks: Sequence[Track], now_s: float, aspect: float
    ) -> tuple[Thing, ...]:
        """Look again when it is time; the things that stand.

        `grey` uint8[h, w], `background` float32[h, w] on the scene's logarithmic scale, `foreground` uint8[h/2, w/2].
        """
        for track in tracks:
            # What never went anywhere brought nothing: the thing itself, and foliage.
            if now_s - track.still_since_s < 0.5 and track.came(aspect) > 0.4 * track.size(aspect):
                self._movers.append((now_s, track.blob, track.came(aspect), track.size(aspect)))
        while self._movers and now_s - self._movers[0][0] > _RIPE_S + _MEMORY_S:
            self._movers.popleft()
        dt_s = now_s - self._last_s
        if self._age is not None and self._age.shape == foreground.shape and dt_s < _EVERY_S:
            return self.things
        self._last_s = now_s
        half = cv2.resize(grey, foreground.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._age is None or self._age.shape != foreground.shape:
            self._age, self._held = np.zeros(foreground.shape, np.float32), half
            return ()
        self._grow(half, foreground, min(dt_s, 2.0))
        ripe = cv2.compare(self._age, _RIPE_S, cv2.CMP_GT)
        ripe = cv2.morphologyEx(ripe, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        self.things = self._named(find_blobs(ripe, least_px=_LEAST_PX, most=24), grey, background, now_s)
        self.hold, self.forget = self._areas(ripe, now_s)
        return self.things

    def _grow(self, half: Field, foreground: Image, dt_s: float) -> None:
        age, held = self._age, self._held
        assert age is not None
        if not foreground.any() and not age.any():
            np.copyto(held, half)
            return
        there = (foreground > 0).astype(np.float32)
        same = there * (np.abs(half - held) < _SAME)
        other = there - same
        held += (0.1 * same) * (half - held)
        age += dt_s * (same - 4.0 * (1.0 - there) - other * np.minimum(1.0, age / _COVERED_S + 0.2))
        np.clip(age, 0.0, HOLD_S, out=age)
        np.copyto(held, half, where=age <= 0.3)

    def _named(self, blobs: Sequence[Blob], grey: Image, background: Field, now_s: float) -> tuple[Thing, ...]:
        left = list(self.things)
        named = []
        for blob in blobs:
            before = max(left, key=lambda thing: overlap(thing.blob, blob), default=None)
            if before is not None and overlap(before.blob, blob) > _OVERLAP and blob.area < _GROWN * before.area:
                left.remove(before)
                area = max(before.area, blob.area) if now_s - before.since_s < _RIPENS_S else before.area
                named.append(Thing(before.number, blob, before.since_s, before.bringer, before.hole, area))
            else:
                self._next += 1
                hole = is_hole(grey, background, blob) or is_light(grey, background, blob)
                named.append(Thing(self._next, blob, now_s - _RIPE_S, self._bringer(blob), hole, blob.area))
        return tuple(named)

    def _bringer(self, blob: Blob) -> Bringer | None:
        """The mover at this place whose size is nearest to the thing's: passers-by and merged patches are larger."""
        near = [Bringer(was, came, size) for _, was, came, size in self._movers if _inside(was, blob)]
        return min(near, key=lambda one: abs(math.log(one.blob.area / blob.area)), default=None)

    def _areas(self, ripe: Image, now_s: float) -> tuple[Image | None, Image | None]:
        """Where the scene must not learn, and where it must forget at once."""
        if not self.things:
            return None, None
        hold = cv2.dilate(ripe, np.ones((3, 3), np.uint8))
        forget = np.zeros_like(ripe)
        height, width = ripe.shape
        for thing in self.things:
            if thing.hole or now_s - thing.since_s > HOLD_S:
                blob = thing.blob
                box = (
                    slice(round(blob.y * height), round((blob.y + blob.h) * height) + 1),
                    slice(round(blob.x * width), round((blob.x + blob.w) * width) + 1),
                )
                forget[box] = hold[box]
                hold[box] = 0
        return hold, forget


def overlap(one: Blob, other: Blob) -> float:
    """Intersection over union of two boxes."""
    w = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    h = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (one.w * one.h + other.w * other.h - w * h)


def _inside(outer: Blob, inner: Blob) -> bool:
    """True when the middle of `inner` lies in the box of `outer`, a little widened."""
    x, y = inner.x + inner.w / 2, inner.y + inner.h / 2
    return outer.x - 0.02 <= x <= outer.x + outer.w + 0.02 and outer.y - 0.02 <= y <= outer.y + outer.h + 0.03
