"""Who is on duty when, over midnight, over changes of the clock, with stand-ins and absences."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from hub.store.duty import Exceptional, Shift, gaps, local_us, on_duty, turns

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000_000


def at(text: str) -> int:
    return local_us(datetime.fromisoformat(text), PARIS)


def shift(person: str = "Ana", start: int = 22, end: int = 6, **changes: object) -> Shift:
    values = {
        "number": 1,
        "person": person,
        "level": 1,
        "weekdays": (1, 2, 3, 4, 5, 6, 7),
        "start": start * 60,
        "end": end * 60,
        "since": date(2026, 1, 1),
        "until": None,
    }
    return Shift(**{**values, **changes})  # type: ignore[arg-type]


def names(shifts: list[Shift], exceptions: list[Exceptional], text: str) -> list[str]:
    return [turn.person for turn in on_duty(shifts, exceptions, at(text), PARIS)]


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    friday = [shift(weekdays=(5,))]
    assert names(friday, [], "2026-11-27T21:59") == []
    assert names(friday, [], "2026-11-27T22:00") == ["Ana"]
    assert names(friday, [], "2026-11-28T05:59") == ["Ana"]
    assert names(friday, [], "2026-11-28T06:00") == []
    assert names(friday, [], "2026-11-28T23:00") == []


def test_the_last_day_of_a_shift_still_has_its_night() -> None:
    ending = [shift(until=date(2026, 11, 27))]
    assert names(ending, [], "2026-11-28T03:00") == ["Ana"]
    assert names(ending, [], "2026-11-28T23:00") == []


def test_a_night_in_which_the_clock_is_changed_is_an_hour_shorter_or_longer() -> None:
    for evening, hours in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-11-22", 8)):
        start = at(f"{evening}T23:00")
        (turn,) = turns([shift()], [], (start, start + 1), PARIS)
        assert turn.ends_us - turn.starts_us == hours * HOUR, evening


def test_who_is_away_is_not_called_and_who_stands_in_is() -> None:
    away = Exceptional(1, "Ana", 1, at("2026-11-24T00:00"), at("2026-11-24T03:00"), on=False)
    instead = Exceptional(2, "Karim", 1, at("2026-11-24T00:00"), at("2026-11-24T03:00"), on=True)
    exceptions = [away, instead]
    assert names([shift()], exceptions, "2026-11-23T23:59") == ["Ana"]
    assert names([shift()], exceptions, "2026-11-24T01:00") == ["Karim"]
    assert names([shift()], exceptions, "2026-11-24T03:00") == ["Ana"]


def test_the_first_level_comes_first_and_shifts_that_meet_are_one_turn() -> None:
    shifts = [shift("Zoe", 6, 14), shift("Zoe", 14, 22), shift("Ana", 6, 22, level=2)]
    assert names(shifts, [], "2026-11-24T14:00") == ["Zoe", "Ana"]
    (first, second) = on_duty(shifts, [], at("2026-11-24T14:00"), PARIS)
    assert first.starts_us == second.starts_us == at("2026-11-24T06:00")
    assert first.ends_us == at("2026-11-24T22:00")


def test_a_time_without_anybody_is_a_gap() -> None:
    span = (at("2026-11-24T00:00"), at("2026-11-25T00:00"))
    found = turns([shift("Zoe", 6, 14), shift("Ana", 15, 0)], [], span, PARIS)
    assert gaps(found, span) == [
        (at("2026-11-24T00:00"), at("2026-11-24T06:00")),
        (at("2026-11-24T14:00"), at("2026-11-24T15:00")),
    ]


hours = st.integers(0, 23)
people = st.sampled_from(["Ana", "Karim"])
weekdays = st.lists(st.integers(1, 7), unique=True)


@given(
    shifts=st.lists(st.builds(shift, people, hours, hours, weekdays=weekdays), max_size=4),
    away=st.lists(st.tuples(people, st.integers(0, 200), st.integers(1, 30), st.booleans()), max_size=4),
    hour=st.integers(0, 7 * 24),
)
def test_turns_and_gaps_together_are_the_whole_time_and_agree_with_the_moment(
    shifts: list[Shift], away: list[tuple[str, int, int, bool]], hour: int
) -> None:
    begin = at("2026-10-20T00:00")  # a week with a night of 25 hours
    span = (begin, begin + 7 * 24 * HOUR)
    exceptions = [
        Exceptional(number, person, 1, begin + start * HOUR, begin + (start + length) * HOUR, on)
        for number, (person, start, length, on) in enumerate(away)
    ]
    found = turns(shifts, exceptions, span, PARIS)
    moment = begin + min(hour * HOUR, span[1] - begin - 1)
    there = {turn.person for turn in found if turn.starts_us <= moment < turn.ends_us}
    assert there == {turn.person for turn in on_duty(shifts, exceptions, moment, PARIS)}
    assert bool(there) != any(start <= moment < end for start, end in gaps(found, span))
    assert all(
        not (turn.person == one.person and turn.starts_us < one.ends_us and one.starts_us < turn.ends_us)
        for turn in found
        for one in exceptions
        if not one.on
    )
    assert timedelta(microseconds=span[1] - begin) == timedelta(days=7)
