"""What InfluxDB gets: six measurements with fixed tags, as points of the client's own line protocol.

| measurement | tags | time |
|---|---|---|
| `detection` | sensor, event, exercise | onset |
| `sound_level` | sensor | start of the period |
| `occupancy` | sensor, zone | start of the bin |
| `sensor_health` | sensor | sent |
| `incident` | event, exercise | onset |
| `dispatch` | endpoint, kind, exercise | the attempt |

Ids are fields: as tags they would make a series each. The set of tags never varies within a measurement, because
InfluxDB 3 fixes it with the first point. A point that is written again replaces itself, so a repeat adds nothing.
"""

from __future__ import annotations

from typing import Any

from influxdb_client import Point, WritePrecision

from hub.store.records import Delivery, StoredIncident
from sensors.protocol import AnyMessage, Detection, Heartbeat, Occupancy, SoundLevel

FieldValue = str | int | float | bool | None


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


def message_line(message: AnyMessage) -> str:
    """The point of one message of a sensor."""
    match message:
        case Detection():
            return _detection(message)
        case SoundLevel():
            names = ("period_s", "laeq", "lafmax", "lcpeak", "l10", "l50", "l90")
            levels: dict[str, FieldValue] = {name: float(getattr(message, name)) for name in names}
            return _line("sound_level", {"sensor": message.sensor}, levels, message.start)
        case Occupancy():
            counts: dict[str, FieldValue] = {
                name: getattr(message.counts, name) for name in ("person", "cycle", "car", "heavy")
            }
            tags = {"sensor": message.sensor, "zone": message.zone}
            return _line("occupancy", tags, {"period_s": float(message.period_s), **counts}, message.start)
        case Heartbeat():
            return _health(message)


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


def _health(message: Heartbeat) -> str:
    return _line(
        "sensor_health",
        {"sensor": message.sensor},
        {
            "uptime_s": float(message.uptime_s),
            "clock_offset_us": message.clock_offset_us,
            "clock_sigma_us": message.clock_sigma_us,
            "queue_depth": message.queue_depth,
            "dropped": message.dropped,
            "capture": message.capture,
            "capture_ok": int(message.capture == "ok"),
            "temperature_c": None if message.temperature_c is None else float(message.temperature_c),
            "software": message.software,
        },
        message.sent,
    )


def incident_line(stored: StoredIncident) -> str:
    """The point of an incident as it is now; each change of it replaces the point."""
    incident = stored.incident
    ellipse = incident.place.ellipse
    decided_s = None if stored.decided_us is None else (stored.decided_us - stored.created_us) / 1e6
    return _line(
        "incident",
        {"event": incident.event, "exercise": _flag(incident.exercise)},
        {
            "id": str(incident.id),
            "revision": incident.revision,
            "state": stored.state,
            "probability": float(incident.probability),
            "latitude": float(incident.place.latitude),
            "longitude": float(incident.place.longitude),
            "semi_major_m": float(ellipse.semi_major_m) if ellipse else None,
            "semi_minor_m": float(ellipse.semi_minor_m) if ellipse else None,
            "rounds": incident.rounds,
            "sensors": len({arrival.sensor for arrival in incident.arrivals}),
            "shown_after_s": (stored.created_us - incident.onset_us) / 1e6,
            "decided_after_s": decided_s,
            "outcome": stored.outcomes[-1].outcome if stored.outcomes else None,
            "late": int(incident.late),
        },
        incident.onset_us,
    )


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
