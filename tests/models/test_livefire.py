"""Where shots arrive in a recording, from the surveyed place and the vendor's pulses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.livefire import each_test, read_test
from models.recordings import RecordingError

SPEED = 20.03 * float(np.sqrt(273.15))


def _write(folder: Path) -> Path:
    """One shot at (0, 0), fired 2 s after the recordings began; sensors at 331 and 100 m; the far one heard nothing."""
    folder.mkdir(parents=True)
    places = {"near": 100.0, "far": SPEED}
    start = "2018-12-19T00:00:00.000Z"
    (folder / "meta.json").write_text(
        json.dumps(
            {
                "firing_position": "FPX",
                "sensors": [
                    {"serial_number": name, "start_utc": start, "location": {"x": x, "y": 0.0}, "audio": f"{name}.flac"}
                    for name, x in places.items()
                ],
                "survey": {"survey_location": {"x": 0.0, "y": 0.0}},
                "weather": {"temperature": 0.0},
            }
        )
    )
    arrival = f"2018-12-19T00:00:{2.0 + 100.0 / SPEED:06.3f}Z"
    pulse = {
        "pulse_uuid": "a",
        "serial_number": "near",
        "arrival_time_utc": arrival,
        "location": {"x": 100.0, "y": 0.0},
    }
    (folder / "pulses.json").write_text(json.dumps([pulse]))
    (folder / "vendor_groups.json").write_text(json.dumps([{"shot_index": 0, "pulse_uuids": ["a", "missing"]}]))
    for name in places:
        soundfile.write(folder / f"{name}.flac", np.zeros(12_000), 12_000)
    return folder


def test_arrivals_follow_from_distance_and_temperature(tmp_path: Path) -> None:
    near, far = read_test(_write(tmp_path / "FPX" / "test_001"))
    assert near.arrivals[0].at_s == pytest.approx(2.0 + 100.0 / SPEED, abs=2e-3)
    assert far.arrivals[0].at_s == pytest.approx(3.0, abs=2e-3)
    assert (near.arrivals[0].heard, far.arrivals[0].heard) == (True, False)
    assert [path.name for path in each_test(tmp_path)] == ["test_001"]


@pytest.mark.parametrize("name", ["meta.json", "pulses.json", "vendor_groups.json"])
@pytest.mark.parametrize("content", [None, "{", "[3]"])
def test_a_broken_test_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    folder = _write(tmp_path / "FPX" / "test_001")
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    with pytest.raises(RecordingError) as refused:
        read_test(folder)
    assert refused.value.code == "test_unreadable"


def test_most_real_sensors_report_a_pulse_where_the_shot_is_computed(shared_data: Path) -> None:
    arrivals = [
        arrival
        for folder in each_test(shared_data / "livefire")[::9]
        for heard in read_test(folder)
        for arrival in heard.arrivals
    ]
    assert np.mean([arrival.heard for arrival in arrivals]) > 0.85
