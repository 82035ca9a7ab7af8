"""The red lines hold by absence: nothing in the tree lies behind one, and what would be put there is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from hub.app import build_application
from hub.config import HubConfig
from hub.policy import walk
from hub.policy.redlines import crossed
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
        (bytes | None, "raw bytes"),
    ],
)
def test_a_field_that_could_carry_sound_or_an_image_is_found(kind: Any, said: str) -> None:
    carrier = msgspec.defstruct("Carrier", [("payload", kind)], bases=(Struct,))
    ((_, field),) = walk._text_fields(carrier)
    assert any(said in what for what in walk._unbounded(field))


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
