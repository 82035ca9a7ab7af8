"""Incidents as fusion would make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import pytest

from hub.incident import Arrival, Ellipse, Evidence, Incident, Place

ONSET_US = 1_790_000_000_000_000
_NAMES = UUID("018f0000-0000-7000-8000-000000000000")


def _incident(name: str = "first", revision: int = 1, **changes: Any) -> Incident:
    place = Place("ellipse", 45.4397, 4.3872, Ellipse(8.0, 4.0, 30.0), residual_ms=0.7)
    values: dict[str, Any] = {
        "id": uuid5(_NAMES, name),
        "revision": revision,
        "event": "gunshot",
        "onset_us": ONSET_US,
        "end_us": ONSET_US + 200_000,
        "updated_us": ONSET_US + 900_000 + revision,
        "place": place,
        "probability": 0.87,
        "rounds": 2,
        "evidence": (Evidence("sound", 2.1, "evidence_heard", {"sensor": "mic-1"}, "mic-1", (uuid5(_NAMES, "d"),)),),
        "arrivals": (Arrival("mic-1", uuid5(_NAMES, "d"), ONSET_US + 100_000, 34.0, 0.3),),
    }
    return Incident(**{**values, **changes})


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    """`make_incident(name, revision, **changes)`: a located gunshot; the same name is the same incident."""
    return _incident
