"""The weather that the speed of sound is told from: fresh where something writes it, the configuration's own else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.fusion.air import Air
from hub.weather import Weather, air_of

NOW_US = 1_800_000_000_000_000
USUAL = Air(11.0)


def test_a_fresh_observation_counts_and_a_west_wind_blows_to_the_east(tmp_path: Path) -> None:
    file = tmp_path / "weather.json"
    file.write_text(
        f'{{"temperature_c": -3.5, "wind_mps": 6.0, "wind_from_deg": 270.0, "at_us": {NOW_US - 60_000_000}}}'
    )
    air = Weather(file, USUAL).air(NOW_US)
    assert air.temperature_c == -3.5
    assert air.wind_east_mps == pytest.approx(6.0)
    assert air.wind_north_mps == pytest.approx(0.0, abs=1e-9)
    assert air.speed_mps < USUAL.speed_mps


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"temperature_c": 900, "at_us": 1800000000000000}', '{"temperature_c": 12}',
        '{"temperature_c": 12, "at_us": 1799980000000000}', '{"temperature_c": 12, "at_us": 1800990000000000}',
    ],
)  # fmt: skip
def test_what_is_no_weather_of_the_moment_leaves_the_configuration_s_own(tmp_path: Path, text: str) -> None:
    file = tmp_path / "weather.json"
    file.write_text(text)
    assert Weather(file, USUAL).air(NOW_US) == USUAL


def test_without_a_file_the_configuration_s_own_counts(tmp_path: Path) -> None:
    assert Weather(None, USUAL).air(NOW_US) == USUAL
    assert Weather(tmp_path / "none.json", USUAL).air(NOW_US) == USUAL
    assert air_of(20.0, 0.0, 0.0).still
