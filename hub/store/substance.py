"""When two revisions of an incident differ in what a person would act on: pure arithmetic."""

from __future__ import annotations

from typing import Final

from hub.fusion.plane import Plane
from hub.incident import Incident

MOVED_M: Final = 15.0
"""A place that moved less is the same doorway: half of the 25 m within which a located gunshot counts as found."""

PROBABILITY_STEP: Final = 0.15
"""A smaller change rarely crosses one of the words by which people read a probability."""


def differs(before: Incident, after: Incident) -> bool:
    """True where a person who saw `before` would have to look again at `after`."""
    old, new = before.place, after.place
    return (
        before.event != after.event
        or before.exercise != after.exercise
        or before.rounds != after.rounds
        or old.kind != new.kind
        or Plane.at(old.latitude, old.longitude).distance_m(new.latitude, new.longitude) > MOVED_M
        or abs(before.probability - after.probability) > PROBABILITY_STEP
    )
