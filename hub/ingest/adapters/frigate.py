"""Frigate over MQTT: `frigate/events`, one message at each change of a tracked object (0.12 to 0.17).

Read are the camera, the label, the zones, scores and times. A name that was given to a face or a plate (`sub_label`,
`recognized_license_plate`), pictures (`snapshot`, `thumbnail`), descriptions and paths are never decoded. An object
is told once a rule: at the first message that meets it.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from hub.foreign_config import Foreign, Rule
from hub.ingest.adapters.spoken import Spoken, decoded, detection, told

REFUSED: Final = (
    "sub_label",
    "recognized_license_plate",
    "snapshot",
    "thumbnail",
    "path_data",
    "current_attributes",
    "data",
)
_Unread = Raw | UnsetType


class _Object(Struct):
    """A tracked object, of which everything else is skipped."""

    id: str
    camera: str
    label: str
    start_time: float
    frame_time: float | None = None
    end_time: float | None = None
    score: float | None = None
    top_score: float | None = None
    false_positive: bool | None = None
    entered_zones: list[str] = []
    sub_label: _Unread = UNSET
    recognized_license_plate: _Unread = UNSET
    snapshot: _Unread = UNSET
    thumbnail: _Unread = UNSET
    path_data: _Unread = UNSET
    current_attributes: _Unread = UNSET
    data: _Unread = UNSET


class _Event(Struct):
    type: Literal["new", "update", "end"]
    after: _Object


def read(payload: bytes, source: Foreign, now_us: int) -> Spoken:
    """What the event says of the camera of `source`. Raises Problem where it is no event of Frigate's."""
    event = decoded(payload, _Event)
    found = event.after
    if found.camera != source.name:
        return Spoken()
    refused = told((name, getattr(found, name)) for name in REFUSED)
    if found.false_positive:
        return Spoken((), refused)
    score = found.top_score if found.top_score is not None else found.score
    detections = []
    for rule in source.map:
        if not _meets(found, rule) or (score or 0.0) < rule.minimum_score:
            continue
        # In a zone it is since the frame in which it entered; without one, since it was seen.
        at_s = found.frame_time if rule.zone and found.frame_time is not None else found.start_time
        lasts_s = max((found.end_time or at_s) - at_s, 0.0)
        detections.append(detection(source, rule, f"{found.id}|{rule.zone}", round(at_s * 1e6), now_us, score, lasts_s))
    return Spoken(tuple(detections), refused)


def _meets(found: _Object, rule: Rule) -> bool:
    return found.label == rule.label and (not rule.zone or rule.zone in found.entered_zones)
