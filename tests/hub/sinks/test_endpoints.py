"""Which incident goes to which receiver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fusion.geometry import inside
from hub.incident import Ellipse, Incident, Place
from hub.sinks.endpoints import Endpoint, may_lie_in

Maker = Callable[..., Incident]
SQUARE = ((45.43, 4.38), (45.44, 4.38), (45.44, 4.39), (45.43, 4.39))


@pytest.mark.parametrize(
    ("filters", "incident", "wanted"),
    [
        ({}, {}, True),
        ({"events": ("fire",)}, {}, False),
        ({"events": ("fire", "gunshot")}, {}, True),
        ({"exercise": True}, {}, False),
        ({"exercise": True}, {"exercise": True}, True),
        ({}, {"exercise": True}, False),
        ({"minimum_probability": 0.9}, {"probability": 0.89}, False),
        ({"minimum_probability": 0.9}, {"probability": 0.9}, True),
        ({"zones": {"centre": SQUARE}}, {"place": Place("disc", 45.435, 4.385)}, True),
        ({"zones": {"centre": SQUARE}}, {"place": Place("disc", 45.45, 4.385)}, False),
    ],
)
def test_a_receiver_gets_what_its_filters_let_through(
    make_incident: Maker, filters: dict[str, Any], incident: dict[str, Any], wanted: bool
) -> None:
    endpoint = Endpoint(name="police", url="https://police.example", **filters)
    assert endpoint.wants(make_incident(**incident)) is wanted


def test_an_incident_that_may_lie_in_the_zone_counts_as_in_it() -> None:
    beside = (45.44 + 20 / 111_320, 4.385)  # 20 metres north of the square
    assert not may_lie_in(Place("ellipse", *beside, Ellipse(15.0, 5.0, 0.0)), SQUARE)
    assert may_lie_in(Place("ellipse", *beside, Ellipse(25.0, 5.0, 0.0)), SQUARE)
    assert may_lie_in(Place("strip", *beside, outline=((45.435, 4.385), beside)), SQUARE)


@given(st.floats(45.42, 45.45), st.floats(4.37, 4.40))
def test_a_point_is_inside_a_square_where_its_bounds_say_so(latitude: float, longitude: float) -> None:
    assert inside(SQUARE, latitude, longitude) == (45.43 <= latitude < 45.44 and 4.38 <= longitude < 4.39)
    assert inside((*SQUARE, SQUARE[0]), latitude, longitude) == inside(SQUARE, latitude, longitude)
