"""ONVIF Profile M: events as JSON over MQTT, on `PREFIX/onvif-ej/TOPIC[/&SOURCE...]` (Core specification, MQTT).

The topic stands there without its namespace prefix; cameras that keep one (`tns1:`) are understood. `Source` and `Data`
come as plain objects or as lists of SimpleItem, and both are. Of them only the rule's name, the time and the one item
that a rule of the mapping names are read; objects, appearances, plates, faces and pictures are not.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

from hub.foreign_config import Foreign
from hub.ingest.adapters.spoken import Spoken, decoded, detection
from hub.problem import Problem

TRUE: Final = frozenset({"true", "1", "active", "on"})
_PERSONAL: Final = re.compile(r"(?i)plate|face|human|person|image|picture|snapshot|thumbnail|appearance|license|name$")
_RULES: Final = frozenset({"rule", "rulename"})


class _Said(Struct):
    UtcTime: str | None = None
    PropertyOperation: str | None = None
    Source: Raw = field(default_factory=lambda: Raw(b"{}"))
    Data: Raw = field(default_factory=lambda: Raw(b"{}"))


class _Item(Struct):
    Name: str
    Value: Raw = field(default_factory=lambda: Raw(b"null"))


class _Items(Struct):
    SimpleItem: list[_Item] | _Item


def topic_of(topic: str) -> str:
    """The event's own topic: without prefix, namespaces and sources."""
    _, _, local = topic.partition("/onvif-ej/")
    local = local.split("/&", 1)[0].split("&", 1)[0].rstrip("/")
    return "/".join(part.rpartition(":")[2] for part in local.split("/"))


def read(payload: bytes, topic: str, source: Foreign, now_us: int) -> Spoken:
    """What the event says. Raises Problem where it is no ONVIF event."""
    said: _Said = decoded(payload, _Said)
    data, of = _parts(said.Data), _parts(said.Source)
    refused = tuple(sorted(name for name in data if _PERSONAL.search(name)))
    local = topic_of(topic)
    rules = [rule for rule in source.map if rule.topic == local]
    if not rules or said.PropertyOperation in {"Initialized", "Deleted"}:
        # The state at the connection, or the end of a property, is nothing that happens now.
        return Spoken((), refused)
    name = next((_plain(raw) for key, raw in of.items() if key.lower() in _RULES), "")
    detections = []
    for rule in rules:
        if rule.rule and rule.rule != name:
            continue
        if rule.state and _plain(data.get(rule.state)) not in TRUE:
            continue
        onset_us = _time(said.UtcTime)
        detections.append(detection(source, rule, f"{local}|{name}|{onset_us}", onset_us, now_us, None))
    return Spoken(tuple(detections), refused)


def _parts(raw: Raw) -> dict[str, Raw]:
    """Items by name, undecoded."""
    try:
        items = msgspec.json.decode(raw, type=_Items).SimpleItem
        return {item.Name: item.Value for item in (items if isinstance(items, list) else [items])}
    except msgspec.ValidationError:
        pass
    try:
        return msgspec.json.decode(raw, type=dict[str, Raw])
    except msgspec.ValidationError:
        return {}


def _plain(raw: Raw | None) -> str:
    """A value as ONVIF writes it, in lower case where it is a truth; empty for what is no plain value."""
    if raw is None:
        return ""
    found: Any = msgspec.json.decode(raw)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str):
        return found.lower() if found.lower() in TRUE else found
    return str(found) if isinstance(found, int) else ""


def _time(said: str | None) -> int:
    try:
        at = datetime.fromisoformat(said or "")
    except ValueError:
        raise Problem(422, "foreign_time", f"`UtcTime` is {said!r}, no time of ISO 8601.") from None
    if at.tzinfo is None:
        raise Problem(422, "foreign_time", f"`UtcTime` {said!r} says no offset; ONVIF's end with Z.")
    return round(at.timestamp() * 1e6)
