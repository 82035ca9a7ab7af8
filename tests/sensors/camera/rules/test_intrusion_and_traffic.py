"""Who enters, and which way vehicles go and stop."""

from __future__ import annotations

import numpy as np
import pytest

from sensors.camera.settings import CameraSettings, Zone

RIGHT_HALF = ((0.5, 0.1), (1.0, 0.1), (1.0, 1.0), (0.5, 1.0))
ROAD = ((0.0, 0.2), (1.0, 0.2), (1.0, 1.0), (0.0, 1.0))


def settings(rule, polygon, **more):
    return CameraSettings(zones=(Zone(name="z", polygon=polygon, rules=(rule,), **more),))


def walker(t, begin=3.0, speed=0.1, y=0.5):
    return [((t - begin) * speed - 0.04, y, 0.04, 0.2)] if t >= begin else []


def test_a_walker_is_said_once_after_he_has_entered_the_zone(street, play):
    images = [street.frame(walker(i / 10)) for i in range(130)]
    said = play(settings("intrusion", RIGHT_HALF), images)
    assert [finding.event for _, finding in said] == ["intrusion"]
    at, finding = said[0]
    # His middle passes x = 0.5 at 3 + 0.52 / 0.1 s.
    assert finding.onset_s == pytest.approx(8.2, abs=0.5)
    assert at - finding.onset_s < 1.5
    assert finding.foot[1] == pytest.approx(0.7, abs=0.03)


def test_a_walker_who_stays_outside_is_not_said(street, play):
    images = [street.frame([(0.1 + 0.02 * np.sin(i / 8), 0.5, 0.04, 0.2)] if i > 30 else []) for i in range(120)]
    assert play(settings("intrusion", RIGHT_HALF), images) == []


@pytest.mark.parametrize("kind", ["breathing light", "cloud shadow", "flicker", "shake"])
def test_an_empty_street_says_nothing_whatever_the_weather(street, play, kind):
    def picture(i):
        if kind == "breathing light":
            return street.frame(light=1.0 + 0.4 * np.sin(i / 15))
        image = street.frame()
        if kind == "cloud shadow" and i > 40:
            edge = int((i - 40) * 2.5)
            image[:, :edge] = (image[:, :edge] * 0.6).astype(np.uint8)
        if kind == "flicker" and i % 2:
            image[60:90, 200:230] = 240
        if kind == "shake":
            image = np.roll(image, (int(2 * np.sin(i)), int(3 * np.cos(i * 1.7))), (0, 1))
        return image

    assert play(settings("intrusion", RIGHT_HALF), (picture(i) for i in range(170))) == []


def test_a_walker_is_seen_while_the_light_changes(street, play):
    images = [street.frame(walker(i / 10), light=1.0 + 0.3 * np.sin(i / 20)) for i in range(130)]
    assert [f.event for _, f in play(settings("intrusion", RIGHT_HALF), images)] == ["intrusion"]


def test_a_walker_is_seen_by_a_camera_that_shakes(street, play):
    images = [
        np.roll(street.frame(walker(i / 10)), (int(2 * np.sin(i)), int(3 * np.cos(i * 1.7))), (0, 1))
        for i in range(130)
    ]
    assert [f.event for _, f in play(settings("intrusion", RIGHT_HALF), images)] == ["intrusion"]


def test_one_frame_a_second_is_enough_for_an_intruder(street, play):
    images = [street.frame([(0.3 + 0.03 * (t - 14), 0.5, 0.08, 0.3)] if t > 14 else []) for t in range(40)]
    assert [f.event for _, f in play(settings("intrusion", RIGHT_HALF), images, fps=1.0)][:1] == ["intrusion"]


def traffic(street, seconds=24.0, period=6.0):
    """A car each six seconds from left to right on the lane."""
    for i in range(int(seconds * 10)):
        t = i / 10
        cars = [((t - start) * 0.25 - 0.15, 0.5, 0.15, 0.15) for start in np.arange(2.5, seconds - 4, period)]
        yield street.frame([car for car in cars if -0.15 < car[0] < 1.0])


def test_with_the_direction_inverted_every_vehicle_is_said_and_with_the_true_one_none(street, play):
    cars = len(np.arange(2.5, 20, 6.0))
    against = play(settings("wrong_way", ROAD, direction=(-1.0, 0.0)), traffic(street))
    assert [f.event for _, f in against] == ["wrong_way"] * cars
    assert play(settings("wrong_way", ROAD, direction=(1.0, 0.0)), traffic(street)) == []


def test_somebody_on_foot_may_go_against_the_traffic(street, play):
    images = [street.frame(walker(i / 10, speed=0.05)) for i in range(150)]
    assert play(settings("wrong_way", ROAD, direction=(-1.0, 0.0)), images) == []


def stopping(t, stop=6.0):
    x = (min(t, stop) - 3.0) * 0.15
    return [(x, 0.5, 0.15, 0.15)] if t > 3.0 else []


def test_a_vehicle_that_drives_up_and_stands_is_said_after_its_time(street, play):
    images = [street.frame(stopping(i / 10)) for i in range(220)]
    said = play(settings("stopped_vehicle", ROAD, stopped_s=8.0), images)
    assert [f.event for _, f in said] == ["stopped_vehicle"]
    assert said[0][1].onset_s == pytest.approx(6.0, abs=1.2)
    assert said[0][0] == pytest.approx(14.0, abs=1.5)


def test_others_that_drive_past_do_not_hide_the_vehicle_that_stands(street, play):
    images = []
    for i in range(240):
        t = i / 10
        passing = [((t - 9.0) % 4 * 0.4 - 0.2, 0.3, 0.2, 0.3)] if t > 9 else []
        images.append(street.frame([*stopping(t), *passing]))
    assert [f.event for _, f in play(settings("stopped_vehicle", ROAD, stopped_s=8.0), images)] == ["stopped_vehicle"]


def test_a_queue_and_a_vehicle_that_goes_on_are_no_breakdown(street, play):
    def queue(t):
        return [(min((t - 3.0 - k) * 0.15, 0.75 - 0.2 * k), 0.5, 0.15, 0.15) for k in range(4) if t > 3.0 + k]

    rule = settings("stopped_vehicle", ROAD, stopped_s=8.0)
    assert play(rule, [street.frame(queue(i / 10)) for i in range(220)]) == []
    assert play(rule, traffic(street)) == []
