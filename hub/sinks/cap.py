"""A message as an alert of the Common Alerting Protocol 1.2 (OASIS Standard, 1 July 2010), in French and English.

What is often got wrong, with its clause: times carry a numeric offset and no fraction, UTC is `-00:00` (3.3.2);
`references` is `sender,identifier,sent` (3.2.1); polygons are closed, latitude first, and a circle is
`lat,lon radius` in kilometres (3.2.4); a `Restricted` alert has its `restriction` (3.2.1); elements stand in the order
of the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from hub.fusion.geometry import ellipse_outline
from hub.incident import Incident, Place
from hub.store.records import MessageKind, Notice
from hub.words import LANGUAGES, Language, say

CAP_TYPE: Final = "application/cap+xml"
NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
ELLIPSE_CORNERS: Final = 36
"""An edge of the polygon then lies within 0.4 % of the ellipse."""

_MESSAGE_TYPES: Final[dict[MessageKind, str]] = {
    "dispatch": "Alert",
    "update": "Update",
    "cancel": "Cancel",
    "test": "Alert",
}
_LANGUAGE_TAGS: Final[dict[Language, str]] = {"fr": "fr-FR", "en": "en-GB"}
_CATEGORIES: Final = {"fire": "Fire", "person_down": "Health", "stopped_vehicle": "Transport", "wrong_way": "Transport"}
_HEADLINES: Final[dict[MessageKind, str]] = {
    "dispatch": "dispatch_headline",
    "update": "dispatch_headline_update",
    "cancel": "dispatch_headline_cancel",
}
_XML_FORBIDS: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""XML 1.0 has no place for control characters, not even escaped; a person may have pasted one."""


def cap_time(time_us: int) -> str:
    """`2026-11-22T15:45:00-00:00`: UTC without a fraction."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def sender_name(source: str) -> str:
    """`source` without what CAP forbids in a sender: white space, comma, `<` and `&` (3.2.1)."""
    return re.sub(r"[\s,<&]+", "-", _XML_FORBIDS.sub("", source)).strip("-") or "tocsin"


def cap(notice: Notice, source: str) -> bytes:
    """The alert as XML in UTF-8."""
    incident = notice.incident
    alert = ElementTree.Element("alert", xmlns=NAMESPACE)
    sender = sender_name(source)
    _add(alert, "identifier", notice.message_id)
    _add(alert, "sender", sender)
    _add(alert, "sent", cap_time(notice.sent_us))
    _add(alert, "status", "Test" if incident is None else "Exercise" if incident.exercise else "Actual")
    _add(alert, "msgType", _MESSAGE_TYPES[notice.kind])
    _add(alert, "scope", "Restricted")
    _add(alert, "restriction", say("dispatch_restriction", {}, "fr"))
    if notice.reason:
        _add(alert, "note", notice.reason)
    if notice.references:
        earlier = (f"{sender},{one.message_id},{cap_time(one.sent_us)}" for one in notice.references)
        _add(alert, "references", " ".join(earlier))
    if incident is not None:
        _add(alert, "incidents", str(incident.id))
        for language in LANGUAGES:
            _add_info(alert, notice.kind, incident, language)
    text: bytes = ElementTree.tostring(alert, encoding="utf-8", xml_declaration=True)
    return text


def _add_info(alert: ElementTree.Element, kind: MessageKind, incident: Incident, language: Language) -> None:
    name = say(f"event_{incident.event}", {}, language)
    info = ElementTree.SubElement(alert, "info")
    _add(info, "language", _LANGUAGE_TAGS[language])
    _add(info, "category", _CATEGORIES.get(incident.event, "Security"))
    _add(info, "event", name)
    _add(info, "responseType", "Assess" if kind != "cancel" else "AllClear")
    _add(info, "urgency", "Immediate" if kind != "cancel" else "Past")
    _add(info, "severity", "Unknown")  # the sensors hear that a gun was fired, not what it did
    _add(info, "certainty", "Observed")  # a person confirmed it
    _add_pair(info, "eventCode", "tocsin", incident.event)
    _add(info, "onset", cap_time(incident.onset_us))
    _add(info, "headline", say(_HEADLINES[kind], {"event": name}, language))
    _add(info, "description", _description(incident, language))
    _add_pair(info, "parameter", "revision", str(incident.revision))
    _add_pair(info, "parameter", "probability", f"{incident.probability:.4f}")
    if incident.rounds is not None:
        _add_pair(info, "parameter", "rounds", str(incident.rounds))
    area = ElementTree.SubElement(info, "area")
    place = incident.place
    where = {"latitude": place.latitude, "longitude": place.longitude}
    words = "dispatch_area_ellipse" if place.ellipse else "dispatch_area_outline"
    _add(area, "areaDesc", say(words, where, language))
    corners = tuple(_corners(place))
    if corners:
        _add(area, "polygon", " ".join(f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in corners))
    else:
        _add(area, "circle", f"{place.latitude:.6f},{place.longitude:.6f} 0.0")


def _description(incident: Incident, language: Language) -> str:
    percent = min(99, max(1, round(incident.probability * 100)))
    sentences = [say("dispatch_description", {"percent": percent}, language)]
    if incident.rounds is not None:
        sentences.append(say("dispatch_description_rounds", {"rounds": incident.rounds}, language))
    return " ".join(sentences)


def _corners(place: Place) -> Iterator[tuple[float, float]]:
    """The closed ring of the place, latitude first; nothing for a bare point."""
    if place.ellipse is not None:
        ring = ellipse_outline(place.latitude, place.longitude, place.ellipse, ELLIPSE_CORNERS)
        yield from (*ring, ring[0])
    elif len(place.outline) >= 3:
        yield from place.outline
        if place.outline[0] != place.outline[-1]:
            yield place.outline[0]


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = _XML_FORBIDS.sub("", text)


def _add_pair(parent: ElementTree.Element, name: str, value_name: str, value: str) -> None:
    pair = ElementTree.SubElement(parent, name)
    _add(pair, "valueName", value_name)
    _add(pair, "value", value)
