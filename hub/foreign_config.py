"""Sensors that speak another language: the `[[foreign]]` tables, each with what of its say means what of ours.

```toml
[[foreign]]
sensor = "cam-7"                  # registered here; its place and zones are ours
kind = "frigate"
topic = "frigate/events"
name = "front_door"               # the camera's name there
[[foreign.map]]
event = "intrusion"
label = "person"
zone = "yard"
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from hub.incident import Incident
from sensors.protocol import Event, SensorId, ZoneName

WILD: Final = frozenset("#+")


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a foreign message is told as `event`; every condition that is given must hold."""

    event: Event
    label: str = ""
    """Frigate: the object's label, such as "person" or "car"."""
    zone: str = ""
    """Frigate: a zone that the object entered."""
    topic: str = ""
    """ONVIF: the event's topic without namespace, such as "RuleEngine/LineDetector/Crossed"."""
    rule: str = ""
    """ONVIF: name of the rule in the camera."""
    state: str = ""
    """ONVIF: the item of `Data` that has to be true, such as "IsInside"; without one the message is the event."""
    value: str = ""
    """Generic JSON: what the field `fields.event` says."""
    minimum_score: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    """What it must claim at least; its claim is not calibrated and is never believed beyond a coin's toss."""
    zone_here: ZoneName | None = None
    """The zone as it is called here."""


class Fields(Struct, frozen=True, forbid_unknown_fields=True):
    """Generic JSON: where in the message things stand; dots lead into objects, such as "alarm.type"."""

    event: str = "event"
    time: str = "time"
    """ISO 8601 with its offset, or seconds, milliseconds or microseconds since 1970."""
    id: str = "id"
    score: str = "score"


class Foreign(Struct, frozen=True, forbid_unknown_fields=True):
    """One foreign sensor: where it speaks, and what is understood."""

    sensor: SensorId
    kind: Literal["frigate", "onvif", "json"]
    map: tuple[Rule, ...]
    topic: str = ""
    """Frigate: "frigate/events". ONVIF: the topic prefix that was set in the camera. Generic JSON: the whole topic;
    none where it comes by HTTP alone."""
    name: str = ""
    """Frigate: the camera's name there; one topic tells of all of them."""
    fields: Fields = Fields()
    clock_sigma_ms: Annotated[float, Meta(gt=0.0, le=60_000.0)] = 500.0
    """How far its clock may be off; nobody watches it."""

    @property
    def filter(self) -> str:
        """The MQTT topic filter to subscribe to; empty where there is none."""
        return f"{self.topic}/onvif-ej/#" if self.kind == "onvif" and self.topic else self.topic

    @property
    def model(self) -> str:
        """Who is said to have spoken: the kind, with a hash of the mapping that understood it."""
        known = msgspec.json.encode((self.kind, self.map, self.fields))
        return f"{self.kind}@{hashlib.sha256(known).hexdigest()[:12]}"

    def speaks_on(self, topic: str) -> bool:
        """True for a topic of this sensor."""
        return topic.startswith(f"{self.topic}/onvif-ej/") if self.kind == "onvif" else topic == self.topic

    def problem(self) -> tuple[int, str] | None:
        """The index of the rule (-1: the table itself) and what is wrong with it; None where nothing is."""
        if WILD & set(self.topic) or self.topic.startswith(("$", "tocsin/")):
            return -1, f"`topic` {self.topic!r} is not one sensor's own: name it without + and #, outside tocsin/"
        if not self.map:
            return -1, "without a `[[foreign.map]]` nothing of it is understood"
        if self.kind != "json" and not self.topic:
            return -1, f"a {self.kind} sensor speaks over MQTT: give its `topic`"
        if self.kind == "frigate" and not self.name:
            return -1, "`name` is missing: what the camera is called in Frigate"
        needed = {"frigate": "label", "onvif": "topic", "json": "value"}[self.kind]
        for index, rule in enumerate(self.map):
            if not getattr(rule, needed):
                return index, f"`{needed}` is missing: what of a {self.kind} message means {rule.event}"
            for field in {"label", "zone", "topic", "rule", "state", "value"} - _FIELDS[self.kind]:
                if getattr(rule, field):
                    return (
                        index,
                        f"`{field}` is not of a {self.kind} sensor; it knows {', '.join(sorted(_FIELDS[self.kind]))}",
                    )
        return None


def stand_alone(incident: Incident, foreign: Sequence[Foreign]) -> bool:
    """True where only foreign sensors speak for `incident`: nobody is sent on their word alone.

    One that a person reported rests on no sensor, and is none of these.
    """
    heard = {arrival.sensor for arrival in incident.arrivals}
    heard |= {term.sensor for term in incident.evidence if term.sensor is not None and term.detections}
    return bool(heard) and heard <= {source.sensor for source in foreign}


_FIELDS: Final = {
    "frigate": frozenset({"label", "zone"}),
    "onvif": frozenset({"topic", "rule", "state"}),
    "json": frozenset({"value"}),
}
