"""What an agent tells of real shots, on tests laid out as the live fire and made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from hub.commands._evaluate_told import evaluate_told
from models.livefire import each_test
from models.runtime import AcousticModel
from models.shipped import transmitted

RATE = 12_000
SPEED = 20.03 * float(np.sqrt(273.15))


def a_shot(rng: np.random.Generator) -> np.ndarray:
    time = np.arange(RATE // 2) / RATE
    return 0.8 * rng.normal(size=time.size) * np.exp(-time / 0.04)


def live_fire(folder: Path, *, left_out: bool = False) -> Path:
    """One shot heard by a sensor at 100 m, 2 s into its recording, and one at 4 s that the recording may leave out."""
    test = folder / "FPX" / "test_001"
    test.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 1e-3, 6 * RATE)
    for at_s in (2.0, 4.0):
        sound[round(at_s * RATE) :][: RATE // 2] += a_shot(rng)
    if left_out:
        sound[round(3.9 * RATE) :] = 0.0
    soundfile.write(test / "near.flac", np.clip(sound, -1, 1).astype(np.float32), RATE)
    sensor = {
        "serial_number": "near",
        "start_utc": "2018-12-19T00:00:00.000Z",
        "location": {"x": 100.0, "y": 0.0},
        "audio": "near.flac",
    }
    meta = {
        "firing_position": "FPX",
        "sensors": [sensor],
        "survey": {"survey_location": {"x": 0.0, "y": 0.0}},
        "weather": {"temperature": 0.0},
    }
    pulses = [
        {
            "pulse_uuid": str(number),
            "serial_number": "near",
            "arrival_time_utc": f"2018-12-19T00:00:{second:06.3f}Z",
            "location": {"x": 100.0, "y": 0.0},
        }
        for number, second in enumerate((2.0, 4.0))
    ]
    groups = [{"shot_index": number, "pulse_uuids": [str(number)]} for number in range(2)]
    for name, content in (("meta", meta), ("pulses", pulses), ("vendor_groups", groups)):
        (test / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_shots_are_counted_as_told_by_their_direct_sound(tmp_path: Path) -> None:
    figures, failed = evaluate_told(live_fire(tmp_path), AcousticModel.load())
    assert not failed
    assert figures["told_gunshot_livefire_400m"].n == 2
    assert figures["told_gunshot_livefire_400m"].interval.value == 1.0
    assert figures["told_direct_gunshot_livefire_400m"].interval.value == 1.0


def test_a_shot_that_the_recording_leaves_out_is_not_counted(tmp_path: Path) -> None:
    figures, _ = evaluate_told(live_fire(tmp_path, left_out=True), AcousticModel.load())
    assert figures["told_gunshot_livefire_400m"].n == 1


def test_a_test_that_can_not_be_read_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    folder = live_fire(tmp_path)
    broken = folder / "FPX" / "test_002"
    broken.mkdir()
    (broken / "meta.json").write_text("{")
    figures, failed = evaluate_told(folder, AcousticModel.load())
    assert [one.code for one in failed] == ["test_unreadable"]
    assert figures["told_gunshot_livefire_400m"].n == 2


def test_nothing_to_count_gives_no_figure(tmp_path: Path) -> None:
    assert evaluate_told(tmp_path, AcousticModel.load()) == ({}, [])


def test_zeros_between_segments_are_not_transmitted_and_the_faintest_street_is() -> None:
    street = np.random.default_rng(0).normal(0, 1e-4, 16_000).astype(np.float32)
    assert transmitted(street, 0.5)
    street[8_000:] = 0.0
    assert not transmitted(street, 0.5)
    assert not transmitted(street, 2.0)


def test_real_shots_within_400_m_are_told(shared_data: Path, tmp_path: Path) -> None:
    for test in each_test(shared_data / "livefire")[::9]:
        (tmp_path / test.parent.name).mkdir(exist_ok=True)
        (tmp_path / test.parent.name / test.name).symlink_to(test)
    figures, _ = evaluate_told(tmp_path, AcousticModel.load())
    assert figures["told_gunshot_livefire_400m"].n > 50
    assert figures["told_gunshot_livefire_400m"].interval.value >= 0.98
