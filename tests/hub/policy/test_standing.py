"""What the running hub knows of itself closes too: unknown outcomes, a late report, another build or recipient."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hub.commands.main import app as commands
from hub.config import HubConfig
from hub.keys import AUDIT, CONFIG, GATE, STORE
from hub.policy.basis import Attestation, Council, PolicyConfig
from hub.policy.gate import Gate
from hub.policy.mode import assess, config_hash
from hub.policy.standing import FEWEST, Standing, around, coverage_of
from hub.sinks.endpoints import Endpoint
from hub.store.quality import Quality, QualityReport
from hub.words import say


@dataclass
class Placed:
    id: str = "s-1"
    latitude: float = 45.5
    longitude: float = 4.5


def micros(at: dt.datetime) -> int:
    return int(at.timestamp() * 1e6)


def codes(found: Any) -> set[str]:
    return {reason.code for reason in found.reasons}


@given(told=st.integers(0, 400), sent=st.integers(0, 400))
def test_a_class_is_dispatched_while_nine_outcomes_in_ten_are_told(told: int, sent: int, complete: Any) -> None:
    told = min(told, sent)
    noon = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    standing = Standing(coverage={"intrusion": (told, sent)}, reported_us=micros(noon))
    found = assess(complete("fr-2023-380"), noon, standing=standing)
    assert found.mode == "dispatch", "the other classes go on"
    assert found.may_dispatch("crowd_movement")
    assert found.may_dispatch("intrusion") is (sent < FEWEST or 10 * told >= 9 * sent)
    assert "intrusion" in found.classes, "it is still shown"


def test_chicago_s_record_keeping_would_have_closed_dispatch(complete: Any, noon: dt.datetime) -> None:
    chicago = Quality(real=4_556, not_real=37_274, unreported=50_176 - 41_830)
    report = QualityReport(chicago, {"intrusion": chicago}, {}, {})
    assert coverage_of(report) == {"intrusion": (41_830, 50_176)}
    found = assess(
        complete("fr-2023-380"), noon, standing=Standing(coverage=coverage_of(report), reported_us=micros(noon))
    )
    assert not found.may_dispatch("intrusion")
    assert codes(found) == {"LEGAL_COVERAGE"}


def test_without_its_weekly_report_an_order_shows_signals_and_dispatches_nothing(complete: Any) -> None:
    policy = complete("fr-2023-380")
    start = dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
    never = Standing()
    late = start + dt.timedelta(days=8)
    assert assess(policy, late - dt.timedelta(seconds=1), standing=never).mode == "dispatch"
    assert assess(policy, late, standing=never).mode == "signal"
    assert codes(assess(policy, late, standing=never)) == {"LEGAL_REPORT_MISSED"}
    handed = Standing(reported_us=micros(late))
    assert assess(policy, late, standing=handed).mode == "dispatch"
    assert assess(policy, late + dt.timedelta(days=8), standing=handed).mode == "signal"
    before = Standing(reported_us=micros(start - dt.timedelta(days=300)))
    assert assess(policy, late, standing=before).mode == "signal", "a report of another order is none of this one"
    for profile in ("statistics-only", "noise-levels", "authorised", "lab"):
        assert "LEGAL_REPORT_MISSED" not in codes(assess(complete(profile), late, standing=never))


def test_another_build_than_the_attested_one_is_off(complete: Any, noon: dt.datetime) -> None:
    policy = complete("fr-2023-380")
    for software, mode in (("0.1.0", "dispatch"), ("0.1.1", "off"), ("0.1.0+patched", "off")):
        found = assess(policy, noon, standing=Standing(software=software, reported_us=micros(noon)))
        assert found.mode == mode
        assert ("LEGAL_ATTESTATION_MISMATCH" in codes(found)) is (mode == "off")


def test_only_attested_models_speak(complete: Any, message: Any, noon: dt.datetime) -> None:
    named = Attestation("ATT-1", "Ministère", "0.1.0", ("00000000ffff",))
    other = msgspec.structs.replace(named, models=("11111111ffff",))
    said = message("video_event", "intrusion")
    assert Gate(complete("fr-2023-380", attestation=named)).refusal(said, Placed(), micros(noon)) is None
    refused = Gate(complete("fr-2023-380", attestation=other)).refusal(said, Placed(), micros(noon))
    assert refused is not None
    assert refused.code == "LEGAL_ATTESTATION_MISMATCH"


@pytest.mark.parametrize("profile", ["fr-2023-380", "authorised"])
def test_a_sensor_that_is_registered_outside_the_perimeter_is_refused_whatever_is_stated(
    profile: str, complete: Any, message: Any, noon: dt.datetime
) -> None:
    gate = Gate(complete(profile))
    said = message("video_event", "intrusion")
    assert gate.refusal(said, Placed(), micros(noon)) is None
    refused = gate.refusal(said, Placed(latitude=48.0), micros(noon))
    assert refused is not None
    assert refused.code == "LEGAL_OUT_OF_PERIMETER"


def test_a_new_recipient_or_model_or_time_of_keeping_makes_the_assessment_stale(
    complete: Any, noon: dt.datetime
) -> None:
    policy = complete("statistics-only")
    config = HubConfig(policy=policy)
    first = around(config, ["aa"])
    assessed = msgspec.structs.replace(
        policy, dpia=msgspec.structs.replace(policy.dpia, config_hash=config_hash(policy, first))
    )
    assert assess(assessed, noon, standing=Standing(around=first)).mode == "aggregate"
    longer = msgspec.structs.replace(config.keeping.retention, delivery_days=7.0)
    others: tuple[dict[str, Any], ...] = (
        {"webhooks": (Endpoint("csu", "https://csu.test"),)},
        {"keeping": msgspec.structs.replace(config.keeping, retention=longer)},
        {"confirmations": 2},
    )
    changed = [around(msgspec.structs.replace(config, **other), ["aa"]) for other in others]
    changed.append(around(config, ["ab"]))
    assert len({first, *changed}) == 5
    for other in changed:
        found = assess(assessed, noon, standing=Standing(around=other))
        assert found.mode == "off"
        assert codes(found) == {"LEGAL_DPIA_STALE"}
    renewed = msgspec.structs.replace(assessed, council=Council("Délibération 2", "2026-10-01"))
    assert assess(renewed, noon, standing=Standing(around=first)).mode == "aggregate", "a renewal changes nothing"


def of_today(policy: PolicyConfig) -> PolicyConfig:
    """The same deployment with dates around the day on which the test runs."""
    today = dt.datetime.now(dt.UTC).date()
    past, later = (today - dt.timedelta(days=30)).isoformat(), (today + dt.timedelta(days=30)).isoformat()
    return msgspec.structs.replace(
        policy,
        dpia=msgspec.structs.replace(policy.dpia, review_due=later),
        council=msgspec.structs.replace(policy.council, renewed_on=past),
        basis=msgspec.structs.replace(policy.basis, start=past, end=later),
    )


@pytest.mark.parametrize(("told", "goes_out"), [(100, True), (1, False)])
async def test_a_confirmed_incident_of_a_class_whose_outcomes_are_not_told_stays_in_the_house(
    hub: Any, gunshot: Any, complete: Any, monkeypatch: pytest.MonkeyPatch, told: int, goes_out: bool
) -> None:
    gate: Gate = hub.app[GATE]
    gate.policy = of_today(complete("authorised"))
    gate.stand(Standing(coverage={"intrusion": (told, 100)}))
    now = micros(dt.datetime.now(dt.UTC))
    shot = gunshot(event="intrusion", exercise=False, onset_us=now, end_us=now, updated_us=now)
    await hub.app[STORE].save([shot], now)
    asked, decide = [], hub.app[STORE].decide

    async def spy(*arguments: Any, dispatch: bool) -> Any:
        asked.append(dispatch)
        return await decide(*arguments, dispatch=dispatch)

    monkeypatch.setattr(hub.app[STORE], "decide", spy)
    client = await hub.session("operator")
    path = f"/api/v1/incidents/{shot.id}/decisions"
    async with client.post(path, json={"action": "confirm", "revision": 1}) as answer:
        assert answer.status == 200
    assert asked == [goes_out]


async def test_the_hub_looks_at_how_it_stands_before_it_serves(hub: Any) -> None:
    standing = hub.app[GATE].standing
    assert standing is not None
    assert len(standing.around) == 16
    (start,) = [leaf for leaf in await hub.app[AUDIT].leaves() if leaf.kind == "start"]
    assert config_hash(hub.app[CONFIG].policy, standing.around).encode() in (start.record or b"")


def test_every_reason_is_said_in_both_languages(complete: Any, noon: dt.datetime) -> None:
    standing = Standing(software="9.9", coverage={"fire": (0, 99)})
    policy = complete("fr-2023-380", purpose="a, b", council=Council("x", "2020-01-01"))
    found = assess(policy, noon + dt.timedelta(days=9), standing=standing)
    assert {"LEGAL_COVERAGE", "LEGAL_REPORT_MISSED", "LEGAL_ATTESTATION_MISMATCH"} <= codes(found)
    for reason in found.reasons:
        for language in ("fr", "en"):
            said = say(reason.words, reason.values, language)  # type: ignore[arg-type]
            assert said != reason.words
            assert "{" not in said


def test_handing_over_the_weekly_report_is_recorded(tmp_path: Path, complete: Any) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[policy]\nprofile = "lab"\nresponsible_person = "A. Martin"\n'
        'start = "2020-01-01"\nend = "2100-01-01"\n'
    )
    runner = CliRunner()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.sqlite").touch()
    made = runner.invoke(
        commands,
        ["policy", "report", "week", "--out", str(tmp_path / "w.html"), "--config", str(file), "--handed-over"],
    )
    assert made.exit_code == 0, made.output
    seen = runner.invoke(commands, ["policy", "register", "--json", "--config", str(file)])
    assert '"weekly_report_handed_over": "20' in seen.output
