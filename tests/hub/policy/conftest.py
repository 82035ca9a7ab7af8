"""Deployments that are complete, one for each profile, and one message of each kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import pytest
from uuid6 import uuid7

from hub.policy.basis import (
    Attestation,
    Basis,
    Dpia,
    Dpo,
    Operator,
    Order,
    PolicyConfig,
    Profile,
    SensorFacts,
)
from sensors.protocol import SOUND_EVENTS, AnyMessage, Counts, Detection, Occupancy, SoundLevel

NOON: Final = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SQUARE: Final = ((45.0, 4.0), (45.0, 5.0), (46.0, 5.0), (46.0, 4.0))


def _complete(profile: Profile, **changes: Any) -> PolicyConfig:
    kind: Any = "microphone" if profile == "noise-levels" else "camera"
    facts = SensorFacts(
        "s-*", kind, notice="Panneau microphone et caméra n° 3", mask_review="C. Roux, 2026-11-10",
        calibration="CAL-2026-07", latitude=45.5, longitude=4.5,
    )  # fmt: skip
    values: dict[str, Any] = {
        "profile": profile,
        "controller": "Ville de Saint-Étienne",
        "purpose": "plan-velo",
        "dpo": Dpo("C. Roux", "dpo@saint-etienne.test", "+33 4 77 00 00 00"),
        "dpia": Dpia("AIPD-1", "2", "2026-01-01", "DPO-31", "2027-06-30"),
        "sensors": (facts,),
    }
    if profile == "fr-2023-380":
        values["order"] = Order(
            "42-1", "Loire", "2026-11-02", "https://prefecture.test/1", "2026-11-15", "2026-12-10", "Fête du Livre",
            ("police municipale",), SQUARE,
        )  # fmt: skip
        values["attestation"] = Attestation("ATT-1", "Ministère", "0.1.0")
        values["operators"] = (Operator("A. Martin", "police municipale", "2026-10-20", "2027-10-20"),)
    if profile == "authorised":
        values["basis"] = Basis(
            "Ley 1/2026", "ES", "Ayuntamiento", "2026-01-01", "2027-05-31", SQUARE, ("video", "dispatch"),
            ("intrusion",), "M. Ruiz",
        )  # fmt: skip
    if profile == "lab":
        values |= {"responsible_person": "A. Martin", "start": "2026-01-01", "end": "2027-01-01"}
    return PolicyConfig(**{**values, **changes})


@pytest.fixture(scope="session")
def complete() -> Callable[..., PolicyConfig]:
    """`complete(profile, **changes)`: a deployment of that profile which nothing speaks against on 22 November 2026."""
    return _complete


def _message(kind: str, event: str = "", sensor: str = "s-1") -> AnyMessage:
    now = int(NOON.timestamp() * 1e6)
    common: dict[str, Any] = {"id": uuid7(), "sensor": sensor, "sent": now}
    if kind == "sound_level":
        return SoundLevel(**common, start=now, period_s=60.0, laeq=60, lafmax=70, lcpeak=90, l10=65, l50=60, l90=55)
    if kind == "video_count":
        return Occupancy(**common, start=now, period_s=1_200.0, zone="kerb", counts=Counts(person=20))
    assert (event in SOUND_EVENTS) == (kind == "sound_event")
    detected: Any = {"event": event, "onset": now, "duration_s": 0.1, "score": 0.9, "clock_sigma_us": 100}
    return Detection(**common, **detected, model="m@00000000")


@pytest.fixture(scope="session")
def message() -> Callable[..., AnyMessage]:
    """`message(modality, event, sensor)`: what a sensor sends of that kind."""
    return _message


@pytest.fixture(scope="session")
def noon() -> dt.datetime:
    """The moment at which the complete deployments are complete."""
    return NOON
