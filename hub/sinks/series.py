"""What InfluxDB gets: nine measurements with fixed tags, as points of the client's own line protocol.

| measurement | tags | time |
|---|---|---|
| `detection` | sensor, event, exercise | onset |
| `sound_level` | sensor | start of the period |
| `occupancy` | sensor, zone | start of the bin |
| `sensor_health` | sensor | sent |
| `incident` | event, exercise | first onset |
| `evidence` | exercise | first onset of its incident, and its number in microseconds |
| `arrival` | sensor, exercise | the onset at the sensor |
| `decision` | action, exercise | the decision |
| `dispatch` | endpoint, kind, exercise | the attempt |

Ids are fields: as tags they would make a series each. The set of tags never varies within a measurement, because
InfluxDB 3 fixes it with the first point. A point that is written again replaces itself, so a repeat adds nothing. No
person stands in any of them: who decided is in the hub's own records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import msgspec
from influxdb_client import Point, WritePrecision

from hub.incident import Evidence
from hub.registry.record import SensorRecord, health_of
from hub.store.quality import Quality
from hub.store.records import Delivery, StoredIncident
from hub.words import Language, say
from sensors.protocol import AnyMessage, Detection, Heartbeat, Occupancy, SoundLevel

FieldValue = str | int | float | bool | None

HEALTH_NUMBER: Final = {"ok": 0, "degraded": 1, "lost": 2, "never": 3, "revoked": 4}
"""A state of health as a number, for thresholds and markers."""

EVENING: Final = range(18, 22)
NIGHT: Final = (*range(22, 24), *range(6))
EVENING_DB: Final = 5.0
NIGHT_DB: Final = 10.0
"""Hours of the evening and the night by local time, and what Lden adds to their levels: directive 2002/49/EC, annex I,
with the hours that France chose (order of 4 April 2006)."""

_UNKNOWN_PLACE: Final[Mapping[str, SensorRecord]] = {}


def _line(measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_us: int) -> str:
    point: Any = Point(measurement).time(time_us, WritePrecision.US)
    for name, tag in tags.items():
        point = point.tag(name, tag)
    for name, value in fields.items():
        point = point.field(name, value)  # the client leaves None out
    line: str = point.to_line_protocol()
    return line


def _flag(value: bool) -> str:
    return "true" if value else "false"


def message_line(message: AnyMessage, sensors: Mapping[str, SensorRecord] = _UNKNOWN_PLACE, zone: tzinfo = UTC) -> str:
    """The point of one message of a sensor. `sensors` say where each stands, `zone` when its evening and night are."""
    record = sensors.get(message.sensor)
    match message:
        case Detection():
            return _detection(message)
        case SoundLevel():
            return _sound_level(message, record, zone)
        case Occupancy():
            counts: dict[str, FieldValue] = {
                name: getattr(message.counts, name) for name in ("person", "cycle", "car", "heavy")
            }
            tags = {"sensor": message.sensor, "zone": message.zone}
            fields = {"period_s": float(message.period_s), **counts, **_where(record)}
            return _line("occupancy", tags, fields, message.start)
        case Heartbeat():
            return _health(message, record)


def _where(record: SensorRecord | None) -> dict[str, FieldValue]:
    if record is None:
        return {}
    return {"latitude": float(record.latitude), "longitude": float(record.longitude)}


def penalty_db(hour: int) -> float:
    """What Lden adds to the levels of this hour of the day (0 to 23, local time)."""
    return EVENING_DB if hour in EVENING else NIGHT_DB if hour in NIGHT else 0.0


def _sound_level(message: SoundLevel, record: SensorRecord | None, zone: tzinfo) -> str:
    """Levels, and `laeq_den`: the level with its hour's penalty, whose energy mean over a whole day is Lden."""
    names = ("period_s", "laeq", "lafmax", "lcpeak", "l10", "l50", "l90")
    levels: dict[str, FieldValue] = {name: float(getattr(message, name)) for name in names}
    hour = datetime.fromtimestamp(message.start / 1e6, zone).hour
    weighed: dict[str, FieldValue] = {"laeq_den": float(message.laeq) + penalty_db(hour), "hour": hour}
    return _line("sound_level", {"sensor": message.sensor}, {**levels, **weighed, **_where(record)}, message.start)


def _detection(message: Detection) -> str:
    position = message.position
    return _line(
        "detection",
        {"sensor": message.sensor, "event": message.event, "exercise": _flag(message.exercise)},
        {
            "id": str(message.id),
            "score": float(message.score),
            "duration_s": float(message.duration_s),
            "clock_sigma_us": message.clock_sigma_us,
            "peak_db": None if message.peak_db is None else float(message.peak_db),
            "snr_db": None if message.snr_db is None else float(message.snr_db),
            "zone": message.zone,
            "model": message.model,
            "latitude": float(position.latitude) if position else None,
            "longitude": float(position.longitude) if position else None,
        },
        message.onset,
    )


def _health(message: Heartbeat, record: SensorRecord | None) -> str:
    health = None
    if record is not None:
        said = msgspec.structs.replace(record, heartbeat=message, last_seen_us=message.sent)
        health = health_of(said, message.sent)
    return _line(
        "sensor_health",
        {"sensor": message.sensor},
        {
            "uptime_s": float(message.uptime_s),
            "clock_offset_us": message.clock_offset_us,
            "clock_sigma_us": message.clock_sigma_us,
            "queue_depth": message.queue_depth,
            "dropped": message.dropped,
            "withheld": message.withheld,
            "refused": message.refused,
            "capture": message.capture,
            "capture_ok": int(message.capture == "ok"),
            "temperature_c": None if message.temperature_c is None else float(message.temperature_c),
            "battery": None if message.battery is None else float(message.battery),
            "software": message.software,
            "seen_ms": message.sent // 1_000,
            "kind": None if record is None else record.kind,
            "health": None if health is None else HEALTH_NUMBER[health.state],
            "reason": None if health is None else health.reason,
            **_where(record),
        },
        message.sent,
    )


def incident_time_us(stored: StoredIncident) -> int:
    """The time of an incident's point: its first onset, which later revisions of the onset do not move.

    The hub's own ids (UUIDv8) begin with the milliseconds of the first onset. Their last bits fill in the microseconds,
    so that two incidents of one millisecond stay two points.
    """
    incident = stored.incident
    if incident.id.version != 8:
        return incident.onset_us
    return (incident.id.int >> 80) * 1_000 + incident.id.int % 1_000


def incident_line(stored: StoredIncident) -> str:
    """The point of an incident as it is now; each change of it replaces the point."""
    incident = stored.incident
    ellipse = incident.place.ellipse
    decided_s = None if stored.decided_us is None else (stored.decided_us - stored.created_us) / 1e6
    dispatched = any(delivery.kind == "dispatch" and delivery.ok for delivery in stored.deliveries)
    found = Quality().plus(stored) if stored.outcomes else Quality(unreported=1)
    acts = {decision.action for decision in stored.decisions}
    return _line(
        "incident",
        {"event": incident.event, "exercise": _flag(incident.exercise)},
        {
            "id": str(incident.id),
            "revision": incident.revision,
            "state": stored.state,
            "waiting": int(stored.state in {"open", "acknowledged"}),
            "place": incident.place.kind,
            "probability": float(incident.probability),
            "log_odds": math.log(incident.probability / (1.0 - incident.probability)),
            "latitude": float(incident.place.latitude),
            "longitude": float(incident.place.longitude),
            "semi_major_m": float(ellipse.semi_major_m) if ellipse else None,
            "semi_minor_m": float(ellipse.semi_minor_m) if ellipse else None,
            "rounds": incident.rounds,
            "sensors": len({arrival.sensor for arrival in incident.arrivals}),
            "onset_ms": incident.onset_us // 1_000,
            "shown_after_s": (stored.created_us - incident.onset_us) / 1e6,
            "decided_after_s": decided_s,
            "confirmed": int("confirm" in acts),
            "rejected": int("reject" in acts),
            "unsure": int("unsure" in acts),
            "expired": int(stored.state == "expired"),
            "escalated": stored.escalated,
            "outcome": stored.outcomes[-1].outcome if stored.outcomes else None,
            "dispatched": int(dispatched),
            "real": found.real if dispatched else 0,
            "not_real": found.not_real if dispatched else 0,
            "known": found.known if dispatched else 0,
            "person_minutes": float(found.minutes) if dispatched else 0.0,
            "minutes_in_vain": float(found.minutes_in_vain) if dispatched else 0.0,
            "late": int(incident.late),
        },
        incident_time_us(stored),
    )


def detail_lines(stored: StoredIncident, language: Language) -> list[str]:
    """The points of an incident's evidence (in `language`), arrivals and decisions, each with the incident's id.

    A later revision may have fewer of them: `revision` tells those of the newest from what an older one left.
    """
    incident = stored.incident
    exercise = _flag(incident.exercise)
    base_us = incident_time_us(stored)
    about: dict[str, FieldValue] = {"incident": str(incident.id), "revision": incident.revision}
    evidence = [
        _line(
            "evidence",
            {"exercise": exercise},
            {
                **about,
                "kind": piece.kind,
                "log_odds": float(piece.log_odds),
                "text": _sentence(piece, language),
                "from_sensor": piece.sensor,
            },
            base_us + number,
        )
        for number, piece in enumerate(incident.evidence)
    ]
    arrivals = [
        _line(
            "arrival",
            {"sensor": arrival.sensor, "exercise": exercise},
            {
                **about,
                "after_ms": (arrival.onset_us - incident.onset_us) / 1e3,
                "distance_m": float(arrival.distance_m),
                "residual_ms": float(arrival.residual_ms),
                "false_alarm": int(stored.state == "rejected" or bool(Quality().plus(stored).not_real)),
            },
            arrival.onset_us,
        )
        for arrival in incident.arrivals
    ]
    decisions = [
        _line(
            "decision",
            {"action": decision.action, "exercise": exercise},
            {
                "incident": str(incident.id),
                "revision": decision.revision,
                "reason": decision.reason or None,
                "after_s": (decision.at_us - stored.created_us) / 1e6,
            },
            decision.at_us,
        )
        for decision in stored.decisions
    ]
    return [*evidence, *arrivals, *decisions]


def _sentence(piece: Evidence, language: Language) -> str:
    """The piece's sentence; its key where an older record lacks a value that the sentence of today has."""
    try:
        return say(piece.words, piece.values, language)
    except (KeyError, ValueError):
        return piece.words


def delivery_line(delivery: Delivery, exercise: bool) -> str:
    """The point of one attempt to dispatch."""
    return _line(
        "dispatch",
        {"endpoint": delivery.endpoint, "kind": delivery.kind, "exercise": _flag(exercise)},
        {
            "message_id": delivery.message_id,
            "incident": str(delivery.incident) if delivery.incident else None,
            "attempt": delivery.attempt,
            "status": delivery.status,
            "ok": int(delivery.ok),
            "latency_ms": float(delivery.latency_ms),
            "error": delivery.error,
        },
        delivery.at_us,
    )
