"""The five legal profiles as data: ceilings that a configuration can only lower.

Sources: law 2023-380 article 10 and decree 2023-828 article 3 (the eight classes), law 2026-201 article 47 (its end),
the CNIL's position of July 2022 (statistics), decree 2021-269 (bins of 20 minutes).
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from msgspec import Struct

from hub.policy.basis import Modality, Profile
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

Mode = Literal["off", "aggregate", "signal", "dispatch"]
MODES: Final[tuple[Mode, ...]] = ("off", "aggregate", "signal", "dispatch")

DECREE_2023_828: Final[dict[str, str]] = {
    "abandoned_object": "abandoned_object",
    "wrong_way": "wrong_direction",
    "intrusion": "restricted_zone_crossing",
    "person_down": "person_down_after_fall",
    "crowd_movement": "crowd_movement",
    "crowd_density": "density_too_high",
    "fire": "fire_start",
}
"""Our names of the decree's classes. The eighth, presence or use of weapons, has no detector here and so no name."""

DECREE_CLASSES: Final = frozenset({*DECREE_2023_828.values(), "weapon_presence_or_use"})

EXPERIMENT_END: Final = dt.date(2027, 12, 31)
ORDER_MAX_DAYS: Final = 31
MIN_BIN_MINUTES: Final = 20
AUDIT_DAYS: Final = (184, 365)
"""Six months at least (AI Act article 19), a year at most (CNIL deliberation 2021-122)."""
VIDEO_DAYS_MAX: Final = 30

PROTECTED_PLACES: Final = frozenset({"worship", "political", "health"})
"""Red line 13: closed to every class but fire."""

COMMON: Final = ("controller", "purpose", "dpo.name", "dpo.email", "dpo.phone")
ASSESSED: Final = (
    *(f"dpia.{name}" for name in ("id", "version", "date", "dpo_opinion_ref", "review_due")),
    "council.renewal_ref",
    "council.renewed_on",
)


class Ceiling(Struct, frozen=True):
    """What a profile may at most. `couples`: sound and camera in one incident; `waives`: what it does not ask."""

    highest: Mode
    modalities: frozenset[Modality]
    classes: frozenset[str]
    couples: bool
    required: tuple[str, ...]
    sensor_required: tuple[str, ...]


PROFILES: Final[dict[Profile, Ceiling]] = {
    "statistics-only": Ceiling(
        highest="aggregate",
        modalities=frozenset({"video_count"}),
        classes=frozenset(),
        couples=False,
        required=(*COMMON, *ASSESSED),
        sensor_required=("notice", "mask_review"),
    ),
    "noise-levels": Ceiling(
        highest="aggregate",
        modalities=frozenset({"sound_level"}),
        classes=frozenset(),
        couples=False,
        required=(*COMMON, *ASSESSED),
        sensor_required=("notice",),
    ),
    "fr-2023-380": Ceiling(
        highest="dispatch",
        modalities=frozenset({"video_event", "video_count"}),
        classes=frozenset(DECREE_2023_828),
        couples=False,
        required=(
            *COMMON,
            *ASSESSED,
            *(
                f"order.{name}"
                for name in ("number", "prefecture", "signed", "publication_url", "start", "end", "event")
            ),
            "order.services",
            "order.perimeter",
            "attestation.number",
            "attestation.issuer",
            "attestation.software",
            "operators",
        ),
        sensor_required=("notice", "mask_review", "calibration"),
    ),
    "authorised": Ceiling(
        highest="dispatch",
        modalities=frozenset({"sound_level", "sound_event", "video_count", "video_event"}),
        classes=SOUND_EVENTS | VIDEO_EVENTS,
        couples=True,
        required=(
            *COMMON,
            *ASSESSED,
            *(f"basis.{name}" for name in ("reference", "jurisdiction", "authority", "start", "end", "signatory")),
            "basis.perimeter",
            "basis.covers",
        ),
        sensor_required=("notice",),
    ),
    "lab": Ceiling(
        highest="dispatch",
        modalities=frozenset({"sound_level", "sound_event", "video_count", "video_event"}),
        classes=SOUND_EVENTS | VIDEO_EVENTS,
        couples=True,
        required=("responsible_person", "start", "end"),
        sensor_required=(),
    ),
}


def lower(a: Mode, b: Mode) -> Mode:
    """The lower of two modes."""
    return a if MODES.index(a) <= MODES.index(b) else b
