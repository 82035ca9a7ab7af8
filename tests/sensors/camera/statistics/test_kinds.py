"""Walkers, cycles, cars and lorries told apart by their size on the ground, their shape and their speed."""

from __future__ import annotations

import pytest

from sensors.camera.blobs import Blob
from sensors.camera.ground import GroundMap
from sensors.camera.settings import Ground
from sensors.camera.statistics.kinds import Kinds

ASPECT = 9 / 16
# Twenty metres of ground across the picture, seen from above so that it has one scale.
EAST = 20.0 / (111_320.0 * 0.7017)
GROUND = GroundMap(
    Ground(
        image=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
        latitude_longitude=((45.4301, 4.379), (45.4301, 4.379 + EAST), (45.43, 4.379 + EAST), (45.43, 4.379)),
    )
)


def box(width_m: float, height_m: float) -> Blob:
    w, h = width_m / 20.0, height_m / 20.0 / ASPECT
    return Blob(0.3, 0.4, w, h, 0.8 * w * h)


@pytest.mark.parametrize(
    ("width_m", "height_m", "speed_m_s", "expected"),
    [
        (0.6, 1.75, 1.4, ("person", 1)),
        (0.5, 1.1, 1.0, ("person", 1)),
        (1.3, 1.8, 1.3, ("person", 2)),
        (1.7, 1.8, 5.0, ("cycle", 1)),
        (0.7, 1.8, 6.0, ("cycle", 1)),
        (4.3, 1.5, 9.0, ("car", 1)),
        (1.9, 1.5, 9.0, ("car", 1)),
        (2.5, 3.2, 8.0, ("heavy", 1)),
        (12.0, 3.1, 8.0, ("heavy", 1)),
    ],
)
def test_with_a_ground_map_metres_decide(width_m, height_m, speed_m_s, expected):
    assert Kinds(GROUND).of(box(width_m, height_m), speed_m_s / 20.0, ASPECT) == expected


def test_without_a_ground_map_shape_and_what_passed_before_decide():
    kinds = Kinds(None)
    assert kinds.of(box(0.6, 1.75), 1.4 / 20, ASPECT)[0] == "person"
    assert kinds.of(box(0.7, 1.75), 5.5 / 20, ASPECT)[0] == "cycle"
    for _ in range(10):
        assert kinds.of(box(4.3, 1.5), 9 / 20, ASPECT)[0] == "car"
    assert kinds.of(box(11.0, 3.0), 9 / 20, ASPECT)[0] == "heavy"
    assert kinds.of(box(1.7, 1.8), 5.0 / 20, ASPECT)[0] == "cycle"
