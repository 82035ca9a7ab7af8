"""Incidents for the fault campaign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import pytest

from hub.incident import Ellipse, Incident, Place

_ONSET_US = 1_790_000_000_000_000


def _incident(name: str, **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "id": uuid5(UUID(int=0), name),
        "revision": 1,
        "event": "gunshot",
        "onset_us": _ONSET_US,
        "end_us": _ONSET_US,
        "updated_us": _ONSET_US,
        "place": Place("ellipse", 45.4397, 4.3872, Ellipse(8.0, 4.0, 30.0)),
        "probability": 0.9,
    }
    return Incident(**{**values, **changes})


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    """`make_incident(name, **changes)`: a located gunshot; the same name is the same incident."""
    return _incident
