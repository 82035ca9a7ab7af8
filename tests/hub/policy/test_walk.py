"""The red lines hold by absence: nothing in the tree lies behind one, and what would be put there is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import pytest
from msgspec import Meta, Struct

from hub.app import build_application
from hub.config import HubConfig
from hub.policy import walk
from hub.policy.redlines import crossed
from sensors import protocol
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

ROOT = Path(__file__).resolve().parents[3]


def test_nothing_in_the_tree_lies_behind_a_red_line() -> None:
    routes = {resource.canonical for resource in build_application(HubConfig()).router.resources()}
    assert walk.walk_loaded(routes) == []
    assert walk.walk_source(ROOT) == []


def test_no_model_has_a_label_behind_a_red_line() -> None:
    runtime = pytest.importorskip("models.runtime")
    assert walk.walk_labels(runtime.AcousticModel.load().labels, "model") == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (bytes, "raw bytes"),
        (str, "text without a pattern"),
        (dict[str, int], "open map"),
        (list[float], "list without an end"),
        (Annotated[list[Annotated[float, Meta(ge=0)]], Meta(max_length=1_000_000)], "list without an end"),
        (Any, "raw bytes or anything"),
        (Annotated[list[Annotated[float, Meta(ge=0)]], Meta(max_length=100)], "list without an end"),
        (bytes | None, "raw bytes"),
        (Annotated[str, Meta(pattern="^[a-z]*$")], "text without an end"),
        (Annotated[str, Meta(pattern="^[A-Za-z0-9+/=]{0,4000}$")], "text without an end"),
        (int, "number without an end"),
        (Annotated[int, Meta(ge=0)], "number without an end"),
    ],
)
def test_a_field_that_could_carry_sound_or_an_image_is_found(kind: Any, said: str) -> None:
    carrier = msgspec.defstruct("Carrier", [("payload", kind)], bases=(Struct,))
    ((_, field),) = walk._text_fields(carrier)
    assert any(said in what for what in walk._unbounded(field))


TOLD = {
    "detection": "id sensor sent event onset duration_s score clock_sigma_us model peak_db snr_db zone position "
    "exercise",
    "sound_level": "id sensor sent start period_s laeq lafmax lcpeak l10 l50 l90",
    "occupancy": "id sensor sent start period_s zone counts",
    "heartbeat": "id sensor sent uptime_s clock_offset_us clock_sigma_us queue_depth dropped capture capture_reason "
    "software models temperature_c battery audio_tracks_dropped refused withheld exercise",
}
"""Every field of the wire. One that is added fails here until somebody has asked what could be carried by it."""


def test_the_wire_has_these_fields_and_no_other() -> None:
    kinds = msgspec.inspect.multi_type_info(get_args(protocol.AnyMessage))  # type: ignore[attr-defined]
    assert {kind.tag: [field.name for field in kind.fields] for kind in kinds} == {
        name: fields.split() for name, fields in TOLD.items()
    }
    assert protocol.Position.__struct_fields__ == ("latitude", "longitude", "sigma_m")
    assert protocol.Counts.__struct_fields__ == ("person", "cycle", "car", "heavy")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("face_recognition", 1), ("gait", 1), ("speech", 2), ("keyword spotting", 2), ("anger", 3), ("panic", 3),
        ("clothing_colour", 4), ("re-identification", 5), ("number plate", 6), ("auto_dispatch", 8),
        ("social media", 7), ("predictive-policing", 9), ("archive_search", 12), ("drone", 18),
        ("/api/v1/listen", 2), ("/api/v1/faces", 1),
    ],
)  # fmt: skip
def test_a_name_behind_a_red_line_is_known_by_its_number(name: str, number: int) -> None:
    ((_, line),) = crossed([name])
    assert line.number == number


@pytest.mark.parametrize(
    "name", sorted(SOUND_EVENTS | VIDEO_EVENTS | {"average_speed", "surface", "agency", "storage"})
)
def test_an_honest_name_is_not_taken_for_another(name: str) -> None:
    assert crossed([name]) == []


def test_a_forbidden_import_and_a_written_image_are_found(tmp_path: Path) -> None:
    camera = tmp_path / "sensors" / "camera"
    camera.mkdir(parents=True)
    (camera / "leak.py").write_text("import face_recognition\nimport cv2\ncv2.imwrite('/tmp/a.png', 1)\n")
    said = {crossing.what for crossing in walk.walk_source(tmp_path)}
    assert said == {"imports face_recognition", "calls imwrite"}
