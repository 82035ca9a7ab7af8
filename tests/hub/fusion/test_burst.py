"""Association and location on real shots in a real city, and geometry on its own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.commands._evaluate_location import figures_of, judge
from hub.commands._location_data import bursts
from hub.fusion.air import Air, travel_times
from hub.fusion.geometry import disc, inside
from hub.fusion.plane import Plane


@pytest.fixture(scope="module")
def outcomes(shared_data, tmp_path_factory):
    """Two of the firing positions, from the vendor's raw pulses."""
    folder = tmp_path_factory.mktemp("livefire")
    for position in ("FP2", "FP3"):
        (folder / position).symlink_to(shared_data / "livefire" / position)
    return [judge(burst) for burst in bursts(folder, "pulses")]


def test_real_bursts_are_all_found_and_placed_within_15_m(outcomes) -> None:
    figures = figures_of(outcomes)
    assert figures["bursts_found"].value == 1.0
    assert figures["within_15m"].value == 1.0
    assert figures["median_m"].value < 4.6


def test_real_rounds_are_counted_right_and_next_to_nothing_is_invented(outcomes) -> None:
    figures = figures_of(outcomes)
    assert figures["rounds_right"].value >= 0.95
    # Pulses have no class: one chance alignment in 36 bursts is told, as "possible" at most.
    assert figures["false_incidents"].value <= 1
    assert all(i.probability < 0.5 for o in outcomes for i in o.incidents if o.others and len(i.arrivals) < 12)


def test_sound_is_as_fast_as_the_note_says_and_wind_carries_it() -> None:
    assert math.isclose(Air(0.0).speed_mps, 20.03 * math.sqrt(273.15))
    east = travel_times(100.0, 0.0, 0.0, Air(15.0, wind_east_mps=10.0))
    west = travel_times(-100.0, 0.0, 0.0, Air(15.0, wind_east_mps=10.0))
    assert east < travel_times(100.0, 0.0, 0.0, Air(15.0)) < west


@given(st.floats(-70, 70), st.floats(-170, 170), st.floats(-2_000, 2_000), st.floats(-2_000, 2_000))
def test_a_plane_gives_back_what_it_was_given(latitude: float, longitude: float, east: float, north: float) -> None:
    plane = Plane.at(latitude, longitude)
    x, y = plane.metres(*plane.degrees(east, north))
    assert abs(float(x) - east) < 1e-3
    assert abs(float(y) - north) < 1e-3


def test_a_disc_holds_its_centre_and_not_what_is_farther() -> None:
    plane = Plane.at(45.0, 5.0)
    ring = disc(plane, 0.0, 0.0, 100.0)
    assert inside(ring, 45.0, 5.0)
    assert not inside(ring, *plane.degrees(150.0, 0.0))
