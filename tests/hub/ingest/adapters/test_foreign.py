"""Foreign sensors: what they really send becomes ours, and nothing of a person is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.config import ConfigError, parse_config
from hub.foreign_config import Foreign, Rule
from hub.ingest.adapters import frigate, generic, onvif
from hub.ingest.adapters.spoken import MOST_SCORE
from hub.problem import Problem
from sensors.protocol import Detection

NOW_US = 1_780_000_000_000_000
AT_S = NOW_US / 1e6 - 2.0

FRIGATE = Foreign(
    sensor="cam-7",
    kind="frigate",
    topic="frigate/events",
    name="front_door",
    map=(
        Rule(event="intrusion", label="person", zone="yard", minimum_score=0.6, zone_here="depot"),
        Rule(event="stopped_vehicle", label="car"),
    ),
)
ONVIF = Foreign(
    sensor="cam-8",
    kind="onvif",
    topic="BoschCam1",
    map=(
        Rule(event="wrong_way", topic="RuleEngine/LineDetector/Crossed", rule="Line 1"),
        Rule(event="intrusion", topic="RuleEngine/FieldDetector/ObjectsInside", state="IsInside"),
    ),
)
GENERIC = Foreign(
    sensor="cam-9",
    kind="json",
    map=(Rule(event="fire", value="SMOKE"), Rule(event="fire", value="FLAME", minimum_score=0.5)),
)


def frigate_event(kind: str = "update", at_s: float = AT_S, **changes: Any) -> bytes:
    """A message as Frigate 0.14 publishes it for a tracked object."""
    tracked: dict[str, Any] = {
        "id": "1607123955.475377-mxklsc",
        "camera": "front_door",
        "frame_time": at_s,
        "snapshot": {"frame_time": at_s, "box": [415, 489, 528, 700], "area": 12728, "score": 0.77, "attributes": []},
        "label": "person",
        "sub_label": ["John Smith", 0.79],
        "top_score": 0.958984375,
        "false_positive": False,
        "start_time": at_s - 4.0,
        "end_time": None,
        "score": 0.7890625,
        "box": [424, 500, 536, 712],
        "area": 23744,
        "ratio": 2.113207,
        "region": [264, 450, 667, 853],
        "active": True,
        "stationary": False,
        "motionless_count": 0,
        "position_changes": 2,
        "current_zones": ["driveway"],
        "entered_zones": ["yard", "driveway"],
        "has_clip": False,
        "has_snapshot": False,
        "attributes": {"face": 0.64},
        "current_attributes": [{"label": "face", "box": [442, 506, 534, 524], "score": 0.64}],
        "current_estimated_speed": 0.71,
        "velocity_angle": 180,
        "recognized_license_plate": "ABC12345",
        "recognized_license_plate_score": 0.933451,
        **changes,
    }
    return json.dumps({"type": kind, "before": {**tracked, "entered_zones": []}, "after": tracked}).encode()


def onvif_event(at_us: int = NOW_US - 2_000_000, **data: Any) -> bytes:
    """A message as a camera publishes it below `onvif-ej`."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    source = {"VideoSource": "1", "AnalyticsConfiguration": "1", "Rule": "Line 1"}
    return json.dumps({"UtcTime": at, "Source": source, "Data": {"ObjectId": "17", **data}}).encode()


def test_an_object_in_a_zone_is_told_once_with_what_it_can_be_believed() -> None:
    first, again = frigate.read(frigate_event("new"), FRIGATE, NOW_US), frigate.read(frigate_event(), FRIGATE, NOW_US)
    (one,) = first.detections
    assert (one.sensor, one.event, one.zone, one.score) == ("cam-7", "intrusion", "depot", MOST_SCORE)
    assert one.onset == round(AT_S * 1e6)
    assert one.model.startswith("frigate@")
    assert one.clock_sigma_us == 500_000
    assert again.detections[0].id == one.id, "what is said again changes nothing"
    assert msgspec.convert(msgspec.to_builtins(one), Detection) == one


def test_names_plates_and_pictures_are_counted_and_stand_nowhere() -> None:
    spoken = frigate.read(frigate_event(thumbnail="iVBORw0KGgo="), FRIGATE, NOW_US)
    assert set(spoken.refused) == {
        "sub_label", "recognized_license_plate", "snapshot", "thumbnail", "current_attributes",
    }  # fmt: skip
    said = msgspec.json.encode(spoken.detections)
    for secret in (b"John", b"ABC12345", b"iVBOR", b"face"):
        assert secret not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"camera": "back"},
        {"label": "dog"},
        {"entered_zones": []},
        {"top_score": 0.5},
        {"false_positive": True},
    ],
)
def test_what_no_rule_names_is_nothing(changes: dict[str, Any]) -> None:
    assert frigate.read(frigate_event(**changes), FRIGATE, NOW_US).detections == ()


def test_a_crossed_line_is_told_once_by_the_rule_that_is_named() -> None:
    topic = "BoschCam1/onvif-ej/RuleEngine/LineDetector/Crossed/&1/Line 1"
    (one,) = onvif.read(onvif_event(), topic, ONVIF, NOW_US).detections
    assert (one.event, one.onset, one.score) == ("wrong_way", NOW_US - 2_000_000, MOST_SCORE)
    assert onvif.read(onvif_event(), topic, ONVIF, NOW_US).detections[0].id == one.id
    other = onvif_event().replace(b"Line 1", b"Line 2")
    assert onvif.read(other, topic, ONVIF, NOW_US).detections == ()


@pytest.mark.parametrize("state", [True, "true", "1"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_field_is_told_while_its_state_is_true_however_the_camera_writes_it(state: Any, listed: bool) -> None:
    topic = "BoschCam1/onvif-ej/tns1:RuleEngine/FieldDetector/ObjectsInside"

    def said(value: Any) -> bytes:
        if not listed:
            return onvif_event(IsInside=value)
        whole = json.loads(onvif_event())
        whole["Data"] = {"SimpleItem": [{"Name": "ObjectId", "Value": "17"}, {"Name": "IsInside", "Value": value}]}
        return json.dumps(whole).encode()

    (one,) = onvif.read(said(state), topic, ONVIF, NOW_US).detections
    assert one.event == "intrusion"
    assert onvif.read(said(False), topic, ONVIF, NOW_US).detections == ()
    state_at_connection = json.dumps({**json.loads(said(state)), "PropertyOperation": "Initialized"}).encode()
    assert onvif.read(state_at_connection, topic, ONVIF, NOW_US).detections == ()


def test_plates_and_faces_of_a_camera_are_counted_unread() -> None:
    topic = "BoschCam1/onvif-ej/RuleEngine/LineDetector/Crossed"
    spoken = onvif.read(onvif_event(LicensePlateInfo={"PlateNumber": "AB-123-CD"}, Image="/9j/"), topic, ONVIF, NOW_US)
    assert spoken.refused == ("Image", "LicensePlateInfo")
    assert b"AB-123" not in msgspec.json.encode(spoken.detections)


def test_a_generic_object_is_understood_by_the_fields_that_are_named() -> None:
    nested = msgspec.structs.replace(
        GENERIC, fields=msgspec.convert({"event": "alarm.type", "time": "alarm.at", "id": "nr"}, type(GENERIC.fields))
    )
    body = json.dumps({"nr": 4, "alarm": {"type": "SMOKE", "at": NOW_US / 1e6 - 1}, "operator": "J. Doe"}).encode()
    (one,) = generic.read(body, nested, NOW_US).detections
    assert (one.event, one.onset) == ("fire", NOW_US - 1_000_000)
    at = datetime.fromtimestamp(NOW_US / 1e6, UTC).isoformat()
    low, high = ({"event": "FLAME", "time": at, "score": score} for score in (0.4, 0.9))
    assert generic.read(json.dumps(low).encode(), GENERIC, NOW_US).detections == ()
    assert generic.read(json.dumps(high).encode(), GENERIC, NOW_US).detections[0].score == MOST_SCORE


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"7", b'{"event": 4}', b'{"event": "X"}', b'{"event": "SMOKE"}', bytes(300_000),
     b'{"event": "SMOKE", "time": "today"}', b'{"event": "SMOKE", "time": "2026-05-03T21:14:07"}',
     b'{"event": "SMOKE", "time": 1e300}', b'{"event": "SMOKE", "time": 1780000000, "score": 7}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_not_understood_gets_its_reason(body: bytes) -> None:
    for read in (
        lambda: generic.read(body, GENERIC, NOW_US),
        lambda: frigate.read(body, FRIGATE, NOW_US),
    ):
        with pytest.raises(Problem):
            read()


@pytest.mark.parametrize(
    ("rule", "kind", "line", "says"),
    [
        ('event = "intrusion"', "frigate", 6, "`label` is missing"),
        ('event = "intrusion"\nlabel = "person"\nstate = "IsInside"', "frigate", 6, "it knows label, zone"),
        ('event = "face"\nlabel = "face"', "frigate", 7, "event"),
        ('event = "fire"\nvalue = "SMOKE"', "onvif", 6, "`topic` is missing"),
    ],
)
def test_a_mapping_that_can_not_work_is_told_with_its_line(rule: str, kind: str, line: int, says: str) -> None:
    text = f'[[foreign]]\nsensor = "cam-7"\nkind = "{kind}"\ntopic = "a/b"\nname = "x"\n[[foreign.map]]\n{rule}\n'
    with pytest.raises(ConfigError) as caught:
        parse_config(text + '[mqtt]\nhost = "127.0.0.1"\n', Path("tocsin.toml"))
    assert says in str(caught.value)
    assert caught.value.line == line
