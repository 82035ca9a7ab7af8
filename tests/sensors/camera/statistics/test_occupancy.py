"""Passages are counted zone by zone in bins of twenty minutes; open, partial and unseen bins are never told."""

from __future__ import annotations

import pytest

from sensors.camera.blobs import Blob
from sensors.camera.settings import Zone
from sensors.camera.statistics.occupancy import PERIOD_S, OccupancyCounter, overlapping
from sensors.camera.tracks import Tracker

ASPECT = 9 / 16
BIN_US = PERIOD_S * 1_000_000
START_US = 1_790_000_000_000_000 // BIN_US * BIN_US
LEFT = Zone(name="left", polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), rules=("occupancy",))
RIGHT = Zone(name="right", polygon=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)), rules=("occupancy",))


def walker(t, every_s=60.0, speed=0.1):
    """Somebody who crosses from left to right once each `every_s`."""
    x = (t % every_s) * speed - 0.1
    return [Blob(x, 0.5, 0.03, 0.2, 0.004)] if 0.0 < x < 0.95 else []


def told(zones, blobs, seconds, *, start_us=START_US, step_s=0.2, sees=lambda t: True):
    counter, tracker = OccupancyCounter(zones, None), Tracker()
    bins = []
    for index in range(int(seconds / step_s) + 1):
        t = index * step_s
        tracks = tracker.step(blobs(t), t, step_s if index else 0.0, ASPECT)
        now_us = start_us + round(t * 1e6)
        bins += counter.step(tracks, t, now_us, step_s if index else 0.0, ASPECT, sees=sees(t))
    return bins


def test_twenty_minutes_of_walkers_are_one_bin_each_zone_aligned_to_the_clock():
    bins = told([LEFT, RIGHT], walker, PERIOD_S + 5)
    assert [(one.zone, one.start_us) for one in bins] == [("left", START_US), ("right", START_US)]
    assert all(one.counts.person == 20 and one.counts.car is None for one in bins)


def test_nothing_is_told_before_the_bin_is_closed():
    assert told([LEFT], walker, PERIOD_S - 1) == []


def test_a_bin_that_began_before_the_camera_is_not_told_and_the_next_one_is():
    bins = told([LEFT], walker, 2 * PERIOD_S, start_us=START_US + BIN_US // 2)
    assert [one.start_us for one in bins] == [START_US + BIN_US]


def test_a_bin_in_which_the_camera_was_covered_is_not_told():
    assert told([LEFT], walker, PERIOD_S + 5, sees=lambda t: t < 900 or t > 1_000) == []


def test_nine_passages_are_nobody_and_a_swaying_flag_is_none():
    (few,) = told([LEFT], lambda t: walker(t, every_s=140.0), PERIOD_S + 5)
    assert few.counts.person is None

    def flag(t):
        x = 0.2 + 0.004 * (round(2 * t) % 2)
        return [Blob(x, 0.3, 0.05, 0.1, 0.004)]

    (none,) = told([LEFT], flag, PERIOD_S + 5)
    assert none.counts.car is None


@pytest.mark.parametrize(("other", "expected"), [(RIGHT, []), (LEFT, [("left", "left")])])
def test_zones_side_by_side_do_not_overlap(other, expected):
    assert overlapping([LEFT, other]) == expected
