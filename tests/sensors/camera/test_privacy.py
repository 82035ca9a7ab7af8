"""Nothing of the picture leaves: masks, files, messages."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.camera import analyser as analyser_module
from sensors.camera.analyser import Analyser
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import StillFrame
from sensors.camera.masks import POISON, Masks, raster
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.station import CameraStation
from sensors.protocol import AnyMessage

MASK = ((0.2, 0.3), (0.6, 0.3), (0.6, 0.8), (0.2, 0.8))
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
MARK = 251
"""A value that no other pixel of the test pictures has."""


def marked(shape):
    """A grey picture whose masked part is full of the mark."""
    image = np.full((*shape, 3), 60, np.uint8)
    image[raster([MASK], (shape[1], shape[0])) > 0] = MARK
    return image


@pytest.mark.parametrize("shape", [(180, 320), (360, 640), (1_080, 1_920), (241, 323)])
def test_no_pixel_under_a_mask_reaches_the_analysis(monkeypatch, shape):
    seen = []
    original = analyser_module.Scene.step

    def step(self, image, *rest):
        seen.append(image)
        return original(self, image, *rest)

    monkeypatch.setattr(analyser_module.Scene, "step", step)
    analyser = Analyser(CameraSettings(masks=(MASK,)))
    analyser.step(StillFrame(marked(shape), 1_790_000_000_000_000, 0))
    # Averages between the street (60) and the poison (127) may stand at the rim, nothing brighter.
    assert seen
    assert seen[0].max() <= POISON


def test_no_pixel_under_a_mask_leaves_the_decoding_child(write_video):
    path = write_video([marked((360, 640))] * 4)
    source = ChildSource(Spec("file", str(path), masks=(MASK,)))
    # The codec of the test file itself bleeds a few pixels over the edge of the mark.
    frames = [frame.image[60:140, 70:185] for frame in source.frames()]
    assert frames
    assert all(int(image.max()) <= POISON + 2 for image in frames)


@pytest.mark.parametrize("told", [(MASK,), ()])
def test_a_child_that_was_not_told_of_a_mask_is_masked_by_its_parent(monkeypatch, write_video, told):
    seen = []
    original = analyser_module.Scene.step

    def step(self, grey, *rest):
        seen.append((grey, rest[-1]))
        return original(self, grey, *rest)

    monkeypatch.setattr(analyser_module.Scene, "step", step)
    path = write_video([marked((360, 640))] * 6)
    whole = Zone(name="z", polygon=WHOLE, rules=("fire",))
    analyser = Analyser(CameraSettings(masks=(MASK,), zones=(whole,)))
    for frame in ChildSource(Spec("file", str(path), masks=told, parts=True, colour=True)).frames():
        analyser.step(frame)
    assert seen
    for grey, colour in seen:
        # The codec of the test file itself bleeds a few pixels over the edge of the mark.
        assert int(grey[58:140, 68:188].max()) <= POISON + 2
        assert colour is None or int(colour[29:70, 34:94].max()) <= POISON + 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=6),
    st.integers(16, 200),
    st.integers(16, 200),
)
def test_whatever_a_mask_looks_like_the_picture_outside_is_kept_and_inside_is_poison(corners, width, height):
    image = np.full((height, width, 3), MARK, np.uint8)
    inside = raster([corners], (width, height)) > 0
    result = Masks([corners]).applied(image)
    assert (result[inside] == POISON).all()
    assert (image == MARK).all()
    assert set(np.unique(result)) <= {POISON, MARK}


def _children_files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


async def test_a_station_writes_no_file_and_says_only_wire_messages(street, write_video, tmp_path, monkeypatch):
    images = [street.frame([((i / 10 - 3) * 0.12, 0.5, 0.05, 0.25)] if i > 30 else []) for i in range(100)]
    path = write_video(images)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.chdir(home)
    opened: list[str] = []
    real_open = os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: (opened.append(str(a)), real_open(*a, **k))[1])
    sent: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        sent.append(message)

    zone = Zone(name="z", polygon=WHOLE, rules=("intrusion", "crowd_density", "person_down", "fire"))
    await CameraStation("cam-1", ChildSource(Spec("file", str(path))), CameraSettings(zones=(zone,))).run(send)
    assert sent
    assert _children_files(home) == set()
    assert all("/dev/null" in one for one in opened)
    for message in sent:
        body = msgspec.json.encode(message)
        assert len(body) < 600
        assert msgspec.json.decode(body, type=AnyMessage) == message
