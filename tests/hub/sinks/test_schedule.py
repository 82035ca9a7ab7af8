"""When a message is tried again, and when a receiver is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sinks.schedule import CircuitBreaker, retry_after_s, wait_s

NOW_S = 1_790_000_000.0


def test_the_first_tries_come_within_seconds_and_the_last_after_days() -> None:
    waits = [wait_s(attempt, lambda: 0.5) for attempt in range(1, 17)]
    assert waits[:7] == [0.0, 1.0, 2.0, 5.0, 15.0, 30.0, 300.0]
    assert waits[13] == 86_400.0
    assert waits[14:] == [None, None]


@given(st.integers(7, 14), st.floats(0.0, 1.0, exclude_max=True))
def test_long_waits_are_spread(attempt: int, dice: float) -> None:
    middle = wait_s(attempt, lambda: 0.5)
    wait = wait_s(attempt, lambda: dice)
    assert middle is not None
    assert wait is not None
    assert 0.8 * middle <= wait <= 1.2 * middle


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("999999999999", 86_400.0),
        (format_datetime(datetime.fromtimestamp(NOW_S, UTC) + timedelta(seconds=90), usegmt=True), 90.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-5", None),
        ("Wed, 21 Oct 20260000000000000000000000 07:28:00 GMT", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW_S) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_the_reader(header: str) -> None:
    found = retry_after_s(header, NOW_S)
    assert found is None or 0.0 <= found <= 86_400.0


def test_a_breaker_opens_after_failures_in_a_row_and_closes_on_success() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker.failed(NOW_S)
    assert (breaker.tripped, breaker.open_until_s) == (False, 0.0)
    pauses = []
    for _ in range(6):
        breaker.failed(NOW_S)
        pauses.append(breaker.open_until_s - NOW_S)
    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0, 30.0]
    assert breaker.succeeded()
    assert (breaker.tripped, breaker.open_until_s) == (False, 0.0)
    assert not breaker.succeeded()


def test_one_answer_cannot_hold_back_the_others_for_long() -> None:
    breaker = CircuitBreaker()
    breaker.failed(NOW_S, asked_for_s=86_400.0)
    assert breaker.open_until_s == NOW_S + 300.0
