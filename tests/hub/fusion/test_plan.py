"""Planning: the bound is what it must be, and one more sensor never makes a map worse."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hub.fusion.air import Air
from hub.fusion.plan import Sensors, best_next, bound, chance_of_at_least, coverage, worth
from hub.fusion.settings import FusionSettings

AIR, SETTINGS = Air(), FusionSettings()
POINTS = [(x, y) for x in (-200.0, 0.0, 200.0) for y in (-200.0, 0.0, 200.0)]


def ring(count: int, clock_s: float = 0.001) -> Sensors:
    angle = 2 * np.pi * np.arange(count) / count
    return Sensors(
        300.0 * np.cos(angle), 300.0 * np.sin(angle), np.full(count, 4.0), np.full(count, clock_s),
        np.full(count, 50.0),
    )  # fmt: skip


def error(sensors: Sensors) -> float:
    covariance = bound(sensors, np.ones(len(sensors.east)), 20.0, 30.0, 1, AIR, SETTINGS)
    assert covariance is not None
    return float(np.sqrt(np.trace(covariance)))


def test_better_clocks_and_more_sensors_place_better() -> None:
    assert error(ring(6, 0.0001)) < error(ring(6, 0.020))
    assert error(ring(12)) < error(ring(6))


def test_two_sensors_give_no_place() -> None:
    assert bound(ring(2), np.ones(2), 0.0, 0.0, 1, AIR, SETTINGS) is None


def test_one_more_sensor_where_it_is_best_makes_the_map_better() -> None:
    sensors = ring(4)
    before = worth(coverage(sensors, POINTS, AIR, SETTINGS))
    _, after = best_next(sensors, POINTS, POINTS, AIR, SETTINGS)
    assert after > before


@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_the_chance_of_enough_sensors_is_a_probability_that_falls_with_how_many_are_asked(chances: list[float]) -> None:
    asked = [chance_of_at_least(chances, n) for n in range(1, 6)]
    assert all(-1e-9 <= p <= 1.0 + 1e-9 for p in asked)
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(asked))
