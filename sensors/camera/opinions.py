"""What the detector says of tracks and of things that stand: it is asked only where something moves or came to rest.

Motion comes first. A look goes to the part of the picture where those are of whom least is known, in zones whose rules
gain by it, `PERIOD_S` apart and never more than a tenth of a processor. An opinion is forgotten with its track.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sensors.camera.blobs import Blob
from sensors.camera.detector import Box, Seen, Sighting
from sensors.camera.frames import Image
from sensors.camera.masks import contains
from sensors.camera.settings import Zone
from sensors.camera.standing import Thing
from sensors.camera.tracks import Track

GAIN: Final = frozenset(
    {"occupancy", "intrusion", "wrong_way", "stopped_vehicle", "person_down", "abandoned_object", "dumping"}
)
"""Rules that judge better with a detector."""
PERIOD_S: Final = 0.5
_SHARE: Final = 0.1
"""Of one processor that looks may take, on a slow box too."""
_LOOKS: Final = 4
_AGAIN_S: Final = 1.5
_MOST_LOOKS: Final = 16
_TURNED: Final = 1.4
"""A figure whose shape changed by as much is looked at again: it may have fallen."""
_LEAST_AREA: Final = 2.5e-4
_LEAST_HITS: Final = 3
_MARGIN: Final = 0.3
_LEAST_MARGIN: Final = 0.02
_WIDEST: Final = 0.65
"""Of the picture's width and height: a wider part would be looked at smaller than it came (416 of 640 pixels)."""
_WITHIN: Final = 0.6
_ALIKE: Final = 0.2
_BLANK: Final = 3
_SURE: Final = 0.35
"""Mean score over the looks above which a kind is believed."""
_FORGET_S: Final = 3.0


@dataclass(slots=True)
class Opinion:
    """Of one track or thing: how often it was looked at, and what was seen there."""

    looks: int = 0
    sums: dict[Seen, float] = field(default_factory=dict)
    people: int = 0
    """Persons seen in its box, added up over the looks that saw any."""
    peopled: int = 0
    """How many looks saw any."""
    looked_s: float = -1e9
    slender: float = 0.0

    def take(self, sightings: Sequence[Sighting], now_s: float, slender: float) -> None:
        """Count one look at it."""
        self.looks += 1
        self.looked_s, self.slender = now_s, slender
        for kind in {one.kind for one in sightings}:
            best = max(one.score for one in sightings if one.kind == kind)
            self.sums[kind] = self.sums.get(kind, 0.0) + best
        people = sum(one.kind == "person" for one in sightings)
        self.people += people
        self.peopled += people > 0

    @property
    def group(self) -> int:
        """How many persons it is, as it was mostly seen: who only passes behind is in few looks."""
        return max(1, round(self.people / self.peopled)) if self.peopled else 1

    @property
    def blank(self) -> bool:
        """True where several looks saw nothing at all of these kinds."""
        return self.looks >= _BLANK and not self.sums

    @property
    def kind(self) -> Seen | None:
        """What it is believed to be; None while nothing is clear. Whoever sits on a cycle is a cycle."""
        if not self.looks or not self.sums:
            return None
        kind = max(self.sums, key=lambda one: self.sums[one])
        if kind == "person" and self.sums.get("cycle", 0.0) > 0.4 * self.sums["person"]:
            kind = "cycle"
        return kind if self.sums[kind] / self.looks >= _SURE else None

    @property
    def vehicle(self) -> bool:
        """True when it is believed to be a car or something heavy."""
        return self.kind in ("car", "heavy")


UNSEEN: Final = Opinion()
"""Of what was never looked at."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """Those of one moment, by the numbers of tracks and of things."""

    tracks: Mapping[int, Opinion]
    things: Mapping[int, Opinion]

    def of_track(self, number: int) -> Opinion:
        """What is believed of a track; `UNSEEN` without a detector."""
        return self.tracks.get(number, UNSEEN)

    def of_thing(self, number: int) -> Opinion:
        """The same of a thing that stands."""
        return self.things.get(number, UNSEEN)


NO_OPINIONS: Final = Opinions({}, {})


class Looks(Protocol):
    """What looks: `sensors.camera.detector.Detector`, or a stand-in."""

    name: str

    def look(self, picture: Image, part: Box) -> list[Sighting]:
        """What the `part` of a picture shows."""


@dataclass(frozen=True, slots=True)
class _Asked:
    opinion: Opinion
    box: Box
    slender: float
    thing: bool


class Looker:
    """Asks the detector, and keeps its opinions while their tracks live."""

    def __init__(
        self, detector: Looks, zones: Sequence[Zone], *, processor_s: Callable[[], float] = time.thread_time
    ) -> None:
        self._detector = detector
        self._polygons = [zone.polygon for zone in zones if GAIN & set(zone.rules)]
        self._processor_s = processor_s
        self._tracks: dict[int, Opinion] = {}
        self._things: dict[int, Opinion] = {}
        self._seen_s: dict[int, float] = {}
        self._next_s = -1e9
        self.opinions = Opinions(self._tracks, self._things)
        self.looks = 0

    def step(
        self,
        picture: Image | None,
        tracks: Sequence[Track],
        things: Sequence[Thing],
        now_s: float,
        aspect: float,
        offset: tuple[float, float] = (0.0, 0.0),
    ) -> Opinions:
        """Look once where it is due; `picture` uint8[h, w, 3] masked, None between two.

        `offset` is how far the picture lies right and down of where tracks are told, in parts of it (a camera that
        shakes).
        """
        self._forget(tracks, things, now_s)
        if picture is None or now_s < self._next_s:
            return self.opinions
        asked = self._asked(tracks, things, now_s, aspect)
        if not asked:
            return self.opinions
        part, taken = _part(asked)
        began_s = self._processor_s()
        part = part[0] + offset[0], part[1] + offset[1], part[2], part[3]
        sightings = [_moved(one, offset) for one in self._detector.look(picture, part)]
        self._next_s = now_s + max(PERIOD_S * 0.9, (self._processor_s() - began_s) / _SHARE)
        self.looks += 1
        for one in taken:
            one.opinion.take([s for s in sightings if _matches(s.box, one)], now_s, one.slender)
        return self.opinions

    def _asked(self, tracks: Sequence[Track], things: Sequence[Thing], now_s: float, aspect: float) -> list[_Asked]:
        """Who is to be looked at, those first of whom least is known."""
        asked = []
        for track in tracks:
            blob = track.blob
            moves = track.came(aspect) > 0.3 * track.size(aspect)
            if track.hits < _LEAST_HITS or blob.area < _LEAST_AREA or not moves or not self._wanted(blob):
                continue
            opinion = self._tracks.setdefault(track.number, Opinion())
            slender = blob.h * aspect / max(blob.w, 1e-6)
            if _due(opinion, now_s, slender):
                asked.append(_Asked(opinion, (blob.x, blob.y, blob.w, blob.h), slender, False))
        for thing in things:
            blob = thing.blob
            if blob.area < _LEAST_AREA or not self._wanted(blob):
                continue
            opinion = self._things.setdefault(thing.number, Opinion())
            if _due(opinion, now_s, opinion.slender):
                asked.append(_Asked(opinion, (blob.x, blob.y, blob.w, blob.h), opinion.slender, True))
        asked.sort(key=lambda one: (one.opinion.looks, one.opinion.looked_s))
        return asked

    def _wanted(self, blob: Blob) -> bool:
        middle = blob.x + blob.w / 2, blob.y + blob.h / 2
        return any(contains(polygon, blob.stance) or contains(polygon, middle) for polygon in self._polygons)

    def _forget(self, tracks: Sequence[Track], things: Sequence[Thing], now_s: float) -> None:
        self._seen_s.update((track.number, now_s) for track in tracks)
        for number in [number for number, seen_s in self._seen_s.items() if now_s - seen_s > _FORGET_S]:
            del self._seen_s[number]
            self._tracks.pop(number, None)
        standing = {thing.number for thing in things}
        for number in [number for number in self._things if number not in standing]:
            del self._things[number]


def _due(opinion: Opinion, now_s: float, slender: float) -> bool:
    if opinion.looks < _LOOKS:
        return True
    turned = opinion.slender > 0 and not 1 / _TURNED < slender / opinion.slender < _TURNED
    again = now_s - opinion.looked_s > _AGAIN_S and opinion.looks < _MOST_LOOKS
    return turned or again


def _part(asked: Sequence[_Asked]) -> tuple[Box, list[_Asked]]:
    """The part of the picture to look at, and who is in it: the first, and all others that widen it within bounds."""
    part, taken = _widened(asked[0].box), [asked[0]]
    for one in asked[1:]:
        both = _union(part, _widened(one.box))
        if (both[2] <= _WIDEST and both[3] <= 1.0) or both[2] * both[3] <= part[2] * part[3]:
            part = both
            taken.append(one)
    return part, taken


def _widened(box: Box) -> Box:
    x, y, w, h = box
    across, down = max(_LEAST_MARGIN, _MARGIN * w), max(_LEAST_MARGIN, _MARGIN * h)
    left, top = max(0.0, x - across), max(0.0, y - down)
    return left, top, min(1.0, x + w + across) - left, min(1.0, y + h + down) - top


def _union(one: Box, other: Box) -> Box:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    right = max(one[0] + one[2], other[0] + other[2])
    bottom = max(one[1] + one[3], other[1] + other[3])
    return left, top, right - left, bottom - top


def _moved(sighting: Sighting, offset: tuple[float, float]) -> Sighting:
    x, y, w, h = sighting.box
    return Sighting(sighting.kind, sighting.score, (x - offset[0], y - offset[1], w, h))


def _matches(box: Box, asked: _Asked) -> bool:
    """True when a sighting is of the one asked for: within its patch (one of a group), or as large as it."""
    x, y, w, h = asked.box
    across = min(box[0] + box[2], x + w) - max(box[0], x)
    down = min(box[1] + box[3], y + h) - max(box[1], y)
    if across <= 0 or down <= 0:
        return False
    common, own, seen = across * down, w * h, box[2] * box[3]
    alike = common / (own + seen - common)
    # A thing is small: whoever stands before it is not it.
    return alike > _ALIKE if asked.thing else (common > _WITHIN * seen and seen > 0.08 * own) or alike > _ALIKE
