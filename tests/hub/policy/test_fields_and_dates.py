"""Each field that a profile asks for holds the mode down while it is empty, and each date closes by itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from hub.policy.basis import Council, Operator, PolicyConfig
from hub.policy.mode import assess, config_hash
from hub.policy.profiles import PROFILES
from hub.policy.rules import may_confirm

FIELDS = [(profile, path) for profile, ceiling in PROFILES.items() for path in ceiling.required]
SENSOR_FIELDS = [(profile, name) for profile, ceiling in PROFILES.items() for name in ceiling.sensor_required]


def with_field(policy: PolicyConfig, path: str, value: Any) -> PolicyConfig:
    group, _, name = path.rpartition(".")
    if not group:
        return msgspec.structs.replace(policy, **{name: value})
    return msgspec.structs.replace(policy, **{group: msgspec.structs.replace(getattr(policy, group), **{name: value})})


def emptied(policy: PolicyConfig, path: str) -> list[Any]:
    group, _, name = path.rpartition(".")
    value = getattr(getattr(policy, group) if group else policy, name)
    if isinstance(value, tuple):
        return [(), *([(word,) for word in ("TODO", "")] if isinstance(value[0], str) else [])]
    return ["", "   ", "TODO", "xxx", "n/a", "N/A", "tbd", "à compléter", "dpo@example.org"]


@pytest.mark.parametrize(("profile", "path"), FIELDS)
def test_a_required_field_that_is_removed_blank_or_a_placeholder_closes_everything(
    profile: str, path: str, complete: Any, noon: dt.datetime
) -> None:
    whole = complete(profile)
    assert assess(whole, noon).mode != "off"
    for value in emptied(whole, path):
        found = assess(with_field(whole, path, value), noon)
        assert found.mode == "off", (path, value)
        codes = {reason.code for reason in found.reasons}
        assert codes & {f"LEGAL_FIELD_MISSING:{path}", f"LEGAL_FIELD_PLACEHOLDER:{path}"}, (path, value, codes)


@pytest.mark.parametrize(("profile", "name"), SENSOR_FIELDS)
@pytest.mark.parametrize("value", ["", "  ", "TODO", "n/a"])
def test_a_sensor_without_its_papers_is_off_and_the_others_go_on(
    profile: str, name: str, value: str, complete: Any, noon: dt.datetime
) -> None:
    whole = complete(profile)
    first = whole.sensors[0]
    lacking = msgspec.structs.replace(first, id="s-lacking", **{name: value})
    found = assess(msgspec.structs.replace(whole, sensors=(lacking, first)), noon)
    policy = msgspec.structs.replace(whole, sensors=(lacking, first))
    mode, reasons = found.of_sensor("s-lacking", policy)
    assert mode == "off"
    assert {reason.code for reason in reasons} & {"LEGAL_NO_NOTICE", "LEGAL_NO_MASK_REVIEW", "LEGAL_NO_CALIBRATION"}
    assert found.of_sensor("s-1", policy)[0] != "off"


def open_and_closed(policy: PolicyConfig, last: dt.datetime, code: str) -> None:
    """Open in the last second, closed at the next midnight, with its code, and for good."""
    assert assess(policy, last - dt.timedelta(seconds=1)).mode != "off"
    for later in (dt.timedelta(0), dt.timedelta(days=1), dt.timedelta(days=4_000)):
        found = assess(policy, last + later)
        assert found.mode == "off"
        assert code in {reason.code for reason in found.reasons}


@pytest.mark.parametrize(
    ("profile", "last", "code"),
    [
        ("statistics-only", "2027-07-01", "LEGAL_DPIA_STALE"),
        ("noise-levels", "2027-07-01", "LEGAL_DPIA_STALE"),
        ("fr-2023-380", "2026-12-11", "LEGAL_ORDER_EXPIRED"),
        ("authorised", "2027-06-01", "LEGAL_ORDER_EXPIRED"),
        ("lab", "2027-01-02", "LEGAL_ORDER_EXPIRED"),
    ],
)
def test_each_profile_closes_by_itself_at_the_end_of_its_last_day(
    profile: str, last: str, code: str, complete: Any
) -> None:
    open_and_closed(complete(profile), dt.datetime.fromisoformat(f"{last}T00:00:00+00:00"), code)


def test_nothing_opens_before_the_first_day(complete: Any) -> None:
    for profile, first in (("fr-2023-380", "2026-11-15"), ("authorised", "2026-01-01"), ("lab", "2026-01-01")):
        start = dt.datetime.fromisoformat(f"{first}T00:00:00+00:00")
        policy = complete(profile, council=Council("Délibération 2025-9", "2025-12-15"))
        assert assess(policy, start - dt.timedelta(seconds=1)).mode == "off"
        assert assess(policy, start).mode != "off"


def test_a_year_after_the_council_s_vote_everything_but_a_laboratory_closes(complete: Any) -> None:
    dpia = msgspec.structs.replace(complete("lab").dpia, review_due="2032-01-01")
    for profile in ("statistics-only", "noise-levels"):
        policy = complete(profile, dpia=dpia)
        open_and_closed(policy, dt.datetime(2027, 9, 15, tzinfo=dt.UTC), "LEGAL_COUNCIL_SUNSET")
        assert assess(policy, dt.datetime(2026, 9, 14, tzinfo=dt.UTC)).mode == "off", "a vote to come opens nothing"
        leap = msgspec.structs.replace(policy, council=Council("Délibération 2028-1", "2028-02-29"))
        open_and_closed(leap, dt.datetime(2029, 2, 28, tzinfo=dt.UTC), "LEGAL_COUNCIL_SUNSET")
    assert assess(complete("lab", council=Council()), dt.datetime(2026, 11, 22, tzinfo=dt.UTC)).mode == "dispatch"


@pytest.mark.parametrize(
    ("purpose", "one"),
    [
        ("plan-velo", True), ("sécurité de l'événement", True), ("étude des flux", True), ("Brandschutz", True),
        ("Montrer des sons et des images", True), ("plan-velo, securite", False), ("safety / traffic", False),
        ("counting + enforcement", False), ("a;b", False),
    ],
)  # fmt: skip
def test_a_deployment_has_one_purpose(purpose: str, one: bool, complete: Any, noon: dt.datetime) -> None:
    found = assess(complete("statistics-only", purpose=purpose), noon)
    assert ("LEGAL_PURPOSE_SECOND" in {reason.code for reason in found.reasons}) is not one
    assert (found.mode == "off") is not one


def test_the_experiment_ends_with_2027_unless_an_official_reference_says_later(complete: Any) -> None:
    at_the_end = msgspec.structs.replace(complete("fr-2023-380").order, start="2027-12-15", end="2028-01-10")
    dpia = msgspec.structs.replace(complete("lab").dpia, review_due="2029-01-01")
    operators = (Operator("A. Martin", "police municipale", "2026-10-20", "2029-01-01"),)
    renewed = Council("Délibération 2027-9", "2027-09-15")
    policy = complete("fr-2023-380", order=at_the_end, dpia=dpia, operators=operators, council=renewed)
    open_and_closed(policy, dt.datetime(2028, 1, 1, tzinfo=dt.UTC), "LEGAL_EXPERIMENT_ENDED")
    alone = msgspec.structs.replace(policy, experiment_end="2028-12-31")
    assert assess(alone, dt.datetime(2028, 1, 2, tzinfo=dt.UTC)).mode == "off"
    cited = msgspec.structs.replace(alone, experiment_reference="Loi 2027-999, art. 3")
    assert assess(cited, dt.datetime(2028, 1, 2, tzinfo=dt.UTC)).mode == "dispatch"


def test_when_the_last_trained_operator_s_designation_is_over_everything_closes(complete: Any) -> None:
    dpia = msgspec.structs.replace(complete("lab").dpia, review_due="2029-01-01")
    operators = (Operator("A. Martin", "police municipale", "2026-10-20", "2026-11-30"),)
    policy = complete("fr-2023-380", dpia=dpia, operators=operators)
    open_and_closed(policy, dt.datetime(2026, 12, 1, tzinfo=dt.UTC), "LEGAL_NOT_HABILITATED")


@pytest.mark.parametrize(
    ("person", "at", "may"),
    [
        ("A. Martin", "2026-11-22", True),
        ("B. Durand", "2026-11-22", False),
        ("a. martin", "2026-11-22", False),
        ("A. Martin", "2026-10-19", False),
        ("A. Martin", "2027-10-20", True),
        ("A. Martin", "2027-10-21", False),
    ],
)
def test_only_who_is_designated_and_trained_on_that_day_may_confirm(
    person: str, at: str, may: bool, complete: Any
) -> None:
    now = dt.datetime.fromisoformat(f"{at}T12:00:00+00:00")
    refused = may_confirm(complete("fr-2023-380"), person, now)
    assert (refused is None) is may
    assert refused is None or refused.code == "LEGAL_NOT_HABILITATED"
    assert may_confirm(complete("lab"), person, now) is None


@pytest.mark.parametrize("changes", [{"trained_on": "TODO"}, {"until": ""}, {"service": "xxx"}, {"trained_on": ""}])
def test_a_designation_that_lacks_a_word_designates_nobody(changes: Any, complete: Any, noon: dt.datetime) -> None:
    policy = complete("fr-2023-380")
    lacking = msgspec.structs.replace(policy.operators[0], **changes)
    assert may_confirm(msgspec.structs.replace(policy, operators=(lacking,)), "A. Martin", noon) is not None


def test_any_drift_from_what_was_assessed_makes_the_assessment_stale(complete: Any, noon: dt.datetime) -> None:
    policy = complete("statistics-only")
    assessed = with_field(policy, "dpia.config_hash", config_hash(policy))
    assert assess(assessed, noon).mode == "aggregate"
    for path, value in (("purpose", "autre"), ("bin_minutes", 30), ("retention.levels_days", 20), ("dpo.name", "B")):
        drifted = assess(with_field(assessed, path, value), noon)
        assert [reason.code for reason in drifted.reasons] == ["LEGAL_DPIA_STALE"]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("retention.audit_days", 183, "LEGAL_RETENTION_OVER_CAP"),
        ("retention.audit_days", 366, "LEGAL_RETENTION_OVER_CAP"),
        ("retention.video_days", 31, "LEGAL_RETENTION_OVER_CAP"),
        ("bin_minutes", 19, "LEGAL_STATS_REALTIME"),
        ("hosting_region", "US", "LEGAL_REGION"),
    ],
)
def test_a_ceiling_that_is_passed_closes(path: str, value: Any, code: str, complete: Any, noon: dt.datetime) -> None:
    for profile in ("statistics-only", "fr-2023-380", "authorised", "lab"):
        found = assess(with_field(complete(profile), path, value), noon)
        assert (found.mode, [reason.code for reason in found.reasons]) == ("off", [code])
