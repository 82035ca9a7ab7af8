"""The camera's own sight, its settings, and the ground."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pymap3d
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.camera.analyser import Analyser
from sensors.camera.frames import StillFrame
from sensors.camera.ground import GroundMap
from sensors.camera.settings import EXAMPLE, CameraSettings, Ground, SettingsError, Zone, parse_settings
from sensors.camera.station import CameraStation


def states(images, fps=10.0):
    analyser = Analyser(CameraSettings())
    return [
        analyser.step(StillFrame(image, 1_790_000_000_000_000 + round(i * 1e6 / fps), i)).state
        for i, image in enumerate(images)
    ]


def spoilt(street, i, kind):
    if i < 80:
        return street.frame()
    if kind == "dark":
        return (street.frame() * 0.05).astype(np.uint8)
    if kind == "covered":
        image = street.frame()
        image[20:, 40:] = 45 + street.random.integers(0, 3, (160, 280, 3))
        return image.astype(np.uint8)
    if kind == "defocused":
        return cv2.GaussianBlur(street.frame(), (0, 0), 9)
    if kind == "moved":
        return np.ascontiguousarray(street.frame()[::-1, ::-1])
    return street.first


@pytest.mark.parametrize("kind", ["dark", "covered", "defocused", "moved", "frozen"])
def test_a_camera_that_no_longer_sees_says_why(street, kind):
    street.first = street.frame()
    seen = states(spoilt(street, i, kind) for i in range(200))
    assert "ok" in seen[30:80]
    assert set(seen[30:80]) == {"ok"}
    assert kind in seen[85:]


def hand(image):
    """A smooth dark thing, as large as a fifth of the picture, that comes in from above."""
    shape = np.array([[70, 0], [210, 0], [190, 70], [150, 95], [90, 60]])
    cv2.fillPoly(image, [shape], (22, 26, 30))
    return image


def test_a_hand_before_a_part_of_the_lens_is_told_and_the_rest_is_watched(street):
    zone = Zone(name="z", polygon=((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)), rules=("intrusion",))
    analyser = Analyser(CameraSettings(zones=(zone,)))
    seen, said = [], []
    for i in range(200):
        walker = [((i / 10 - 13) * 0.14, 0.6, 0.05, 0.25)] if i > 130 else []
        image = hand(street.frame(walker)) if i >= 80 else street.frame(walker)
        analysis = analyser.step(StillFrame(image, 1_790_000_000_000_000 + i * 100_000, i))
        seen.append(analysis.state)
        said += [finding.event for finding in analysis.findings if i > 130]
    assert set(seen[30:80]) == {"ok"}
    assert "covered" in seen[90:130]
    assert "intrusion" in said


def test_a_lorry_as_large_that_comes_from_the_side_is_no_cover(street):
    random = np.random.default_rng(4)
    lorry = cv2.resize(random.integers(10, 240, (10, 14, 3), np.uint8), (126, 100), interpolation=cv2.INTER_NEAREST)

    def picture(i):
        image = street.frame()
        shown = max(0, min(126, 2 * (i - 50)))
        image[40:140, :shown] = lorry[:, 126 - shown :]
        return image

    assert "covered" not in states(picture(i) for i in range(200))


def test_a_camera_that_sees_again_is_well_again(street):
    seen = states(spoilt(street, i if i < 130 else 0, "dark") for i in range(200))
    assert seen[125] == "dark"
    assert seen[-1] == "ok"


def test_the_state_of_sight_is_the_stations_health(street):
    from sensors.camera.frames import FeedSource

    source = FeedSource()
    station = CameraStation("cam-1", source, CameraSettings())
    assert (station.health().capture, station.health().models) == ("starting", station.health().models)
    assert station.health().models[0].startswith("tocsin-camera@")


def test_the_example_settings_are_good_settings():
    assert parse_settings(EXAMPLE).watching("intrusion")[0].name == "lawn"


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ("masks = [[[0, 0], [640, 0], [1, 1]]]", "masks[0]", "not pixels"),
        ("zones = [{name = 'a', polygon = [[0,0],[1,1]]}]", "zones[0].polygon", "--example"),
        ("zones = [{name = 'A b', polygon = [[0,0],[1,0],[1,1]]}]", "zones[0].name", "--example"),
        ("zones = [{name = 'a', polygon = [[0,0],[1,0],[1,1]], rules = ['faces']}]", "zones[0].rules[0]", "--example"),
        ("zones = [{name = 'a', polygon = [[0,0],[1,0],[1,1]], rules = ['wrong_way']}]", "zones[0].direction", "legal"),
        ("zones = [{name = 'a', polygon = [[0,0],[0.5,0.5],[1,1]]}]", "zones[0].polygon", "in order"),
        ("width = 9000", "width", "--example"),
        ("colour = 'red'", "settings", "--example"),
        ("zones = [", "settings", "Correct"),
    ],
)
def test_settings_that_cannot_be_used_name_the_key_and_the_mend(text, key, mend):
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    assert caught.value.key == key
    assert mend in str(caught.value)


GROUND = Ground(
    image=((0.1, 0.9), (0.9, 0.9), (0.7, 0.3), (0.3, 0.3)),
    latitude_longitude=((45.4301, 4.3790), (45.4301, 4.3793), (45.4304, 4.3793), (45.4304, 4.3790)),
    sigma_m=0.5,
)


def test_the_surveyed_points_lie_where_they_were_surveyed_and_far_ones_are_less_sure():
    ground = GroundMap(GROUND)
    for (x, y), (latitude, longitude) in zip(GROUND.image, GROUND.latitude_longitude, strict=True):
        place = ground.position(x, y)
        east, north, _ = pymap3d.geodetic2enu(place.latitude, place.longitude, 0, latitude, longitude, 0)
        assert math.hypot(east, north) < 0.05
    near, far = ground.position(0.5, 0.9), ground.position(0.5, 0.3)
    assert near.sigma_m < far.sigma_m


def test_above_the_horizon_there_is_no_place():
    # The sides of the surveyed trapezium meet at y = -0.3.
    assert GroundMap(GROUND).position(0.5, -0.31) is None
    assert GroundMap(GROUND).position(0.5, -0.28) is None


@given(st.floats(0.15, 0.85), st.floats(0.35, 0.9))
def test_a_place_on_the_ground_lies_between_the_surveyed_ones(x, y):
    place = GroundMap(GROUND).position(x, y)
    assert place is None or (45.4300 < place.latitude < 45.4305 and 4.3785 < place.longitude < 4.3798)


def test_points_on_one_line_do_not_fix_the_ground():
    line = Ground(image=((0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4)), latitude_longitude=GROUND.latitude_longitude)
    with pytest.raises(SettingsError, match="fix the ground"):
        GroundMap(line)
