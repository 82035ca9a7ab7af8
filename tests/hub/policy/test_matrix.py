"""Nothing opens that the table of the law page does not open: every profile, modality, class, place and basis."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.policy.basis import PolicyConfig, SensorFacts
from hub.policy.gate import Gate
from hub.policy.mode import assess
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

PROFILES = ("statistics-only", "noise-levels", "fr-2023-380", "authorised", "lab")
PLACES = ("street", "closed_site", "school", "worship", "political", "health", "dwelling")
COVERS = [
    frozenset(some)
    for size in range(5)
    for some in itertools.combinations(("audio", "video", "coupling", "dispatch"), size)
]
SAID = [
    ("sound_level", ""),
    ("video_count", ""),
    *(("sound_event", event) for event in sorted(SOUND_EVENTS)),
    *(("video_event", event) for event in sorted(VIDEO_EVENTS)),
]
EIGHT = {"abandoned_object", "wrong_way", "intrusion", "person_down", "crowd_movement", "crowd_density", "fire"}
"""Our names of the decree's classes; the eighth, weapons, has no detector."""


@dataclass
class Speaker:
    id: str = "s-1"


def opens(profile: str, modality: str, event: str, place: str, covers: frozenset[str], named: set[str]) -> bool:
    """The table of the law page, written down a second time."""
    if place == "dwelling" or (place == "school" and profile not in {"noise-levels", "lab"}):
        return False
    if place in {"worship", "political", "health"} and modality != "sound_level" and event != "fire":
        return False
    if profile == "statistics-only":
        return modality == "video_count"
    if profile == "noise-levels":
        return modality == "sound_level"
    if profile == "fr-2023-380":
        return modality == "video_count" or event in EIGHT & VIDEO_EVENTS
    if profile == "authorised":
        sense = "audio" if modality.startswith("sound") else "video"
        return sense in covers and (not event or event in named)
    return True


def deployed(complete: Any, profile: str, modality: str, place: str, covers: frozenset[str], named: set[str]) -> Any:
    policy = complete(profile)
    kind: Any = "microphone" if modality.startswith("sound") else "camera"
    facts = msgspec.structs.replace(policy.sensors[0], kind=kind, place=place)
    basis = msgspec.structs.replace(policy.basis, covers=tuple(sorted(covers)), classes=tuple(sorted(named)))
    return msgspec.structs.replace(policy, sensors=(facts,), basis=basis if profile == "authorised" else policy.basis)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_gate_opens_exactly_what_the_table_opens(
    profile: str, complete: Any, message: Callable[..., Any], noon: dt.datetime
) -> None:
    now_us = int(noon.timestamp() * 1e6)
    named = {"gunshot", "intrusion", "fire"}
    bases = [one for one in COVERS if one] if profile == "authorised" else [frozenset[str]()]
    for covers, place, (modality, event) in itertools.product(bases, PLACES, SAID):
        policy = deployed(complete, profile, modality, place, covers, named)
        refused = Gate(policy).refusal(message(modality, event), Speaker(), now_us)
        expected = opens(profile, modality, event, place, covers, named)
        assert (refused is None) is expected, (profile, modality, event, place, covers, refused)


@settings(max_examples=150, deadline=None)
@given(
    profile=st.sampled_from(PROFILES), said=st.sampled_from(SAID), place=st.sampled_from(PLACES),
    covers=st.sampled_from(COVERS), named=st.sets(st.sampled_from(sorted(SOUND_EVENTS | VIDEO_EVENTS))),
    beside=st.sampled_from(PROFILES), suspended=st.sets(st.sampled_from(["*", "s-1", "s-2", "gunshot", "fire"])),
)  # fmt: skip
def test_no_setting_of_another_profile_and_no_suspension_opens_more(
    profile: str, said: tuple[str, str], place: str, covers: frozenset[str], named: set[str], beside: str,
    suspended: set[str], complete: Any, message: Any, noon: dt.datetime,
) -> None:  # fmt: skip
    modality, event = said
    own = deployed(complete, profile, modality, place, covers, named)
    other = complete(beside)
    mixed = msgspec.structs.replace(
        own, order=other.order, attestation=other.attestation, operators=other.operators,
        basis=own.basis if profile == "authorised" else other.basis,
        **({} if profile == "lab" else {"responsible_person": "A. Martin", "start": "2026-01-01", "end": "2027-01-01"}),
    )  # fmt: skip
    gate = Gate(mixed)
    gate.suspend(suspended)
    if gate.refusal(message(modality, event), Speaker(), int(noon.timestamp() * 1e6)) is None:
        assert opens(profile, modality, event, place, covers, named)
        assert not suspended & {"*", "s-1", event}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_mode_never_passes_the_profile_s_highest(profile: str, complete: Any, noon: dt.datetime) -> None:
    highest = {"statistics-only": "aggregate", "noise-levels": "aggregate"}.get(profile, "dispatch")
    found = assess(complete(profile), noon)
    assert found.reasons == ()
    assert found.mode == highest
    assert found.couples is (profile == "lab")


@pytest.mark.parametrize("covers", COVERS, ids=lambda covers: "+".join(sorted(covers)) or "nothing")
def test_a_basis_couples_and_dispatches_only_where_it_says_so(
    covers: frozenset[str], complete: Any, noon: dt.datetime
) -> None:
    policy = deployed(complete, "authorised", "video_event", "street", covers, {"intrusion"})
    found = assess(policy, noon)
    assert found.couples is ("coupling" in covers)
    assert (found.mode == "dispatch") is ("dispatch" in covers)


def test_a_sensor_says_only_the_classes_that_were_stated_of_it(complete: Any, message: Any, noon: dt.datetime) -> None:
    facts = SensorFacts("s-*", classes=("fire",))
    gate = Gate(complete("lab", sensors=(facts,)))
    now_us = int(noon.timestamp() * 1e6)
    assert gate.refusal(message("video_event", "fire"), Speaker(), now_us) is None
    refused = gate.refusal(message("video_event", "intrusion"), Speaker(), now_us)
    assert refused is not None
    assert refused.code == "LEGAL_CLASS_NOT_LISTED"


def test_a_deployment_is_the_same_whatever_order_its_sensors_are_stated_in(complete: Any, noon: dt.datetime) -> None:
    facts = (SensorFacts("a"), SensorFacts("b", place="school"), SensorFacts("c", turns_camera="b"))

    def codes(policy: PolicyConfig) -> list[str]:
        return sorted(f"{reason.code} {reason.sensor}" for reason in assess(policy, noon).reasons)

    expected = codes(complete("statistics-only", sensors=facts))
    for order in itertools.permutations(facts):
        assert codes(complete("statistics-only", sensors=order)) == expected
