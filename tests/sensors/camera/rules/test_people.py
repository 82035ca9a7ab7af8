"""Crowds, falls, fire, and things that are left."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sensors.camera.blobs import Blob
from sensors.camera.rules.left_behind import advance
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.standing import Thing

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def settings(rule, polygon=WHOLE, **more):
    return CameraSettings(zones=(Zone(name="z", polygon=polygon, rules=(rule,), **more),))


def crowd(count, speed, seed=3):
    """Places of `count` people who stroll, and from 10 s on run away from the middle at `speed`."""
    random = np.random.default_rng(seed)
    start = random.uniform(0.2, 0.75, (count, 2))
    stroll = random.normal(0, 0.012, (count, 2))
    away = start - 0.48
    away /= np.hypot(away[:, :1], away[:, 1:])

    def at(t):
        places = start + stroll * min(t, 10.0) + away * speed * max(0.0, t - 10.0)
        return [(float(x), float(y), 0.03, 0.12) for x, y in places]

    return at


def test_a_crowd_that_scatters_is_said_within_three_seconds(street, play):
    people = crowd(24, 0.16)
    # Nobody is there while the street is learnt.
    images = [street.frame(people(i / 10) if i > 20 else []) for i in range(130)]
    said = play(settings("crowd_movement"), images)
    assert [f.event for _, f in said] == ["crowd_movement"]
    assert 10.0 < said[0][0] < 13.0


def test_a_crowd_that_strolls_on_and_a_street_of_cars_are_not_a_movement(street, play):
    people = crowd(24, 0.012)
    assert play(settings("crowd_movement"), [street.frame(people(i / 10) if i > 20 else []) for i in range(150)]) == []
    cars = [
        street.frame([((i / 10 - 3 - 2 * k) * 0.35, 0.5, 0.15, 0.15) for k in range(6)] if i > 30 else [])
        for i in range(150)
    ]
    assert play(settings("crowd_movement"), cars) == []


def procession(t, *, turns_s=None, both_ways=False):
    """Forty people in a row of rows who all go to the right at a walk; some of them both ways; or they turn round."""
    boxes = []
    for k in range(60):
        left = both_ways and k % 2
        way = -1 if left else 1
        gone = 0.06 * t if turns_s is None or t < turns_s else 0.06 * (2 * turns_s - t)
        x = (k * 0.173 + way * gone) % 1.2 - 0.1
        boxes.append((x, 0.15 + 0.13 * (k % 6), 0.025, 0.11))
    return boxes


def test_people_who_come_against_a_stream_are_said_and_a_street_walked_both_ways_is_not(street, play):
    small = type(street)(160, 90)

    def film(seconds, **how):
        return (small.frame(procession(i / 5, **how) if i > 10 else []) for i in range(5 * seconds))

    said = play(settings("crowd_movement"), film(77, turns_s=70.0), fps=5.0)
    assert [f.event for _, f in said][:1] == ["crowd_movement"]
    assert said[0][0] > 70.0
    assert play(settings("crowd_movement"), film(70), fps=5.0) == []
    assert play(settings("crowd_movement"), film(70, both_ways=True), fps=5.0) == []


def test_a_square_that_fills_is_said_and_one_that_stays_half_empty_is_not(street, play):
    random = np.random.default_rng(5)
    places = random.uniform(0.0, 0.95, (420, 2))

    def full(t, most):
        shown = int(np.clip((t - 4) / 8, 0, 1) * most)
        wobble = random.normal(0, 0.004, (shown, 2))
        return [(float(x), float(y), 0.03, 0.07) for x, y in places[:shown] + wobble]

    rule = settings("crowd_density", dense_share=0.6)
    said = play(rule, [street.frame(full(i / 10, 420), level=230) for i in range(180)])
    assert [f.event for _, f in said] == ["crowd_density"]
    assert 6.0 < said[0][0] < 16.0
    assert play(rule, [street.frame(full(i / 10, 60), level=230) for i in range(180)]) == []


def falling(t, stands_up=False):
    """Somebody who comes in from the left, falls at 8 s, and lies; or gets up again after a second."""
    if t < 3.0:
        return []
    x = min(t, 8.0) * 0.1 - 0.32
    if t < 8.0 or (stands_up and t > 9.2):
        return [(x, 0.4, 0.06, 0.4)]
    sink = min(1.0, (t - 8.0) / 0.6)
    return [(x, 0.4 + 0.27 * sink, 0.06 + 0.16 * sink, 0.4 - 0.27 * sink)]


def test_somebody_who_falls_and_stays_down_is_said(street, play):
    said = play(settings("person_down"), [street.frame(falling(i / 10)) for i in range(140)])
    assert [f.event for _, f in said] == ["person_down"]
    assert 9.0 < said[0][0] < 12.5
    assert said[0][1].score < 0.9


def test_somebody_who_gets_up_at_once_or_only_walks_is_not_said(street, play):
    assert play(settings("person_down"), [street.frame(falling(i / 10, stands_up=True)) for i in range(150)]) == []
    walking = [street.frame([((i / 10 - 3) * 0.08, 0.4, 0.06, 0.4)] if i > 30 else []) for i in range(140)]
    assert play(settings("person_down"), walking) == []


def with_flame(street, i, kind):
    image = street.frame()
    if i < 30:
        return image
    random = street.random
    if kind == "flame":
        height, lean = random.integers(22, 44), random.integers(-5, 6)
        corners = np.array([[150, 120], [180, 120], [165 + lean, 120 - height]])
        cv2.fillPoly(image, [corners], (40, int(random.integers(120, 190)), 250))
    elif kind == "vest":
        cv2.rectangle(image, (140 + i // 4, 90), (160 + i // 4, 120), (40, 140, 245), -1)
    elif kind == "beacon" and i % 5 < 2:
        cv2.rectangle(image, (150, 90), (170, 110), (30, 140, 250), -1)
    elif kind == "lamp":
        cv2.rectangle(image, (150, 90), (170, 110), (60, 170, 250), -1)
    return image


def test_a_flame_is_said_and_a_vest_a_beacon_and_a_lamp_are_not(street, play):
    said = play(settings("fire"), (with_flame(street, i, "flame") for i in range(130)))
    assert [f.event for _, f in said] == ["fire"]
    assert said[0][0] < 10.0
    for kind in ("vest", "beacon", "lamp"):
        assert play(settings("fire"), (with_flame(street, i, kind) for i in range(130))) == [], kind


def veiled(street, i, kind):
    """A street before which, from the sixth second on, something grey stands: smoke, fog, a pane, or a shadow."""
    image = street.frame().astype(np.float32)
    if i < 60:
        return image.astype(np.uint8)
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    beside = np.abs(columns - 160) / 45
    if kind == "fog":
        alpha = np.full((height, width), min(0.5, (i - 60) / 60))
    elif kind == "pane":
        alpha = np.where(beside < 1, 0.5, 0.0)
    else:
        grown = min(1.0, (i - 60) / 40)
        puffs = 0.5 + 0.2 * np.sin(rows / 9 + i / 3) + 0.15 * np.sin(columns / 7 - i / 4)
        alpha = grown * np.clip(puffs * np.exp(-(beside**2)), 0, 0.8) * (rows < 150)
    if kind == "shadow":
        return (image * (1 - 0.6 * alpha[:, :, None])).astype(np.uint8)
    return (image * (1 - alpha[:, :, None]) + 195 * alpha[:, :, None]).astype(np.uint8)


def test_a_plume_of_smoke_is_said_as_fire_and_fog_a_pane_and_a_shadow_are_not(street, play):
    said = play(settings("fire"), (veiled(street, i, "smoke") for i in range(240)))
    assert [f.event for _, f in said] == ["fire"]
    assert 7.0 < said[0][0] < 22.0
    assert said[0][1].score <= 0.7
    for kind in ("fog", "pane", "shadow"):
        assert play(settings("fire"), (veiled(street, i, kind) for i in range(200))) == [], kind


def carrier(t, *, comes_back=False):
    """Somebody walks in, stops at 6 s, puts a bag down, goes on at 8 s; and may fetch it at 14 s."""
    boxes = []
    if t > 3.0:
        x = (min(t, 6.0) - 3.0) * 0.13 + max(0.0, t - 8.0) * 0.13
        if comes_back and t > 11.0:
            x = 0.78 - min(t - 11.0, 3.0) * 0.13 - max(0.0, t - 15.0) * 0.13
        if x < 1.0:
            boxes.append((x, 0.4, 0.06, 0.36))
    taken = comes_back and t > 15.0
    if t > 6.5 and not taken:
        boxes.append((0.36 - 0.05, 0.69, 0.05, 0.07))
    return boxes


def test_a_bag_that_is_left_alone_is_said_after_the_time_of_its_zone(street, play):
    said = play(settings("abandoned_object", unattended_s=8.0), [street.frame(carrier(i / 10)) for i in range(260)])
    assert [f.event for _, f in said] == ["abandoned_object"]
    assert 16.0 < said[0][0] < 21.0
    assert said[0][1].score <= 0.8


def test_a_bag_that_is_fetched_in_time_is_not_said(street, play):
    images = [street.frame(carrier(i / 10, comes_back=True)) for i in range(260)]
    assert play(settings("abandoned_object", unattended_s=12.0), images) == []


def test_a_thing_that_stood_there_from_the_start_is_nobodys_abandoned_bag(street, play):
    images = [
        street.frame([(0.3, 0.6, 0.05, 0.08), *([((i / 10 - 3) * 0.1, 0.4, 0.06, 0.4)] if i > 30 else [])])
        for i in range(220)
    ]
    assert play(settings("abandoned_object", unattended_s=6.0), images) == []


def test_rubbish_left_in_a_forbidden_place_is_said_sooner(street, play):
    said = play(settings("dumping"), [street.frame(carrier(i / 10)) for i in range(220)])
    assert [f.event for _, f in said] == ["dumping"]
    assert said[0][0] < 19.0


@pytest.mark.parametrize(
    ("stages", "near"),
    [
        (["left", "left", "unattended", "abandoned"], [True, True, False, False]),
        (["left", "unattended", "left", "unattended"], [True, False, True, False]),
        (["unattended", "abandoned", "abandoned"], [False, False, True]),
    ],
)
def test_the_life_cycle_of_a_thing_that_was_left(stages, near):
    thing = Thing(1, Blob(0.1, 0.1, 0.1, 0.1, 0.01), 0.0, None, False)
    left, seen = None, []
    for step, attended in enumerate(near):
        left = advance(left, thing, attended, step * 10.0, 10.0)
        seen.append(left.stage)
    assert seen == stages


def test_a_wall_that_was_painted_is_said_when_the_painter_has_gone(street, play):
    wall = ((0.3, 0.2), (0.8, 0.2), (0.8, 0.6), (0.3, 0.6))

    def picture(i, paints):
        t = i / 10
        boxes = []
        if 3.0 < t < 18.0:
            x = min((t - 3.0) * 0.15, 0.5) + max(0.0, t - 14.0) * 0.15
            boxes.append((x, 0.3, 0.07, 0.5))
        if paints and t > 12.0:
            painted = street.ground
            street.ground = street.ground.copy()
            for k in range(6):
                cv2.line(street.ground, (150 + 12 * k, 50), (158 + 12 * k, 85), (20, 20, 20), 3)
            image = street.frame(boxes)
            street.ground = painted
            return image
        return street.frame(boxes)

    said = play(settings("tagging", wall), (picture(i, True) for i in range(260)))
    assert [f.event for _, f in said] == ["tagging"]
    assert play(settings("tagging", wall), (picture(i, False) for i in range(260))) == []
