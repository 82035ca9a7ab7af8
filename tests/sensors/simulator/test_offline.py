"""A rendered scenario is a folder that the evaluation can read, with its truth beside it."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from hub.commands._evaluate_location import figures_of, judge
from hub.commands._location_data import bursts
from sensors.simulator.offline import OutputError, render, windows
from sensors.simulator.scenario import Scenario, load


@pytest.fixture(scope="module")
def few() -> Scenario:
    """The burst with four microphones, one of them dead."""
    burst = load("burst")
    plans = (*burst.microphone[5:8], msgspec.structs.replace(burst.microphone[9], fault="dead"))
    return msgspec.structs.replace(burst, microphone=plans)


@pytest.fixture(scope="module")
def folder(few: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shares: list[float] = []
    out = tmp_path_factory.mktemp("rendered")
    (test,) = render(few, 1, out, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert test == out / "burst" / "test_001"
    return test


def test_a_scenario_without_a_shot_is_evaluated_by_what_is_wrongly_told(few: Scenario, tmp_path: Path) -> None:
    quiet = msgspec.structs.replace(few, name="quiet", event=(), duration_s=3.0)
    render(quiet, 1, tmp_path)
    (burst,) = bursts(tmp_path, "sound")
    assert burst.rounds == 0
    figures = figures_of([judge(burst)])
    assert (figures["bursts_found"].value, figures["bursts_found"].n) == (None, 0)
    assert (figures["false_incidents"].value, figures["false_incidents"].n) == (0.0, 1)


def test_every_microphone_has_its_recording_and_the_shooter_his_place(few: Scenario, folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    assert [sensor["serial_number"] for sensor in meta["sensors"]] == [plan.id for plan in few.microphone]
    assert meta["survey"]["num_rounds"] == 5
    for sensor in meta["sensors"]:
        samples, rate = soundfile.read(folder / sensor["audio"])
        assert rate == few.rate_hz
        assert samples.size == round((windows(few, 1, whole=False)[0].end_s - 5.0) * rate)
        assert samples.any() == (sensor["serial_number"] != few.microphone[3].id)


def test_the_first_pulse_at_each_microphone_is_where_its_recording_rises(few: Scenario, folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    pulses = json.loads((folder / "pulses.json").read_text())
    for sensor in meta["sensors"][:3]:
        samples, rate = soundfile.read(folder / sensor["audio"])
        first = min(p["arrival_time_utc"] for p in pulses if p["serial_number"] == sensor["serial_number"])
        at = round((np.datetime64(first[:-1]) - np.datetime64(sensor["start_utc"][:-1])) / np.timedelta64(1, "us"))
        at_sample = round(at * rate / 1e6)
        assert np.abs(samples[at_sample - 16 : at_sample + 160]).max() > 2.0 * np.abs(samples[: at_sample - 16]).max()


def test_the_truth_names_everything_that_happened(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    assert [event["kind"] for event in truth["events"]] == ["gunshot", "crowd_movement"]


def test_the_same_seed_writes_the_same_files(few: Scenario, folder: Path, tmp_path: Path) -> None:
    (again,) = render(few, 1, tmp_path)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_shootings_get_a_window_each_and_a_scenario_without_one_is_one_long_recording() -> None:
    assert [len(window.shots) for window in windows(load("evening"), 1, whole=False)] == [1, 1, 1]
    assert [len(window.shots) for window in windows(load("two_shooters"), 1, whole=False)] == [2]
    (site,) = windows(load("building_site"), 1, whole=False)
    assert (site.start_s, site.end_s, site.shots) == (0.0, 60.0, ())


def test_a_folder_that_cannot_be_written_is_told(few: Scenario, tmp_path: Path) -> None:
    (tmp_path / "burst").write_text("in the way")
    with pytest.raises(OutputError, match="can't be written"):
        render(few, 1, tmp_path)
