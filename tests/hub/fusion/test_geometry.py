"""Shapes of a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.fusion.geometry import ellipse_outline
from hub.fusion.plane import Plane
from hub.incident import Ellipse


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60), st.floats(1.0, 500.0), st.floats(0.05, 1.0), st.floats(0.0, 180.0))
def test_the_outline_of_an_ellipse_reaches_as_far_as_its_axes(
    latitude: float, major_m: float, ratio: float, bearing: float
) -> None:
    here = Plane.at(latitude, 4.0)
    outline = ellipse_outline(latitude, 4.0, Ellipse(major_m, major_m * ratio, bearing))
    distances = [here.distance_m(*corner) for corner in outline]
    assert max(distances) == pytest.approx(major_m, rel=1e-3)
    assert min(distances) == pytest.approx(major_m * ratio, rel=1e-3)
