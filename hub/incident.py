"""An incident: what the hub believes happened, where, how sure, and why; with its life-cycle.

These are values: fusion makes them, the store keeps them, the interfaces show them. Evidence speaks in sentences that
are kept as a key and parameters, so that each reader gets them in French or English.
"""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

State = Literal["open", "acknowledged", "confirmed", "rejected", "unsure", "expired", "closed"]

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    "open": frozenset({"acknowledged", "confirmed", "rejected", "unsure", "expired"}),
    "acknowledged": frozenset({"confirmed", "rejected", "unsure", "expired"}),
    "confirmed": frozenset({"closed"}),
    "rejected": frozenset({"closed"}),
    "unsure": frozenset({"confirmed", "rejected", "closed"}),
    "expired": frozenset({"closed"}),
    "closed": frozenset(),
}
"""Which state may follow which. Only a person moves one out of `open`, but for `expired`, which confirms nothing."""


SECOND_LOOK: Final = frozenset({"abandoned_object", "fire", "person_down"})
"""Classes that cameras alone are too often wrong about to send anyone: 62 % of the abandoned objects of the public
evaluation of the Paris 2024 experiment were none, fires were signs and beacons, falls could hardly be tested."""


class Ellipse(Struct, frozen=True, forbid_unknown_fields=True):
    """The 95 % error ellipse: semi-axes in metres and the bearing of the major axis in degrees clockwise from north."""

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


PlaceKind = Literal["ellipse", "strip", "disc", "zone"]


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Where: a point with its 95 % ellipse, or honestly less.

    `ellipse`: three or more microphones agree. `strip`: two microphones, a hyperbola band; `outline` is the polygon.
    `disc`: one microphone. `zone`: a camera's zone or field of view. `outline` is (latitude, longitude) pairs, closed.
    `alternative` is the second solution where the geometry leaves two.
    """

    kind: PlaceKind
    latitude: float
    longitude: float
    ellipse: Ellipse | None = None
    outline: tuple[tuple[float, float], ...] = ()
    alternative: tuple[float, float] | None = None
    residual_ms: float | None = None


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """One signed contribution in log-odds (natural logarithm), with its reason in words.

    `words` is a key of `hub/words.py` and `values` its parameters; `detections` are the ids that it rests on. Negative
    evidence (a near sensor that heard nothing) has a negative `log_odds` and no detections.
    """

    kind: str
    log_odds: float
    words: str
    values: dict[str, str | float | int] = {}
    sensor: str | None = None
    detections: tuple[UUID, ...] = ()


class Arrival(Struct, frozen=True, forbid_unknown_fields=True):
    """One pick that the place explains: for the travel-time curves of the console."""

    sensor: str
    detection: UUID
    onset_us: int
    distance_m: float
    residual_ms: float


class Incident(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One incident at one revision. `probability`, in (0, 1): that it is of the stated class, where it is told."""

    id: UUID
    revision: int
    event: str
    onset_us: int
    end_us: int
    updated_us: int
    place: Place
    probability: float
    rounds: int | None = None
    evidence: tuple[Evidence, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    exercise: bool = False
    settled: bool = False
    """True once the window has closed and no detection can change it in the ordinary way."""
    late: bool = False
    """True when a detection that came after the window corrected it; such a revision never dispatches."""


def needs_second_look(incident: Incident) -> bool:
    """True where a class of `SECOND_LOOK` stands alone: nothing was heard, no camera corroborates, nobody saw it."""
    return incident.event in SECOND_LOOK and not any(
        term.kind in ("agreement", "sound", "camera", "person") for term in incident.evidence
    )


class Site(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What fusion needs to know of one registered sensor.

    `field_of_view` is the ground polygon a camera sees, (latitude, longitude) pairs. `noise_db` is the A-weighted
    background at a microphone now; `capture_ok` is False while the sensor is known to be deaf or blind.
    """

    id: str
    kind: Literal["microphone", "camera"]
    latitude: float
    longitude: float
    height_m: float = 4.0
    field_of_view: tuple[tuple[float, float], ...] = ()
    zones: dict[str, tuple[tuple[float, float], ...]] = {}
    noise_db: float | None = None
    capture_ok: bool = True
