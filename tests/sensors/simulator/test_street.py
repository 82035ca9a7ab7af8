"""A drawn street does what its truth says: people run when they should, one trespasses, the rest keep out."""

import math

import msgspec
import numpy as np
import pytest

from sensors.simulator.lens import Lens, ground_outline, ground_points
from sensors.simulator.people import Figure, Street
from sensors.simulator.scenario import CameraPlan, Scenario, load
from sensors.simulator.street import StreetPainter

EVENING = load("evening")
PLANS = {plan.id: plan for plan in EVENING.camera}


def at(plan: CameraPlan, second: float, scenario: Scenario = EVENING, seed: int = 1) -> Street:
    street = Street(scenario, plan, seed)
    while street.at_s < second:
        street.step(0.1)
    return street


def inside(plan: CameraPlan, figure: Figure, polygon: tuple[tuple[float, float], ...]) -> bool:
    """Whether the figure's feet are in the zone, by the sum of angles."""
    u, v = Lens.of(plan).pixel(figure.x, 0.0, figure.z)
    corners = [(x * plan.width - u, y * plan.height - v) for x, y in polygon]
    turn = 0.0
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        turn += math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])
    return abs(turn) > math.pi


def mean_pace(street: Street) -> float:
    return float(np.mean([math.hypot(f.vx, f.vz) for f in street.figures() if not f.cycle]))


def test_a_point_of_the_picture_and_its_ground_are_each_others_inverse() -> None:
    lens = Lens.of(PLANS["cam-roannelle"])
    x, z = lens.ground(0.7, 0.8, 100.0)
    u, v = lens.pixel(x, 0.0, z)
    assert (u / lens.width, v / lens.height) == pytest.approx((0.7, 0.8))


def test_a_cameras_ground_lies_ahead_of_it_within_its_range() -> None:
    plan = PLANS["cam-beaubrun"]
    outline = ground_outline(EVENING, plan)
    assert outline[0] == outline[-1]
    camera = EVENING.metres(plan.latitude, plan.longitude, 0.0)
    heading = math.radians(plan.heading_deg)
    for point in (*outline, *ground_points(EVENING, plan)[1]):
        east, north, _ = np.subtract(EVENING.metres(*point, 0.0), camera)
        ahead = east * math.sin(heading) + north * math.cos(heading)
        assert 0.0 < ahead <= plan.range_m + 0.1


def test_people_walk_until_the_moment_of_the_truth_and_run_after_it() -> None:
    plan = PLANS["cam-roannelle"]
    event = next(e for e in EVENING.event if getattr(e, "scene", "") == "crowd_movement" and e.camera == plan.id)
    assert mean_pace(at(plan, event.at_s - 0.5)) < 1.5
    assert mean_pace(at(plan, event.at_s + 1.2)) > 3.5


def test_only_the_trespasser_enters_the_closed_zone_and_only_while_the_truth_says_so() -> None:
    plan = PLANS["cam-couriot"]
    event = next(e for e in EVENING.event if getattr(e, "scene", "") == "intrusion")
    zone = plan.zones[event.zone]
    street = Street(EVENING, plan, 1)
    seen = []
    while street.at_s < event.at_s + event.duration_s + 20.0:
        street.step(0.1)
        if any(inside(plan, figure, zone) for figure in street.figures()):
            seen.append(street.at_s)
    assert event.at_s < seen[0] < event.at_s + 8.0
    assert seen[-1] < event.at_s + event.duration_s + 8.0
    assert len(seen) > 50


def test_frames_are_the_same_for_the_same_seed_and_show_that_something_moves() -> None:
    plan = msgspec.structs.replace(PLANS["cam-roannelle"], width=320, height=180)
    frames = []
    for _ in range(2):
        painter, street = StreetPainter(plan, 1), Street(EVENING, plan, 1)
        shown = []
        for _ in range(20):
            street.step(0.1)
            shown.append(painter.frame(street))
        frames.append(shown)
    assert frames[0][-1].shape == (180, 320, 3)
    assert frames[0][-1].dtype == np.uint8
    assert all(np.array_equal(a, b) for a, b in zip(*frames, strict=True))
    moved = np.abs(frames[0][-1].astype(int) - frames[0][0].astype(int)).max(axis=2) > 40
    assert 0.001 < moved.mean() < 0.2
