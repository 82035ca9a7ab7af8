"""A camera that shakes is brought back; one that stands still is left alone, whatever comes into the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sensors.camera.scene import Steady


def grey(street, boxes=()):
    return cv2.cvtColor(street.frame(boxes), cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize("seed", range(12))
def test_paint_and_people_are_no_shift_of_the_camera(street, seed):
    scene = type(street)(seed=seed)
    steady = Steady()
    steady.reference(grey(scene))
    for x in np.arange(0.0, 1.0, 0.05):
        cv2.line(scene.ground, (150 + round(60 * x), 50), (158 + round(60 * x), 85), (20, 20, 20), 3)
        assert steady.shift(grey(scene, [(float(x), 0.3, 0.2, 0.5)])) == (0.0, 0.0)


@pytest.mark.parametrize("moved", [(5, 0), (0, -6), (-10, 0)])
def test_a_mast_in_the_wind_is_seen_in_pixels(street, moved):
    steady = Steady()
    still = grey(street)
    steady.reference(still)
    right, down = steady.shift(np.roll(still, moved, axis=(1, 0)))
    assert right == pytest.approx(moved[0], abs=0.8)
    assert down == pytest.approx(moved[1], abs=0.8)


def test_the_hundredth_gust_is_seen_as_the_first(street):
    steady = Steady()
    still = grey(street)
    steady.reference(still)
    for gust in range(100):
        shift = steady.shift(np.roll(still, (4, -4) if gust % 2 else (-6, 2), axis=(1, 0)))
    assert shift == pytest.approx((4.0, -4.0), abs=0.8)
