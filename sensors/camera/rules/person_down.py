"""`person_down`: something upright sinks to the ground within seconds and stays there.

The outline alone is looked at: an upright box, then at the same place a box that is wide, much lower and about as
heavy, which neither rises nor leaves. Sitting down stays taller than wide; a dropped bag is much smaller. Works
without a detector (with one, no vehicle is taken for somebody), needs a figure of a tenth of the picture's height, and
always needs a second look.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from sensors.camera.blobs import Blob
from sensors.camera.lines import is_faint
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.scene import UNDERSTOOD
from sensors.camera.settings import Zone
from sensors.camera.tracks import Track

_UPRIGHT: Final = 1.15
"""Height over width in pixels of somebody who stands, sits or stumbles."""
_LYING: Final = 0.85
_SUNK: Final = 0.62
"""The lying outline is at most this part of the upright height."""
_LEAST_HEIGHT: Final = 0.10
_MEMORY_S: Final = 5.0
_STAYS_S: Final = 1.8
_COARSE_S: Final = 0.7
"""Slower than this and a fall is only two different pictures."""
_EDGE: Final = 0.008
_LEAST_AT_EDGE: Final = 0.15
_LEAST_FILL: Final = 0.4
"""Of its box; somebody who lies across it fills 0.5 to 0.8."""
_OTHERS: Final = frozenset({"car", "heavy", "bag"})
"""What a detector may see in place of somebody; that it sees nobody lie there says nothing, it often does not."""
_SURER: Final = 0.1
_REPEAT_S: Final = 60.0
_TURNED_S: Final = 0.8
"""Between the last sight of the upright figure and the first of the lying one, where the track broke in between."""


@dataclass(frozen=True, slots=True)
class _Upright:
    seen_s: float
    number: int
    blob: Blob


@dataclass(slots=True)
class _Low:
    since_s: float
    at: tuple[float, float]
    said_s: float | None = None


def _unclear(blob: Blob) -> bool:
    """True for a thin scatter of pixels, and for a patch at the picture's edge that may be the rest of anything."""
    if blob.fill < _LEAST_FILL:
        return True
    at_side = blob.x < _EDGE or blob.x + blob.w > 1 - _EDGE
    return at_side or (blob.y + blob.h > 1 - _EDGE and blob.h < _LEAST_AT_EDGE)


class PersonDown:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._upright: deque[_Upright] = deque(maxlen=400)
        self._low: dict[int, _Low] = {}

    def step(self, moment: Moment) -> list[Finding]:
        """A finding for each figure that sank and stayed down."""
        now_s, aspect = moment.now_s, moment.aspect
        if moment.dt_s > _COARSE_S or moment.view.changed > UNDERSTOOD:
            self._upright.clear()
            return []
        while self._upright and now_s - self._upright[0].seen_s > _MEMORY_S:
            self._upright.popleft()
        found, low_now = [], {}
        for track in moment.tracks:
            blob = track.blob
            ratio = blob.h * aspect / max(blob.w, 1e-6)
            if ratio > _UPRIGHT and blob.h > _LEAST_HEIGHT and track.hits >= 4:
                self._upright.append(_Upright(now_s, track.number, blob))
            elif ratio < _LYING and self._mask.contains(track.centre) and not _unclear(blob):
                low = self._still_low(track, moment)
                if low is None:
                    continue
                low_now[track.number] = low
                lasted_s = now_s - low.since_s
                opinion = moment.seen.of_track(track.number)
                due = (
                    lasted_s >= _STAYS_S
                    and opinion.kind not in _OTHERS
                    and (low.said_s is None or now_s - low.said_s > _REPEAT_S)
                )
                if due and not is_faint(moment.view.grey, moment.view.background, blob):
                    low.said_s = now_s
                    surer = _SURER if opinion.kind == "person" else 0.0
                    score = surer + min(0.85, 0.55 + 0.2 * (_LYING - ratio) + 0.05 * min(3.0, lasted_s - _STAYS_S))
                    found.append(Finding("person_down", self._zone.name, low.since_s, lasted_s, score, track.foot))
        self._low = low_now
        return found

    def _still_low(self, track: Track, moment: Moment) -> _Low | None:
        """The low state of a track, begun when it sank from an upright figure; None when it is not one."""
        blob, centre = track.blob, track.centre
        low = self._low.get(track.number)
        if low is None:
            return _Low(moment.now_s, centre) if self._sank(track, moment) else None
        if abs(centre[0] - low.at[0]) > 0.75 * blob.w or abs(centre[1] - low.at[1]) > 0.75 * blob.h:
            return None
        return low

    def _sank(self, track: Track, moment: Moment) -> bool:
        """True when an upright figure became this low one: the same track, or one that began where the figure went."""
        blob = track.blob
        last = {upright.number: upright.seen_s for upright in self._upright}
        for upright in self._upright:
            was = upright.blob
            if moment.seen.of_track(upright.number).kind in _OTHERS:
                continue
            follows = abs(track.born_s - last[upright.number]) < _TURNED_S
            if upright.number != track.number and not (follows and last[upright.number] < moment.now_s):
                continue
            near = (
                abs((was.x + was.w / 2) - (blob.x + blob.w / 2)) < 0.5 * (was.w + blob.w) + 0.5 * was.h * moment.aspect
            )
            foot = abs((was.y + was.h) - (blob.y + blob.h)) < 0.45 * was.h
            sunk = blob.h < _SUNK * was.h and blob.y > was.y + 0.3 * was.h
            if near and foot and sunk and 0.3 * was.area < blob.area < 3.0 * was.area:
                return True
        return False
