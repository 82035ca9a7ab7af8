"""CAP 1.2, clause by clause where it is most often got wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.incident import Incident, Place
from hub.sinks.cap import NAMESPACE, cap, sender_name
from hub.store import Notice
from hub.store.records import Reference

Maker = Callable[..., Incident]
NOW_US = 1_790_000_001_900_000

ALERT_ORDER = (
    "identifier sender sent status msgType source scope restriction addresses code note references incidents info"
)
INFO_ORDER = (
    "language category event responseType urgency severity certainty audience eventCode effective onset expires "
    "senderName headline description instruction web contact parameter resource area"
)
"""The sequences of the schema (CAP 1.2, section 3.4)."""


def notice(incident: Incident | None, **changes: Any) -> Notice:
    values: dict[str, Any] = {"kind": "dispatch", "message_id": "msg_1", "confirmed_us": NOW_US, "sent_us": NOW_US}
    return Notice(incident=incident, **{**values, **changes})


def read(text: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def said(alert: ElementTree.Element, path: str) -> str | None:
    return alert.findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))


def names(element: ElementTree.Element) -> list[str]:
    return [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element]


def in_order(found: list[str], order: str) -> bool:
    places = [order.split(" ").index(name) for name in found]
    return places == sorted(places)


def test_elements_stand_in_the_order_of_the_schema(make_incident: Maker) -> None:
    alert = read(cap(notice(make_incident(), reason="seen", references=(Reference("msg_0", NOW_US),)), "tocsin"))
    assert in_order(names(alert), ALERT_ORDER)
    infos = alert.findall(f"{{{NAMESPACE}}}info")
    assert len(infos) == 2
    assert all(in_order(names(info), INFO_ORDER) for info in infos)
    assert [info.findtext(f"{{{NAMESPACE}}}language") for info in infos] == ["fr-FR", "en-GB"]


def test_times_have_a_numeric_offset_and_no_fraction(make_incident: Maker) -> None:
    alert = read(cap(notice(make_incident()), "tocsin"))
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d"
    assert re.fullmatch(pattern, said(alert, "sent") or "")
    assert re.fullmatch(pattern, said(alert, "info/onset") or "")


def test_references_name_sender_identifier_and_time_as_they_were_sent(make_incident: Maker) -> None:
    first = notice(make_incident())
    sent = read(cap(first, "https://hub.example/, Saint-Étienne"))
    follower = notice(
        make_incident(revision=2),
        kind="cancel",
        message_id="msg_2",
        sent_us=NOW_US + 5_000_000,
        references=(Reference("msg_1", first.sent_us),),
    )
    cancel = read(cap(follower, "https://hub.example/, Saint-Étienne"))
    assert said(cancel, "references") == f"{said(sent, 'sender')},msg_1,{said(sent, 'sent')}"
    assert said(cancel, "msgType") == "Cancel"


@pytest.mark.parametrize(
    ("changes", "status"), [({"exercise": True}, "Exercise"), ({"exercise": False}, "Actual"), (None, "Test")]
)
def test_a_drill_and_a_test_say_so(make_incident: Maker, changes: dict[str, Any] | None, status: str) -> None:
    incident = None if changes is None else make_incident(**changes)
    alert = read(cap(notice(incident, kind="dispatch" if incident else "test"), "tocsin"))
    assert said(alert, "status") == status


def test_a_restricted_alert_says_to_whom(make_incident: Maker) -> None:
    alert = read(cap(notice(make_incident()), "tocsin"))
    assert said(alert, "scope") == "Restricted"
    assert said(alert, "restriction")


def test_a_polygon_is_closed_with_latitude_first(make_incident: Maker) -> None:
    outline = ((45.43, 4.38), (45.44, 4.38), (45.44, 4.39))
    for place in (Place("strip", 45.435, 4.385, outline=outline), make_incident().place):
        alert = read(cap(notice(make_incident(place=place)), "tocsin"))
        corners = (said(alert, "info/area/polygon") or "").split(" ")
        assert len(corners) >= 4
        assert corners[0] == corners[-1]
        assert all(45.4 < float(corner.split(",")[0]) < 45.5 for corner in corners)


def test_a_bare_point_is_a_circle(make_incident: Maker) -> None:
    alert = read(cap(notice(make_incident(place=Place("zone", 45.43, 4.38))), "tocsin"))
    assert said(alert, "info/area/circle") == "45.430000,4.380000 0.0"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=50), st.text(max_size=50))
def test_whatever_a_person_wrote_the_document_is_well_formed(reason: str, source: str) -> None:
    alert = read(cap(notice(None, kind="test", reason=reason), source))
    sender = said(alert, "sender") or ""
    assert sender
    assert not set(sender) & set(" ,<&\t\n")


def test_a_sender_has_no_spaces_or_commas() -> None:
    assert sender_name("https://hub.example/, Saint-Étienne & co") == "https://hub.example/-Saint-Étienne-co"
