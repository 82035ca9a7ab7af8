"""The scenes that a cut-out walker plays: what happens in them is what their stories say."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from hub.commands import camera
from hub.commands._video_actors import FLOOR, WALL, Sprite, Story, film, weather
from sensors.camera.frames import StillFrame

START_US = 1_790_000_000_000_000


@pytest.fixture
def played():
    """The pictures of a story before a grey wall, by the second."""
    ground = np.full((90, 160, 3), 120, np.uint8)
    scene = [StillFrame(ground, START_US + i * 100_000, i) for i in range(50)]
    actor = [Sprite(np.full((30, 12, 3), 230, np.uint8), np.ones((30, 12), bool))]

    def play(story):
        return {round((f.utc_us - START_US) / 1e6, 1): f.image for f in film(scene, actor, story)}

    return play


def test_somebody_comes_leaves_a_thing_and_goes(played):
    pictures = played(Story("abandoned_object", FLOOR, leaves=True))
    changed = {at: int((pictures[at] != 120).any(axis=2).sum()) for at in (1.0, 6.0, 12.0, 30.0)}
    assert changed[1.0] == 0
    assert changed[12.0] > changed[6.0] > changed[30.0] > 0


def test_who_takes_it_with_him_leaves_nothing(played):
    story = Story("abandoned_object", FLOOR, leaves=True, comes_back=True)
    assert not story.happens
    assert (played(story)[30.0] == 120).all()


def test_what_is_painted_stays_on_the_wall(played):
    after = played(Story("tagging", WALL, paints=True))[40.0]
    rows, columns = np.nonzero((after != 120).any(axis=2))
    assert len(rows) > 20
    assert columns.min() / 160 > 0.38
    assert columns.max() / 160 < 0.62


@pytest.mark.parametrize("kind", ["night", "rain", "shake"])
def test_weather_changes_a_picture_and_keeps_its_size(kind):
    random = np.random.default_rng(3)
    image = cv2.resize(random.integers(60, 200, (18, 32, 3), np.uint8), (320, 180))
    changed = weather(kind)(image, 1.0)
    assert changed.shape == image.shape
    assert float(np.abs(changed.astype(int) - image).mean()) > 2
    assert (float(changed.mean()) < 0.5 * image.mean()) == (kind == "night")


def test_the_camera_command_writes_contours_and_no_picture(tmp_path):
    path = tmp_path / "wall.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 180))
    image = np.full((180, 320, 3), 90, np.uint8)
    image[110:] = 170
    for _ in range(70):
        writer.write(image)
    writer.release()
    done = CliRunner().invoke(camera.app, ["--file", str(path), "--sketch", str(tmp_path / "wall.sketch.json")])
    assert done.exit_code == 0, done.output
    sketch = json.loads((tmp_path / "wall.sketch.json").read_text())
    assert sketch["format"] == "tocsin-sketch/1"
    assert sketch["lines"]
    assert all(abs(y - 110 / 180) < 0.05 for line in sketch["lines"] for _, y in line)
