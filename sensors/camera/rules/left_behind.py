"""Things that somebody carried and left: the life-cycle that `abandoned_object` and `dumping` share.

carried -> left (it stands, its bringer is beside it) -> unattended (nobody near) -> abandoned (unattended for as long
as the zone sets) -> taken back (it is gone). Coming back within reach makes it attended again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sensors.camera.blobs import Blob
from sensors.camera.opinions import Opinion
from sensors.camera.standing import Thing
from sensors.camera.tracks import Track

Stage = Literal["left", "unattended", "abandoned"]

REACH: Final = 1.5
"""Somebody within one and a half of his own heights attends it."""
LINGERS_S: Final = 1.0
"""Whoever has stood still for as long is beside the thing and does not only pass it."""
_SURER: Final = 0.15
LEAST_AREA: Final = 2.5e-4
_SMALLER: Final = 0.6
"""A thing that was carried is at most this part of the patch of whoever carried it."""


@dataclass(frozen=True, slots=True)
class Left:
    """One thing in its life-cycle: `since_s` it is at this stage."""

    thing: Thing
    stage: Stage
    since_s: float


def was_carried(thing: Thing, aspect: float) -> bool:
    """True when somebody larger, and upright rather than wide, was seen where it now stands."""
    bringer = thing.bringer
    if thing.hole or bringer is None or thing.blob.area < LEAST_AREA:
        return False
    upright = bringer.blob.h * aspect > 0.8 * bringer.blob.w
    return upright and thing.blob.area < _SMALLER * bringer.blob.area and bringer.came > 0.5 * bringer.size


def is_other(opinion: Opinion) -> bool:
    """True where the detector saw somebody or a vehicle in place of a thing: who sits or lies there is no luggage."""
    return opinion.kind is not None and opinion.kind != "bag"


def surer(score: float, opinion: Opinion) -> float:
    """`score`, raised where the detector saw a bag; it misses most, so that none seen says nothing."""
    return min(0.9, score + _SURER) if opinion.kind == "bag" else score


def attended(thing: Thing, tracks: Sequence[Track], aspect: float) -> bool:
    """True while somebody larger than the thing lingers within his own reach of it; whoever only passes does not."""
    x, y = thing.blob.foot
    for track in tracks:
        blob: Blob = track.blob
        passes = track.seen_s - track.still_since_s < LINGERS_S
        if blob.area < 1.3 * thing.blob.area or passes:
            continue
        apart = math.hypot(max(0.0, blob.x - x, x - blob.x - blob.w), (y - blob.y - blob.h) * aspect)
        if apart < REACH * blob.h * aspect:
            return True
    return False


def advance(left: Left | None, thing: Thing, near: bool, now_s: float, patience_s: float) -> Left:
    """The next state of a thing: pure, so that the life-cycle can be read and tested in one place."""
    if left is None:
        return Left(thing, "left" if near else "unattended", now_s)
    if near:
        # Whoever comes back makes it attended; an abandoned thing stays one until it is taken.
        stage: Stage = "abandoned" if left.stage == "abandoned" else "left"
    elif left.stage == "left":
        stage = "unattended"
    elif left.stage == "unattended" and now_s - left.since_s >= patience_s:
        stage = "abandoned"
    else:
        stage = left.stage
    return Left(thing, stage, left.since_s if stage == left.stage else now_s)
