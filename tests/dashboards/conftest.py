"""A real InfluxDB on a free port, and a night of the city written to it with the hub's own line protocol."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from uuid6 import uuid7

from hub.fusion.identity import incident_id
from hub.incident import Arrival, Ellipse, Evidence, Incident, Place
from hub.registry import SensorRecord
from hub.sinks.series import delivery_line, detail_lines, incident_line, message_line
from hub.store.records import Decision, Delivery, Outcome, StoredIncident
from sensors.protocol import Counts, Detection, Heartbeat, Occupancy, SoundLevel

from .influxd import Influx

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
START_US = 1_790_200_800_000_000 // (24 * HOUR_US) * (24 * HOUR_US)
"""Midnight UTC of the first of two days."""
END_US = START_US + 48 * HOUR_US
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A real InfluxDB (1.x), empty but for the database `tocsin`."""
    program = shutil.which("influxd")
    if program is None:
        pytest.skip("no InfluxDB: apt-get install influxdb")
    server = Influx(program, tmp_path_factory.mktemp("influx"))
    try:
        server.query('CREATE DATABASE "tocsin"', method="POST")
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Night:
    """What was written, and one incident of it with everything that an incident can have."""

    server: Influx
    incident: UUID
    revision: int
    lines: int


def _sensors() -> dict[str, SensorRecord]:
    made = {}
    for index in range(6):
        name = f"mic-{index + 1:02d}"
        made[name] = SensorRecord(
            id=name, kind="microphone", latitude=45.43 + index * 1e-3, longitude=4.38 + (index % 3) * 2e-3
        )
    for name in ("cam-01", "cam-02"):
        made[name] = SensorRecord(id=name, kind="camera", latitude=45.434, longitude=4.383)
    return made


def _levels(chance: Random, sensor: str, known: dict[str, SensorRecord]) -> Iterator[str]:
    for start in range(START_US, END_US, 5 * MINUTE_US):
        hour = (start - START_US) / HOUR_US % 24
        level = 52 + 9 * math.sin((hour - 9) / 24 * 2 * math.pi) + chance.gauss(0, 1.5)
        message = SoundLevel(
            id=uuid7(), sensor=sensor, sent=start, start=start, period_s=300.0, laeq=level, lafmax=level + 12,
            lcpeak=level + 25, l10=level + 3, l50=level - 1, l90=level - 6,
        )  # fmt: skip
        yield message_line(message, known, PARIS)


def _beats(chance: Random, sensor: str, known: dict[str, SensorRecord]) -> Iterator[str]:
    refused = 0
    for step, at in enumerate(range(START_US, END_US, 5 * MINUTE_US)):
        refused += chance.random() < 0.02
        trouble = sensor == "mic-04" and step > 400
        beat = Heartbeat(
            id=uuid7(), sensor=sensor, sent=at, uptime_s=step * 300.0, clock_offset_us=12,
            clock_sigma_us=60_000 if trouble else 150, queue_depth=chance.randrange(5), dropped=step // 200,
            capture="ok", software="0.1.0", refused=refused, temperature_c=31.5,
            battery=max(0.0, 0.97 - step / 1_000),
        )  # fmt: skip
        yield message_line(beat, known, PARIS)


def _counts(chance: Random, known: dict[str, SensorRecord]) -> Iterator[str]:
    for start in range(START_US, END_US, 20 * MINUTE_US):
        for sensor in ("cam-01", "cam-02"):
            counts = Counts(
                person=chance.randrange(20, 90) if chance.random() < 0.8 else None,
                cycle=chance.randrange(12, 30),
                car=chance.randrange(20, 60),
                heavy=chance.randrange(10, 14),
            )
            message = Occupancy(
                id=uuid7(), sensor=sensor, sent=start, start=start, period_s=1200.0, zone="square", counts=counts
            )
            yield message_line(message, known, PARIS)


def incident_of(number: int, chance: Random, exercise: bool) -> Incident:
    """A gunshot, or every fourth time a crowd that moves."""
    onset = START_US + number * HOUR_US + chance.randrange(MINUTE_US)
    heard = number % 4 != 3
    arrivals = tuple(
        Arrival(f"mic-{k + 1:02d}", UUID(int=number * 10 + k), onset + (k + 1) * 200_000, 70.0 * (k + 1), 0.3)
        for k in range(4 if heard else 0)
    )
    return Incident(
        id=incident_id(onset, f"{number} {exercise}"),
        revision=2,
        event="gunshot" if heard else "crowd_movement",
        onset_us=onset,
        end_us=onset + 900_000,
        updated_us=onset + 2_000_000,
        place=Place("ellipse", 45.4315, 4.3821, Ellipse(9.0, 4.0, 30.0)) if heard else Place("zone", 45.434, 4.383),
        probability=0.2 + 0.75 * chance.random(),
        rounds=2 if heard else None,
        evidence=(
            Evidence("silence", -0.6, "evidence_silence", {"sensor": "mic-06", "distance_m": 295}, "mic-06"),
            Evidence("sound", 2.2, "evidence_sound", {"score": "0.91"}, None, (UUID(int=3),)),
        ),
        arrivals=arrivals,
        exercise=exercise,
    )


def stored_of(number: int, exercise: bool) -> tuple[StoredIncident, list[Delivery]]:
    """An incident with what people did: of every five, three are confirmed and dispatched, one rejected, one waits."""
    chance = Random(number)
    incident = incident_of(number, chance, exercise)
    created = incident.onset_us + 800_000
    decided = created + chance.randrange(5, 200) * 1_000_000
    kind = number % 5
    state = ("confirmed", "confirmed", "confirmed", "rejected", "open")[kind]
    decisions: tuple[Decision, ...] = ()
    deliveries: list[Delivery] = []
    outcomes: tuple[Outcome, ...] = ()
    if kind < 4:
        decisions = (Decision("Claire", "confirm" if kind < 3 else "reject", "a car's exhaust", decided, 2),)
    if kind < 3:
        for attempt in (1, 2):
            deliveries.append(
                Delivery(
                    message_id=f"m{number}",
                    incident=incident.id,
                    endpoint="police",
                    kind="dispatch",
                    attempt=attempt,
                    at_us=decided + attempt * 90_000,
                    status=(None, 200)[attempt - 1],
                    ok=attempt == 2,
                    latency_ms=31.0,
                    error="timeout" if attempt == 1 else None,
                )
            )
    if kind < 2:
        word = "real" if kind == 0 else "not_real"
        outcomes = (
            Outcome(
                incident=incident.id, endpoint="police", message_id=f"m{number}", outcome=word, minutes=45.0,
                reference="", at_us=decided + HOUR_US,
            ),
        )  # fmt: skip
    return StoredIncident(
        incident=incident, state=state, created_us=created, changed_us=decided,
        decided_us=decided if kind < 4 else None, decisions=decisions, deliveries=tuple(deliveries), outcomes=outcomes,
    ), deliveries  # fmt: skip


@pytest.fixture(scope="session")
def night(influx: Influx) -> Night:
    """Two days of six microphones, two cameras, and ninety incidents, half of them exercises."""
    known = _sensors()
    chance = Random(7)
    lines = [*_counts(chance, known)]
    for sensor, record in known.items():
        lines += _beats(chance, sensor, known)
        if record.kind == "microphone":
            lines += _levels(chance, sensor, known)
    chosen = None
    for exercise in (False, True):
        for number in range(45):
            stored, deliveries = stored_of(number, exercise)
            chosen = chosen or stored
            lines += [incident_line(stored), *detail_lines(stored, "en")]
            lines += [delivery_line(delivery, exercise) for delivery in deliveries]
            lines += [
                message_line(
                    Detection(
                        id=uuid7(),
                        sensor=arrival.sensor,
                        sent=arrival.onset_us,
                        event="gunshot",
                        onset=arrival.onset_us,
                        duration_s=0.2,
                        score=0.8,
                        clock_sigma_us=100,
                        model="tocsin-acoustic@0123456789abcdef",
                        peak_db=120.0,
                        snr_db=30.0,
                        exercise=exercise,
                    )
                )
                for arrival in stored.incident.arrivals
            ]
    assert chosen is not None
    for first in range(0, len(lines), 5_000):
        influx.write(lines[first : first + 5_000])
    return Night(influx, chosen.incident.id, chosen.incident.revision, len(lines))
