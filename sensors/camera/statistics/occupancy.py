"""`occupancy`: how many of each kind passed each zone in twenty minutes; told once the bin is closed, never before.

A passage is a track that came some way and was inside the zone for a moment; it counts when it has left, in the bin in
which it left. Bins are aligned to the clock. A bin that was not watched whole (start, stall, a covered lens) is not
told: half a count would look like a quiet street.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sensors.camera.blobs import Blob
from sensors.camera.ground import GroundMap
from sensors.camera.masks import raster
from sensors.camera.moment import ZoneMask
from sensors.camera.opinions import NO_OPINIONS, Opinion, Opinions
from sensors.camera.settings import Zone
from sensors.camera.statistics.kinds import KINDS, Kind, Kinds
from sensors.camera.statistics.suppression import suppressed
from sensors.camera.tracks import Track
from sensors.protocol import Counts

PERIOD_S: Final = 1_200
"""Twenty minutes: the precedent of decree 2021-269, and the least that the wire takes."""
WHOLE: Final = 0.95
"""Share of its time that a bin must have been watched to be told."""
_GAP_S: Final = 2.0
_INSIDE_S: Final = 0.4
_LEAST_HITS: Final = 4
_LEAST_AREA: Final = 3e-4
_MOST_AREA: Final = 0.4
_LEFT_S: Final = 1.2
"""Out of sight for longer than a track lives: it will not come back as the same."""
_MOST_BOXES: Final = 200
_LOOKS: Final = 3
_LEAST_LOOKED: Final = 10
_KNOWS: Final = 0.6
"""Share of passages that a detector has to know in a zone before its silence counts."""
_RASTER: Final = (256, 192)


@dataclass(frozen=True, slots=True)
class Bin:
    """One zone's closed bin: `start_us` in µs since the epoch, and what may be told of it."""

    zone: str
    start_us: int
    counts: Counts


@dataclass(slots=True)
class _Passage:
    since_s: float
    seen_s: float
    boxes: list[tuple[Blob, float]] = field(default_factory=list)
    """Box and speed at each moment."""
    valid: bool = False
    opinion: Opinion = field(default_factory=Opinion)


class _ZoneCount:
    """The passages of one zone."""

    def __init__(self, zone: Zone, ground: GroundMap | None) -> None:
        self.name = zone.name
        self.counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self._mask = ZoneMask(zone)
        self._kinds = Kinds(ground)
        self._inside: dict[int, _Passage] = {}
        self._looked = self._knew = 0

    def step(self, tracks: Sequence[Track], now_s: float, aspect: float, seen: Opinions) -> None:
        """Look at the tracks of one moment; count those that have left."""
        for track in tracks:
            if _LEAST_AREA < track.blob.area < _MOST_AREA and self._mask.contains(track.blob.stance):
                self._see(track, now_s, aspect, seen.of_track(track.number))
        for number, passage in list(self._inside.items()):
            if now_s - passage.seen_s > _LEFT_S:
                del self._inside[number]
                self._count(passage, aspect)

    def _see(self, track: Track, now_s: float, aspect: float, opinion: Opinion) -> None:
        passage = self._inside.get(track.number)
        if passage is None:
            passage = self._inside[track.number] = _Passage(now_s, now_s)
        passage.seen_s, passage.opinion = now_s, opinion
        if len(passage.boxes) < _MOST_BOXES:
            right, down = track.velocity
            passage.boxes.append((track.blob, math.hypot(right, down * aspect)))
        came = track.came(aspect) > max(0.03, 0.8 * track.size(aspect))
        # A way that is much longer than the distance is trembling: leaves, a flag.
        straight = track.came(aspect) > 0.3 * track.travelled
        lasted = now_s - passage.since_s >= _INSIDE_S and track.hits >= _LEAST_HITS
        passage.valid = passage.valid or (came and straight and lasted)

    def _count(self, passage: _Passage, aspect: float) -> None:
        if not passage.valid or self._nobody(passage.opinion):
            return
        # The middle one by size: at the edge it is cut off, and where two pass each other it is both.
        blob, _ = sorted(passage.boxes, key=lambda one: one[0].w * one[0].h)[len(passage.boxes) // 2]
        speed = statistics.median(speed for _, speed in passage.boxes)
        kind, many = self._kinds.of(blob, speed, aspect, passage.opinion)
        self.counts[kind] += many

    def _nobody(self, opinion: Opinion) -> bool:
        """True where a detector that knows what passes here saw nothing in several looks: leaves, light, a reflection.

        One that knows little here (seen from above, by night) is not heard.
        """
        self._looked += opinion.looks >= _LOOKS
        self._knew += opinion.looks >= _LOOKS and opinion.kind is not None
        return opinion.blank and self._looked >= _LEAST_LOOKED and self._knew > _KNOWS * self._looked

    def close(self) -> dict[Kind, int]:
        """The counts so far, and begin anew."""
        counts, self.counts = self.counts, dict.fromkeys(KINDS, 0)
        return counts


class OccupancyCounter:
    """Counts in every zone that asks for `occupancy`, bin by bin; open counts never leave this object."""

    def __init__(self, zones: Sequence[Zone], ground: GroundMap | None) -> None:
        self._zones = [_ZoneCount(zone, ground) for zone in zones]
        self._overlapping = overlapping(zones)
        self._start_us: int | None = None
        self._watched_s = 0.0

    def step(
        self,
        tracks: Sequence[Track],
        now_s: float,
        utc_us: int,
        dt_s: float,
        aspect: float,
        *,
        sees: bool,
        seen: Opinions = NO_OPINIONS,
    ) -> list[Bin]:
        """Count one moment; the bins that closed with it. `sees` is False while the sight is bad."""
        period_us = PERIOD_S * 1_000_000
        start_us = utc_us // period_us * period_us
        closed: list[Bin] = []
        if self._start_us is not None and start_us != self._start_us:
            closed = self._close(self._start_us)
        self._start_us = start_us
        if sees:
            self._watched_s += dt_s if dt_s <= _GAP_S else 0.0
            for zone in self._zones:
                zone.step(tracks, now_s, aspect, seen)
        return closed

    def _close(self, start_us: int) -> list[Bin]:
        whole = self._watched_s >= WHOLE * PERIOD_S
        self._watched_s = 0.0
        counted = {zone.name: zone.close() for zone in self._zones}
        if not whole:
            return []
        return [Bin(name, start_us, counts) for name, counts in suppressed(counted, self._overlapping).items()]


def overlapping(zones: Sequence[Zone]) -> list[tuple[str, str]]:
    """The pairs of zones that share a part of the picture."""
    rasters = [(zone.name, raster([zone.polygon], _RASTER) > 0) for zone in zones]
    pairs = itertools.combinations(rasters, 2)
    # Zones side by side share the line between them; that is no common part.
    return [
        (a, b) for (a, one), (b, other) in pairs if np.count_nonzero(one & other) > 0.02 * min(one.sum(), other.sum())
    ]
