"""A point says what its message said, with fixed tags, at a time that does not move."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from uuid6 import uuid7

from hub.incident import Arrival, Evidence, Incident
from hub.registry import SensorRecord
from hub.sinks.series import delivery_line, detail_lines, incident_line, message_line, penalty_db
from hub.store.records import Decision, Delivery, Outcome, StoredIncident
from hub.words import catalogue
from sensors.protocol import Heartbeat, SoundLevel

NOON_UTC_US = 1_790_078_400_000_000
"""2026-09-22 12:00 UTC, 14:00 in Paris."""
HOUR_US = 3_600_000_000
MIC = SensorRecord(id="mic-1", kind="microphone", latitude=45.43, longitude=4.38)


@pytest.fixture(scope="module", autouse=True)
def _words() -> None:
    catalogue()


def parts(line: str) -> tuple[str, dict[str, str], dict[str, str], int]:
    """Measurement, tags, fields as text, time of a line of the line protocol."""
    found = re.fullmatch(r"([a-z_]+)((?:,[a-z_]+=[^ ,]+)*) (.*) (\d+)", line)
    assert found, line
    tags = dict(pair.split("=") for pair in found[2].split(",")[1:])
    fields = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]+)', found[3]))
    return found[1], tags, fields, int(found[4])


def level(start: int) -> SoundLevel:
    return SoundLevel(
        id=uuid7(), sensor="mic-1", sent=start, start=start, period_s=60.0, laeq=50.0, lafmax=60.0, lcpeak=80.0,
        l10=55.0, l50=48.0, l90=41.0,
    )  # fmt: skip


def beat(**changes: Any) -> Heartbeat:
    values: dict[str, Any] = {
        "id": uuid7(), "sensor": "mic-1", "sent": NOON_UTC_US, "uptime_s": 5.0, "clock_offset_us": 1,
        "clock_sigma_us": 50, "queue_depth": 0, "dropped": 0, "capture": "ok", "software": "0.1.0", "refused": 2,
    }  # fmt: skip
    return Heartbeat(**{**values, **changes})


def stored(incident: Incident, **changes: Any) -> StoredIncident:
    values: dict[str, Any] = {"state": "open", "created_us": incident.onset_us + 800_000, "changed_us": NOON_UTC_US}
    return StoredIncident(incident=incident, **{**values, **changes})


@pytest.mark.parametrize(("shift_h", "added"), [(0, 0.0), (3, 0.0), (4, 5.0), (7, 5.0), (8, 10.0), (15, 10.0), (16, 0)])
def test_a_level_carries_the_penalty_of_its_local_hour(shift_h: int, added: float) -> None:
    line = message_line(level(NOON_UTC_US + shift_h * HOUR_US), {"mic-1": MIC}, ZoneInfo("Europe/Paris"))
    _, tags, fields, _ = parts(line)
    assert tags == {"sensor": "mic-1"}
    assert float(fields["laeq_den"]) == 50.0 + added
    assert fields["hour"] == f"{(14 + shift_h) % 24}i"
    assert (fields["latitude"], fields["longitude"]) == ("45.43", "4.38")


def test_lden_of_a_steady_noise_is_that_of_the_directive() -> None:
    import math

    mean = sum(10 ** ((60 + penalty_db(hour)) / 10) for hour in range(24)) / 24
    formula = 10 * math.log10((12 * 10**6.0 + 4 * 10**6.5 + 8 * 10**7.0) / 24)
    assert 10 * math.log10(mean) == pytest.approx(formula)


@pytest.mark.parametrize(
    ("changes", "health", "reason"),
    [
        ({}, "0i", '""'),
        ({"clock_sigma_us": 90_000}, "1i", '"clock_poor"'),
        ({"capture": "lost", "capture_reason": "no_device"}, "2i", '"no_device"'),
    ],
)
def test_a_heartbeat_says_how_its_sensor_is_and_where(changes: dict[str, Any], health: str, reason: str) -> None:
    _, tags, fields, time_us = parts(message_line(beat(**changes), {"mic-1": MIC}))
    assert tags == {"sensor": "mic-1"}
    assert (fields["health"], fields["reason"], fields["kind"]) == (health, reason, '"microphone"')
    assert (fields["refused"], fields["seen_ms"], time_us) == ("2i", f"{NOON_UTC_US // 1_000}i", NOON_UTC_US)


def test_a_sensor_that_the_hub_does_not_know_keeps_the_same_tags() -> None:
    _, tags, fields, _ = parts(message_line(beat()))
    assert tags == {"sensor": "mic-1"}
    assert "latitude" not in fields


def test_an_incident_whose_onset_moves_stays_one_point(make_incident: Callable[..., Incident]) -> None:
    first = make_incident("a", id=UUID(int=(1_790_000_000_123 << 80) | (8 << 76) | (2 << 62) | 77))
    later = msgspec.structs.replace(first, revision=2, onset_us=first.onset_us - 40_000)
    assert parts(incident_line(stored(first)))[3] == parts(incident_line(stored(later)))[3]
    assert parts(incident_line(stored(first)))[3] // 1_000 == 1_790_000_000_123


def test_an_outcome_counts_only_where_something_was_dispatched(make_incident: Callable[..., Incident]) -> None:
    incident = make_incident("a", probability=0.8)
    outcome = Outcome(
        incident=incident.id, endpoint="police", message_id="m", outcome="not_real", minutes=30.0, reference="", at_us=1
    )
    delivery = Delivery(
        message_id="m", incident=incident.id, endpoint="police", kind="dispatch", attempt=1, at_us=NOON_UTC_US,
        status=200, ok=True, latency_ms=9.0,
    )  # fmt: skip
    confirmed = Decision("Claire", "confirm", "", NOON_UTC_US, 1)
    done = stored(
        incident, state="confirmed", decisions=(confirmed,), deliveries=(delivery,), outcomes=(outcome,),
        decided_us=incident.onset_us + 4_800_000,
    )  # fmt: skip
    _, tags, fields, _ = parts(incident_line(done))
    assert set(tags) == {"event", "exercise"}
    said = {name: fields[name] for name in ("dispatched", "real", "not_real", "known", "confirmed", "waiting")}
    assert said == {
        "dispatched": "1i", "real": "0i", "not_real": "1i", "known": "1i", "confirmed": "1i", "waiting": "0i",
    }  # fmt: skip
    assert (fields["minutes_in_vain"], fields["decided_after_s"]) == ("30", "4")
    assert float(fields["log_odds"]) == pytest.approx(1.386, abs=1e-3)
    nothing_sent = parts(incident_line(msgspec.structs.replace(done, deliveries=())))[2]
    assert (nothing_sent["dispatched"], nothing_sent["not_real"], nothing_sent["known"]) == ("0i", "0i", "0i")
    assert parts(delivery_line(delivery, True))[1] == {"endpoint": "police", "kind": "dispatch", "exercise": "true"}


def test_the_details_speak_in_sentences_and_name_no_person(make_incident: Callable[..., Incident]) -> None:
    incident = make_incident(
        "a",
        evidence=(
            Evidence("silence", -0.6, "evidence_silence", {"sensor": "mic-9", "distance_m": 295}, "mic-9"),
            Evidence("sound", 1.2, "evidence_sound", {"score": "0.91"}),
        ),
        arrivals=(Arrival("mic-1", UUID(int=7), NOON_UTC_US, 102.0, 0.4),),
    )
    lines = detail_lines(stored(incident, decisions=(Decision("Claire", "reject", "cars", NOON_UTC_US, 1),)), "en")
    kinds = [parts(line)[0] for line in lines]
    assert kinds == ["evidence", "evidence", "arrival", "decision"]
    assert len({parts(line)[3] for line in lines[:2]}) == 2
    assert "Sensor mic-9, 295 m away, heard nothing." in lines[0]
    assert all(str(incident.id) in line for line in lines)
    assert "Claire" not in "".join(lines)
    assert [set(parts(line)[1]) for line in lines] == [
        {"exercise"}, {"exercise"}, {"sensor", "exercise"}, {"action", "exercise"},
    ]  # fmt: skip
