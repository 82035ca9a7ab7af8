"""`tocsin evaluate video` and `tocsin camera` on clips that the tests draw."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hub.commands import camera
from hub.commands._evaluate_video import alarms, share, video
from hub.commands._video_clips import ManifestError, read_clips
from hub.commands._video_runs import join

HEADER = "path,classes_present,event_class,event_start_s,event_end_s,zone_polygon,duration_s,notes\n"
ZONE = '"[[0.4, 0.2], [1, 0.2], [1, 1], [0.4, 1]]"'


def clip(path: Path, *, walker: bool) -> None:
    """Ten seconds of a street; a walker enters the right half at 6 s."""
    random = np.random.default_rng(2)
    ground = cv2.resize(random.integers(70, 150, (30, 53, 3), np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 180))
    for index in range(100):
        image = ground.copy()
        if walker and index > 30:
            left = round((index / 10 - 3) * 0.12 * 320)
            image[90:130, left : left + 14] = 230
        writer.write(image)
    writer.release()


@pytest.fixture
def folder(tmp_path):
    clip(tmp_path / "walk.avi", walker=True)
    clip(tmp_path / "empty.avi", walker=False)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    rows = [
        f"walk.avi,x,intrusion_zone,6,10,{ZONE},10,",
        f"empty.avi,x,intrusion_zone,2,4,{ZONE},10,",
        "broken.mp4,x,none,,,,10,",
    ]
    (tmp_path / "manifest.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return tmp_path


def invoke(*arguments):
    app = typer.Typer()
    app.command()(video)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_events_found_and_missed_are_counted_and_a_broken_clip_is_named(folder):
    result = invoke("--data", folder, "--json", "--explain")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.strip().splitlines()[-1])["figures"]
    assert (figures["found_intrusion"]["value"], figures["found_intrusion"]["n"]) == (0.5, 2)
    assert (figures["false_intrusion"]["value"], figures["false_fire"]["value"]) == (0, 0)
    assert figures["false_fire"]["n"] == pytest.approx(20, abs=0.5)
    assert "broken.mp4 is left out" in result.stderr
    assert "missed in empty.avi 2 s" in result.stderr


def test_a_folder_without_a_manifest_is_unusable_input(tmp_path):
    assert invoke("--data", tmp_path).exit_code == 2


def test_a_row_that_cannot_be_read_is_named_by_its_line(tmp_path):
    (tmp_path / "manifest.csv").write_text(HEADER + "a.avi,x,fall,then,9,,10,\n")
    with pytest.raises(ManifestError, match="line 2"):
        read_clips(tmp_path)


def test_intervals_are_the_exact_ones():
    # Garwood: no alarm seen bounds the count at 3.69; Clopper-Pearson: 1 of 1 is at least 0.025.
    assert alarms(0, 100.0).high == pytest.approx(3.689, abs=1e-3)
    assert share(1, 1).low == pytest.approx(0.025)


def test_what_was_said_is_joined_one_to_one():
    assert join([1.0, 10.0, 20.0], [9.0, 10.5, 40.0]) == [(10.0, 10.5)]
    assert len(join([1.0, 2.0], [1.5, 2.5])) == 2


def test_the_camera_prints_what_it_would_tell_and_refuses_what_it_cannot_use(folder):
    settings = folder / "z.toml"
    settings.write_text(
        '[[zones]]\nname = "lawn"\nrules = ["intrusion"]\npolygon = [[0.4, 0.2], [1, 0.2], [1, 1], [0.4, 1]]\n'
    )
    runner = CliRunner()
    done = runner.invoke(camera.app, ["--file", str(folder / "walk.avi"), "--settings", str(settings), "--json"])
    assert done.exit_code == 0
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["intrusion"]
    broken = runner.invoke(camera.app, ["--file", str(folder / "broken.mp4"), "--settings", str(settings)])
    assert (broken.exit_code, "[open_failed]" in broken.stderr) == (2, True)
    settings.write_text("zones = 3")
    assert runner.invoke(camera.app, ["--file", "x", "--settings", str(settings)]).exit_code == 2
    assert runner.invoke(camera.app, ["--file", "x", "--url", "rtsp://x"]).exit_code == 2
    assert "[[zones]]" in runner.invoke(camera.app, ["--example"]).stdout
