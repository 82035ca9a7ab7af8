"""When two revisions of an incident differ in what a person would act on: pure arithmetic."""

from __future__ import annotations

import math
from typing import Final

from hub.incident import Incident, Place

MOVED_M: Final = 15.0
"""A place that moved less is the same doorway: half of the 25 m within which a located gunshot counts as found."""

PROBABILITY_STEP: Final = 0.15
"""A smaller change rarely crosses one of the words by which people read a probability."""

_METRES_PER_DEGREE: Final = 111_320.0
"""Of latitude, mean over the WGS 84 ellipsoid."""


def distance_m(a: Place, b: Place) -> float:
    """Metres between two places on a local plane; good to a millimetre per metre over a city."""
    east = (b.longitude - a.longitude) * math.cos(math.radians((a.latitude + b.latitude) / 2))
    return math.hypot(east, b.latitude - a.latitude) * _METRES_PER_DEGREE


def differs(before: Incident, after: Incident) -> bool:
    """True where a person who saw `before` would have to look again at `after`."""
    return (
        before.event != after.event
        or before.exercise != after.exercise
        or before.rounds != after.rounds
        or before.place.kind != after.place.kind
        or distance_m(before.place, after.place) > MOVED_M
        or abs(before.probability - after.probability) > PROBABILITY_STEP
    )
