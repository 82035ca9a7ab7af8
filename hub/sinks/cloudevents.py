"""A message as CloudEvents 1.0 JSON, or plain: the same facts without the envelope."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hub.incident import Incident
from hub.store.records import Call, MessageKind, Notice

CLOUDEVENTS_TYPE: Final = "application/cloudevents+json"
PLAIN_TYPE: Final = "application/json"

EVENT_TYPES: Final[dict[MessageKind, str]] = {
    "dispatch": "org.tocsin.incident.confirmed",
    "update": "org.tocsin.incident.updated",
    "cancel": "org.tocsin.incident.cancelled",
    "test": "org.tocsin.test",
    "escalation": "org.tocsin.incident.waiting",
}


def rfc3339(time_us: int) -> str:
    """UTC with microseconds, as CloudEvents asks for."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def facts(notice: Notice) -> dict[str, Any]:
    """What dispatch has to know; no person and no detection is in it. Of a call, that an incident waits, and for
    whom."""
    said: dict[str, Any] = {"kind": notice.kind, "sent": rfc3339(notice.sent_us)}
    if notice.call is not None and notice.incident is not None:
        return said | _call_facts(notice.incident, notice.call)
    if notice.incident is not None:
        said |= _incident_facts(notice.incident)
        said["confirmed"] = rfc3339(notice.confirmed_us)
    if notice.reason:
        said["reason"] = notice.reason
    if notice.references:
        said["references"] = [reference.message_id for reference in notice.references]
    return said


def _incident_facts(incident: Incident) -> dict[str, Any]:
    return {
        "incident": str(incident.id),
        "revision": incident.revision,
        "event": incident.event,
        "onset": rfc3339(incident.onset_us),
        "end": rfc3339(incident.end_us),
        "place": msgspec.to_builtins(incident.place),
        "probability": round(incident.probability, 4),
        "rounds": incident.rounds,
        "sensors": len({arrival.sensor for arrival in incident.arrivals}),
        "exercise": incident.exercise,
        "settled": incident.settled,
        "late": incident.late,
    }


def _call_facts(incident: Incident, call: Call) -> dict[str, Any]:
    """Enough to come and look: nothing unconfirmed is told of the place or of what the hub believes."""
    return {
        "incident": str(incident.id),
        "event": incident.event,
        "onset": rfc3339(incident.onset_us),
        "exercise": incident.exercise,
        "waiting_since": rfc3339(call.since_us),
        "call": call.number,
        "calls": call.most,
        "on_duty": [{"person": one.person, "level": one.level, "until": rfc3339(one.until_us)} for one in call.on_duty],
    }


def plain(notice: Notice) -> bytes:
    """The facts as one JSON object; the `webhook-id` header names the message."""
    return msgspec.json.encode(facts(notice))


def cloudevent(notice: Notice, source: str) -> bytes:
    """The facts as one structured-mode CloudEvent; `source` is a URI reference that names this hub."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": notice.message_id,
        "source": source,
        "type": EVENT_TYPES[notice.kind],
        "time": rfc3339(notice.sent_us),
        "datacontenttype": "application/json",
        "data": facts(notice),
    }
    if notice.incident is not None:
        event["subject"] = str(notice.incident.id)
        # An extension attribute: a router can keep a drill apart without opening the data.
        event["exercise"] = notice.incident.exercise
    return msgspec.json.encode(event)
