"""The second place: told where the geometry leaves two, and nowhere else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hub.fusion.air import Air
from hub.fusion.burst import answers, find_sources
from hub.fusion.combine import promising
from hub.fusion.picks import PickSet
from hub.fusion.settings import FusionSettings


def picks_of(x: list[float], y: list[float], east: float, north: float, rounds: tuple[float, ...] = (0.0,)) -> PickSet:
    """Exact picks of some rounds at sensors (x, y), sorted by time."""
    speed = Air().speed_mps
    made = sorted(
        (at + math.hypot(a - east, b - north) / speed, i)
        for at in rounds
        for i, (a, b) in enumerate(zip(x, y, strict=True))
    )
    time, sensor = np.array([t for t, _ in made]), np.array([i for _, i in made], np.intp)
    ones = np.ones(len(made))
    return PickSet(np.array(x), np.array(y), np.zeros(len(x)), sensor, time, 0.0005 * ones, 0.95 * ones, 0.0 * ones)


def test_sensors_in_a_line_leave_the_mirrored_place_too() -> None:
    picks = picks_of([-300.0, -100.0, 120.0, 310.0], [0.0, 0.0, 0.0, 0.0], 30.0, 150.0)
    (source, *_) = find_sources(picks, Air(), FusionSettings())
    assert source.alternative is not None
    assert abs(abs(source.y) - 150.0) < 25.0
    assert source.alternative[1] * source.y < 0.0
    assert abs(abs(source.alternative[1]) - 150.0) < 25.0


def test_sensors_all_around_leave_one_place() -> None:
    turns = [2.0 * math.pi * i / 7 for i in range(7)]
    picks = picks_of([300.0 * math.cos(t) for t in turns], [250.0 * math.sin(t) for t in turns], 40.0, -60.0)
    (source, *_) = find_sources(picks, Air(), FusionSettings())
    assert source.alternative is None


def test_automatic_fire_is_counted_although_it_is_regular() -> None:
    turns = [2.0 * math.pi * i / 7 for i in range(7)]
    x, y = [300.0 * math.cos(t) for t in turns], [250.0 * math.sin(t) for t in turns]
    picks = picks_of(x, y, 40.0, -60.0, rounds=tuple(0.1 * i for i in range(6)))
    (source, *_) = find_sources(picks, Air(), FusionSettings())
    assert len(source.emissions) == 6


def test_an_echo_that_answers_rounds_at_several_sensors_is_no_round() -> None:
    x, y = [300.0, -250.0, -100.0, 150.0], [50.0, 120.0, -280.0, 260.0]
    direct = picks_of(x, y, 40.0, -60.0, rounds=(0.0, 0.75, 1.6))
    # Which rounds are heard to echo at each sensor, in the order of its picks, and after how long.
    answered = {0: (0, 1, 2), 1: (0, 1), 2: (0, 2)}
    nth = [int(np.sum(direct.sensor[:i] == s)) for i, s in enumerate(direct.sensor)]
    echo = np.array([n in answered.get(int(s), ()) for n, s in zip(nth, direct.sensor, strict=True)])
    lag = np.array([0.291, 0.294, 0.297, 0.0])[direct.sensor]
    late = np.concatenate([direct.time, (direct.time + lag)[echo]])
    order = np.argsort(late)
    sensor = np.concatenate([direct.sensor, direct.sensor[echo]])[order]
    ones = np.ones(len(order))
    both = PickSet(direct.x, direct.y, direct.z, sensor, late[order], 0.0005 * ones, 0.95 * ones, 0.0 * ones)
    (source, *_) = find_sources(both, Air(), FusionSettings())
    assert np.allclose(source.emissions - source.emissions[0], [0.0, 0.75, 1.6], atol=0.005)


def test_clocks_that_say_they_are_bad_are_fit_through_with_a_wider_gate() -> None:
    turns = [2.0 * math.pi * i / 7 for i in range(7)]
    picks = picks_of([300.0 * math.cos(t) for t in turns], [250.0 * math.sin(t) for t in turns], 40.0, -60.0)
    wrong = np.random.default_rng(4).normal(0.0, 0.02, 7)
    order = np.argsort(late := picks.time + wrong[picks.sensor])
    bad = replace(picks, time=late[order], sensor=picks.sensor[order], sigma=0.02 * np.ones(7))
    (source, *_) = find_sources(bad, Air(), FusionSettings())
    assert len(source.picks) == 7
    assert math.hypot(source.x - 40.0, source.y + 60.0) < 15.0


def test_a_source_whose_rounds_follow_another_s_in_step_is_its_image() -> None:
    settings, rounds = FusionSettings(), np.array([0.0, 0.8, 1.55])
    assert answers(rounds + 0.9, rounds, settings)
    assert answers(rounds[1:] + 0.9, rounds, settings)
    assert not answers(rounds + np.array([0.9, 0.95, 1.0]), rounds, settings)
    assert not answers(rounds - 0.9, rounds, settings), "an echo only comes later"
    assert not answers(np.array([0.9]), rounds, settings), "one round may be anyone's"


def test_of_many_places_those_are_kept_whose_picks_fall_together() -> None:
    x, y = [300.0, -250.0, -100.0, 150.0], [50.0, 120.0, -280.0, 260.0]
    picks = picks_of(x, y, 40.0, -60.0, rounds=(0.0, 0.75))
    places = [(40.0 + 60.0 * i, -60.0 + 45.0 * j) for i in range(-4, 5) for j in range(-4, 5)]
    kept = promising(places, 3, picks, Air(), FusionSettings())
    assert kept[0] == (40.0, -60.0)
    assert len(kept) == 3
    assert promising([], 3, picks, Air(), FusionSettings()) == []
