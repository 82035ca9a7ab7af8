"""What a profile does not allow is refused before the log, with a stable code and a sentence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from uuid6 import uuid7

from hub.policy.basis import Basis, Council, Dpia, Dpo, PolicyConfig, Profile, SensorFacts
from hub.policy.gate import Gate
from hub.policy.mode import assess
from hub.words import say
from sensors.protocol import AnyMessage, Counts, Detection, Heartbeat, Occupancy, SoundLevel

NOW = 1_795_000_000_000_000
TODAY = dt.datetime.fromtimestamp(NOW / 1e6, dt.UTC)
STATED: dict[str, Any] = {
    "controller": "Ville de Saint-Étienne",
    "purpose": "cycle-plan",
    "dpo": Dpo("C. Roux", "dpo@saint-etienne.test", "+33 4 77 00 00 00"),
    "dpia": Dpia("AIPD-1", "2", "2026-01-01", "DPO-31", "2100-01-01"),
    "council": Council("Délibération 1", "2026-06-29"),
    "sensors": (SensorFacts("mic-*", "camera", notice="Panneau microphone n° 3", mask_review="C. Roux, 2026-01-02"),),
}
"""What a deployment that does statistics or levels has to state."""

LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2026-01-01", end="2027-01-01")


@dataclass
class Sensor:
    id: str = "mic-01"
    heartbeat: Heartbeat | None = None


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
        ("authorised", detection("gunshot"), "LEGAL_FIELD_MISSING:basis.reference"),
        ("fr-2023-380", detection("intrusion"), "LEGAL_FIELD_MISSING:order.number"),
    ],
)
def test_a_profile_takes_what_it_may_and_nothing_else(profile: Profile, message: AnyMessage, code: str | None) -> None:
    gate = Gate(PolicyConfig(profile=profile, **STATED))
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
    assessment = assess(policy, TODAY)
    kind = "PLACEHOLDER" if value.strip() else "MISSING"
    assert assessment.mode == "off"
    assert assessment.reasons[0].code == f"LEGAL_FIELD_{kind}:{field}"
    refused = Gate(policy).refusal(detection("gunshot"), Sensor(), NOW)
    assert refused is not None
    assert refused.code == f"LEGAL_FIELD_{kind}:{field}"


def test_a_lab_closes_by_itself_when_its_last_day_has_passed() -> None:
    past_end = int(dt.datetime(2027, 1, 2, tzinfo=dt.UTC).timestamp() * 1e6)
    gate = Gate(LAB)
    assert gate.refusal(detection("gunshot"), Sensor(), NOW) is None
    refused = gate.refusal(detection("gunshot"), Sensor(), past_end)
    assert refused is not None
    assert refused.code == "LEGAL_ORDER_EXPIRED"


def test_a_bare_install_is_off_until_somebody_answers_for_it_and_then_does_statistics() -> None:
    bare = assess(PolicyConfig(), TODAY)
    assert bare.mode == "off"
    assert {reason.code for reason in bare.reasons} >= {"LEGAL_FIELD_MISSING:controller", "LEGAL_FIELD_MISSING:dpia.id"}
    assert assess(PolicyConfig(**STATED), TODAY).mode == "aggregate"


def test_a_sensor_of_which_nothing_is_stated_stays_silent() -> None:
    gate = Gate(PolicyConfig(**STATED))
    assert gate.refusal(occupancy(), Sensor("mic-01"), NOW) is None
    refused = gate.refusal(occupancy(), Sensor("cam-unknown"), NOW)
    assert refused is not None
    assert refused.code == "LEGAL_NO_NOTICE"


def test_suspension_closes_a_sensor_a_class_or_everything_and_heartbeats_still_pass() -> None:
    gate = Gate(LAB)
    for names, closed in (
        (["mic-01"], True),
        (["gunshot"], True),
        (["*"], True),
        (["mic-02", "intrusion"], False),
        ([], False),
    ):
        gate.suspend(names)
        assert (gate.refusal(detection("gunshot"), Sensor(), NOW) is not None) is closed
        assert gate.refusal(heartbeat(), Sensor(), NOW) is None


def test_an_authorised_basis_opens_what_it_covers_and_nothing_else() -> None:
    basis = Basis(
        reference="Ley 1/2026", jurisdiction="ES", authority="Ayuntamiento", start="2026-01-01", end="2100-01-01",
        perimeter=((45.0, 4.0), (45.0, 5.0), (46.0, 5.0)), covers=("audio",), classes=("gunshot",), signatory="M. Ruiz",
    )  # fmt: skip
    facts = (SensorFacts("mic-*", "microphone", notice="Panel micrófono", classes=("gunshot",)),)
    policy = PolicyConfig(profile="authorised", basis=basis, **{**STATED, "sensors": facts})
    assessment = assess(policy, TODAY)
    assert (assessment.mode, assessment.couples) == ("signal", False)
    assert [warning.words for warning in assessment.warnings] == ["policy_audio_asserted"]
    gate = Gate(policy)
    assert gate.refusal(detection("gunshot"), Sensor(), NOW) is None
    for message in (detection("intrusion"), occupancy()):
        refused = gate.refusal(message, Sensor(), NOW)
        assert refused is not None
        assert refused.code == "LEGAL_MODALITY"


@pytest.mark.parametrize(("reason", "refused"), [("moved", True), ("dark", False), ("", False)])
def test_a_camera_that_was_moved_says_nothing_until_its_masks_lie_right_again(reason: str, refused: bool) -> None:
    beat = Heartbeat(
        **_common(), uptime_s=60.0, clock_offset_us=0, clock_sigma_us=100, queue_depth=0, dropped=0,
        capture="degraded" if reason else "ok", capture_reason=reason, software="tocsin-0.1",
    )  # fmt: skip
    gate = Gate(PolicyConfig(profile="statistics-only", **STATED))
    found = gate.refusal(occupancy(), Sensor(heartbeat=beat), NOW)
    assert (found is not None and (found.code, found.words)) == (
        ("LEGAL_NO_MASK_REVIEW", "policy_camera_moved") if refused else False
    )
    assert Gate(LAB).refusal(occupancy(), Sensor(heartbeat=beat), NOW) is None
