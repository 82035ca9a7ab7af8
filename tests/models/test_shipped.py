"""The figures of what is shipped, on folders made for the test, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hub.commands._evaluate_long import Count
from hub.commands.main import app
from models.recordings import RecordingError
from models.runtime import AcousticModel
from models.shipped import alarms, evaluate, listen
from sensors.microphone.hearing import Heard, Impulse
from sensors.microphone.sustained import Lasting

runner = CliRunner()


@pytest.fixture(scope="module")
def model() -> AcousticModel:
    return AcousticModel.load()


def test_the_command_prints_every_figure_of_the_classes_that_are_there(made_folder: Path) -> None:
    result = runner.invoke(app, ["evaluate", "sound", "--data", str(made_folder), "--json"])
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout.splitlines()[-1])
    assert printed["evaluate"] == "sound"
    figures = printed["figures"]
    for key in ("ap_gunshot", "recall_gunshot_at_1pct", "false_per_hour_gunshot"):
        assert figures[key]["low"] <= figures[key]["value"] <= figures[key]["high"], key
    assert figures["false_per_hour_gunshot"]["n"] == pytest.approx(9.0 / 3_600.0, abs=1e-4)
    assert not any(key.startswith("yamnet_") for key in figures)
    assert "ap_clamor" not in figures


def test_the_baseline_runs_beside_it_where_it_is(made_folder: Path, shared_data: Path) -> None:
    baseline = shared_data / "models" / "yamnet.tflite"
    arguments = ["evaluate", "sound", "--data", str(made_folder), "--yamnet", str(baseline), "--json"]
    figures = json.loads(runner.invoke(app, arguments).stdout.splitlines()[-1])["figures"]
    assert 0.0 <= figures["yamnet_ap_gunshot"]["value"] <= 1.0


def test_unreadable_recordings_are_named_and_the_rest_is_judged(made_folder: Path) -> None:
    (made_folder / "gunshot" / "0.flac").write_bytes(b"no sound")
    (made_folder / "gunshot" / "1.flac").unlink()
    result = runner.invoke(app, ["evaluate", "sound", "--data", str(made_folder), "--json"])
    assert result.exit_code == 0
    assert "sound_unreadable" in result.stderr
    assert "sound_missing" in result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["figures"]["ap_gunshot"]["n"] == 2


def test_a_folder_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    for content, code in ((None, "manifest_missing"), ("path,class\na.wav,gunshot\n", "nothing_readable")):
        if content is not None:
            (tmp_path / "manifest.csv").write_text(content)
        result = runner.invoke(app, ["evaluate", "sound", "--data", str(tmp_path)])
        assert result.exit_code == 2
        assert code in result.stderr
        assert "Traceback" not in result.output


def test_a_baseline_that_is_no_model_is_told(made_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "yamnet.tflite").write_bytes(b"nothing")
    arguments = ["evaluate", "sound", "--data", str(made_folder), "--yamnet", str(tmp_path / "yamnet.tflite")]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "baseline_unusable" in result.stderr


def test_an_empty_manifest_is_refused(tmp_path: Path, model: AcousticModel) -> None:
    (tmp_path / "manifest.csv").write_text("path,class\n")
    with pytest.raises(RecordingError) as refused:
        evaluate(tmp_path, model, None)
    assert refused.value.code == "nothing_readable"


def test_windows_close_together_are_one_alarm() -> None:
    scores = np.zeros(40, np.float32)
    scores[[3, 4, 9, 30]] = 0.9
    assert alarms("gunshot", scores, 0.5, 0.25) == 2
    assert alarms("gunshot", scores, 0.95, 0.25) == 0


def test_what_lasts_has_to_last() -> None:
    scores = np.zeros(40, np.float32)
    scores[5:7] = 0.9
    assert alarms("clamor", scores, 0.5, 0.25) == 0
    scores[5:20] = 0.9
    assert alarms("clamor", scores, 0.5, 0.25) == 1


def test_a_shorter_sound_than_a_window_is_heard_too(model: AcousticModel) -> None:
    assert listen(model, np.zeros(16, np.float32)).shape == (1, len(model.labels))


def test_the_list_says_that_the_shipped_model_may_run() -> None:
    result = runner.invoke(app, ["models", "list", "--json"])
    assert result.exit_code == 0
    (model,) = json.loads(result.stdout)["models"]
    assert model["state"] == "ok"
    assert model["name"] == AcousticModel.load().name


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["models", "pull", "nobody", "--address", "/nowhere"], "model_unknown"),
        (["models", "pull", "tocsin-acoustic", "--address", "/nowhere"], "model_not_reachable"),
        (["models", "pull", "tocsin-acoustic", "--address", __file__], "model_hash_differs"),
    ],
)
def test_pull_refuses_with_a_code(arguments: list[str], code: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert code in result.stderr
    assert AcousticModel.load()


def test_hours_of_made_scenes_count_gate_and_model_apart(made_folder: Path) -> None:
    arguments = ["evaluate", "sound", "--data", str(made_folder), "--hours", "0.05", "--json"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])["figures"]
    assert figures["false_per_hour_gunshot_storm"]["n"] == pytest.approx(0.05)
    assert figures["gate_picks_per_hour_storm"]["value"] >= 0.0
    # Only rain is there: a storm can be made, a crowd cannot.
    assert "false_per_hour_gunshot_crowd" not in figures
    assert figures["false_per_hour_gunshot_long"]["n"] == pytest.approx(0.05)
    assert figures["false_per_hour_gunshot_long"]["low"] <= figures["false_per_hour_gunshot_long"]["high"]


def test_a_burst_of_shots_is_one_alarm_and_a_lasting_sound_is_told_once() -> None:
    count = Count()
    shots = tuple(Impulse("gunshot", at, 0.01, 0.9, 1, 90.0, 20.0) for at in (10_000_000, 10_500_000, 20_000_000))
    weak = Impulse("gunshot", 40_000_000, 0.01, 0.1, 1, 90.0, 20.0)
    crowd = tuple(Lasting("clamor", 5_000_000, at, 0.9, over=False) for at in (3.0, 13.0))
    count.take(Heard(impulses=(*shots, weak), lasting=crowd), {"gunshot": 0.5, "clamor": 0.5})
    assert count.alarms == {"gunshot": 2, "clamor": 1}
