"""Shifts of a day, in summer time and in winter time, and what one leaves to the next."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.desk.handover import shift_of

PARIS = ZoneInfo("Europe/Paris")
THREE = (dt.time(6), dt.time(14), dt.time(22))


def us(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1e6)


@pytest.mark.parametrize(("hour", "began", "ends"), [(3, 22, 6), (6, 6, 14), (13, 6, 14), (14, 14, 22), (23, 22, 6)])
def test_a_moment_lies_in_the_shift_that_runs(hour: int, began: int, ends: int) -> None:
    at = dt.datetime(2026, 11, 22, hour, 30, tzinfo=PARIS)
    found = [dt.datetime.fromtimestamp(end / 1e6, PARIS).hour for end in shift_of(THREE, us(at), PARIS)]
    assert found == [began, ends]


def test_the_night_in_which_clocks_go_back_has_an_hour_more() -> None:
    began, ends = shift_of(THREE, us(dt.datetime(2026, 10, 25, 1, 0, tzinfo=PARIS)), PARIS)
    assert (ends - began) / 3_600e6 == 9.0


def test_one_start_is_a_shift_of_a_day() -> None:
    began, ends = shift_of((dt.time(8),), us(dt.datetime(2026, 11, 22, 7, 0, tzinfo=PARIS)), PARIS)
    assert (ends - began) / 3_600e6 == 24.0


@given(
    st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2035, 1, 1)),  # noqa: DTZ001 (made aware below)
    st.sets(st.times().map(lambda time: time.replace(microsecond=0)), min_size=1, max_size=12),
)
def test_every_moment_lies_in_exactly_one_shift(at: dt.datetime, starts: set[dt.time]) -> None:
    now = us(at.replace(tzinfo=PARIS))
    began, ends = shift_of(tuple(starts), now, PARIS)
    assert began <= now < ends
    assert shift_of(tuple(starts), ends, PARIS)[0] == ends


def test_a_day_without_a_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="one shift"):
        shift_of((), 1, PARIS)
