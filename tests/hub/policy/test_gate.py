"""What a profile does not allow is refused before the log, with a stable code and a sentence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from uuid6 import uuid7

from hub.config import PolicyConfig, Profile
from hub.policy.gate import Gate
from hub.policy.mode import mode_of
from hub.words import say
from sensors.protocol import AnyMessage, Counts, Detection, Heartbeat, Occupancy, SoundLevel

NOW = 1_795_000_000_000_000
TODAY = dt.datetime.fromtimestamp(NOW / 1e6, dt.UTC)
LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2026-01-01", end="2027-01-01")


@dataclass
class Sensor:
    id: str = "mic-01"


def _common() -> dict[str, Any]:
    return {"id": uuid7(), "sensor": "mic-01", "sent": NOW}


def detection(event: str) -> Detection:
    return Detection(
        **_common(),
        event=event,
        onset=NOW,
        duration_s=0.1,
        score=0.9,
        clock_sigma_us=100,
        model="m@00000000",  # type: ignore[arg-type]
    )


def level() -> SoundLevel:
    return SoundLevel(**_common(), start=NOW, period_s=60.0, laeq=60, lafmax=70, lcpeak=90, l10=65, l50=60, l90=55)


def occupancy() -> Occupancy:
    return Occupancy(**_common(), start=NOW, period_s=1_200.0, zone="kerb", counts=Counts(person=20))


def heartbeat() -> Heartbeat:
    return Heartbeat(
        **_common(),
        uptime_s=1,
        clock_offset_us=0,
        clock_sigma_us=1,
        queue_depth=0,
        dropped=0,
        capture="ok",
        software="0.1",
    )


@pytest.mark.parametrize(
    ("profile", "message", "code"),
    [
        ("statistics-only", detection("gunshot"), "LEGAL_CLASS_NOT_LISTED"),
        ("statistics-only", detection("intrusion"), "LEGAL_CLASS_NOT_LISTED"),
        ("statistics-only", level(), "LEGAL_MODALITY"),
        ("statistics-only", occupancy(), None),
        ("noise-levels", level(), None),
        ("noise-levels", occupancy(), "LEGAL_MODALITY"),
        ("noise-levels", detection("gunshot"), "LEGAL_CLASS_NOT_LISTED"),
        ("noise-levels", heartbeat(), None),
        ("authorised", detection("gunshot"), "LEGAL_FIELD_MISSING:policy.basis"),
        ("fr-2023-380", detection("intrusion"), "LEGAL_FIELD_MISSING:policy.basis"),
    ],
)
def test_a_profile_takes_what_it_may_and_nothing_else(profile: Profile, message: AnyMessage, code: str | None) -> None:
    gate = Gate(PolicyConfig(profile=profile))
    refused = gate.refusal(message, Sensor(), NOW)
    assert (refused.code if refused else None) == code
    if refused:
        assert gate.refused[refused.code] == 1
        assert say(refused.words, refused.values, "fr") != refused.words


def test_the_lab_takes_everything_between_its_dates() -> None:
    gate = Gate(LAB)
    for message in (detection("gunshot"), detection("intrusion"), level(), occupancy(), heartbeat()):
        assert gate.refusal(message, Sensor(), NOW) is None


@pytest.mark.parametrize("field", ["responsible_person", "start", "end"])
@pytest.mark.parametrize("value", ["", "TODO", "n/a", "xxx", "  "])
def test_a_lab_with_an_empty_field_is_off(field: str, value: str) -> None:
    import msgspec

    policy = msgspec.structs.replace(LAB, **{field: value})
    mode, reasons = mode_of(policy, TODAY)
    assert mode == "off"
    assert reasons[0].code == f"LEGAL_FIELD_MISSING:policy.{field}"
    refused = Gate(policy).refusal(detection("gunshot"), Sensor(), NOW)
    assert refused is not None
    assert refused.code == f"LEGAL_FIELD_MISSING:policy.{field}"


def test_a_lab_closes_by_itself_when_its_last_day_has_passed() -> None:
    past_end = int(dt.datetime(2027, 1, 2, tzinfo=dt.UTC).timestamp() * 1e6)
    gate = Gate(LAB)
    assert gate.refusal(detection("gunshot"), Sensor(), NOW) is None
    refused = gate.refusal(detection("gunshot"), Sensor(), past_end)
    assert refused is not None
    assert refused.code == "LEGAL_ORDER_EXPIRED"


def test_a_bare_install_does_statistics_and_nothing_above() -> None:
    assert mode_of(PolicyConfig(), TODAY)[0] == "aggregate"
