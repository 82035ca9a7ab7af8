"""`intrusion`: something that moves of itself stands or goes in a zone where nobody may be.

Its foot point must lie in the zone for most of a second, and it must have come some way: a cloud's shadow, a swaying
bush or a lamp that goes on flickers on the spot. One detection an entry; the zone is armed again after it was empty for
a while. Works without a detector; with one the score says what it saw.
"""

from __future__ import annotations

from typing import Final

from sensors.camera.lines import is_light
from sensors.camera.moment import Finding, Moment, ZoneMask
from sensors.camera.opinions import Opinion
from sensors.camera.settings import Zone
from sensors.camera.tracks import Track

_INSIDE_S: Final = 0.6
_MIN_HITS: Final = 4
_LEAST_AREA: Final = 4e-4
"""Share of the picture: 23 pixels of 320 x 180, a person at about 60 m in a common street view."""
_MOST_AREA: Final = 0.35
_EMPTY_S: Final = 4.0
_SURER: Final = 0.1
_UNSURE: Final = 0.75
_REPEAT_S: Final = 30.0
"""While somebody stays, it is said again twice a minute."""


class Intrusion:
    """Watches one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._mask = ZoneMask(zone)
        self._inside_since: dict[int, float] = {}
        self._occupied_s = -1e9
        self._said_s: float | None = None

    def step(self, moment: Moment) -> list[Finding]:
        """At most one finding a moment: the zone's, with the surest intruder's foot point."""
        if moment.view.upset:
            return []
        now_s = moment.now_s
        candidates: list[tuple[float, Track]] = []
        inside = {}
        for track in moment.tracks:
            if not _LEAST_AREA < track.blob.area < _MOST_AREA or not self._mask.contains(track.blob.stance):
                continue
            inside[track.number] = self._inside_since.get(track.number, now_s)
            score = _score(track, now_s - inside[track.number], moment.aspect)
            if score > 0:
                candidates.append((_confirmed(score, moment.seen.of_track(track.number)), track))
        self._inside_since = inside
        if not candidates:
            if now_s - self._occupied_s > _EMPTY_S:
                self._said_s = None
            return []
        self._occupied_s = now_s
        if self._said_s is not None and now_s - self._said_s < _REPEAT_S:
            return []
        candidates.sort(key=lambda one: -one[0])
        surest = next((one for one in candidates if not _light(one[1], moment)), None)
        if surest is None:
            return []
        self._said_s = now_s
        score, track = surest
        onset_s = inside[track.number]
        return [Finding("intrusion", self._zone.name, onset_s, now_s - onset_s, score, track.foot)]


def _confirmed(score: float, opinion: Opinion) -> float:
    """Surer where the detector saw somebody or a vehicle, less sure where it saw nothing in several looks."""
    if opinion.kind in ("person", "cycle", "car", "heavy"):
        return min(0.99, score + _SURER)
    return score * _UNSURE if opinion.blank else score


def _light(track: Track, moment: Moment) -> bool:
    """True for a shadow or a reflection: the ground under it keeps its lines, and no detector saw anybody."""
    unseen = moment.seen.of_track(track.number).kind is None
    return unseen and is_light(moment.view.grey, moment.view.background, track.blob)


def _score(track: Track, inside_s: float, aspect: float) -> float:
    """0 while it is not yet one; else rises with how steadily it was seen and how far it came."""
    came = track.moved(aspect)
    needed = max(0.02, 0.35 * track.size(aspect))
    if inside_s < _INSIDE_S or track.hits < _MIN_HITS or came < needed:
        return 0.0
    # A way that is much longer than the distance is trembling, not walking.
    straight = came / max(track.travelled, 1e-6)
    if straight < 0.15:
        return 0.0
    return min(0.97, 0.6 + 0.2 * min(1.0, came / (3 * needed)) + 0.17 * min(1.0, straight * 1.5))
