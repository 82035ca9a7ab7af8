"""Who is on duty when: weekly shifts in the site's time zone, exceptions to them, and the turns that follow from both.

Pure: the rows and the clock are arguments. A shift of 22:00 to 06:00 has seven hours in the night in which summer time
begins and nine in the one in which it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from msgspec import Struct

MAX_LEVEL: Final = 3
"""Level 1 is called at the first escalation of an incident, level 2 from the second on, level 3 from the third."""
Span = tuple[int, int]
"""From and to, in microseconds; the end lies outside."""


class Shift(Struct, frozen=True):
    """One person's weekly duty. `start` and `end` are minutes of the local day; an end not behind the start is on the
    next day. `weekdays` are ISO (1 is Monday) and name the day of the start; `until` is the last day of a start."""

    number: int
    person: str
    level: int
    weekdays: tuple[int, ...]
    start: int
    end: int
    since: date
    until: date | None


class Exceptional(Struct, frozen=True):
    """A time in which one person is on duty beside the shifts (`on`), or not on duty whatever they say."""

    number: int
    person: str
    level: int
    starts_us: int
    ends_us: int
    on: bool


class Turn(NamedTuple):
    """One person on duty without a break."""

    starts_us: int
    ends_us: int
    level: int
    person: str


def turns(shifts: Iterable[Shift], exceptions: Sequence[Exceptional], span: Span, zone: tzinfo) -> list[Turn]:
    """Every turn that reaches into `span`, whole and not cut at its borders, by their start."""
    found: dict[tuple[str, int], list[Span]] = {}
    for shift in shifts:
        found.setdefault((shift.person, shift.level), []).extend(_spans(shift, span, zone))
    for one in exceptions:
        if one.on:
            found.setdefault((one.person, one.level), []).append((one.starts_us, one.ends_us))
    made = []
    for (person, level), spans in found.items():
        away = [(one.starts_us, one.ends_us) for one in exceptions if not one.on and one.person == person]
        made += [Turn(*left, level, person) for left in _without(_joined(spans), away) if _meet(left, span)]
    return sorted(made)


def on_duty(shifts: Iterable[Shift], exceptions: Sequence[Exceptional], at_us: int, zone: tzinfo) -> list[Turn]:
    """Who is on duty at this moment, the first level first."""
    now = turns(shifts, exceptions, (at_us, at_us + 1), zone)
    return sorted(now, key=lambda turn: (turn.level, turn.person))


def gaps(found: Iterable[Turn], span: Span) -> list[Span]:
    """The times within `span` in which nobody at all is on duty."""
    return _without([span], [(turn.starts_us, turn.ends_us) for turn in found])


def local_us(moment: datetime, zone: tzinfo) -> int:
    """A moment of the local clock: the first of two in the hour that comes twice."""
    return round(moment.replace(tzinfo=zone, fold=0).timestamp() * 1e6)


def _spans(shift: Shift, span: Span, zone: tzinfo) -> list[Span]:
    """The hours of one shift around `span`."""
    # A shift that began the day before may still run.
    day = max(_date(span[0], zone) - timedelta(days=1), shift.since)
    last = min(_date(span[1], zone), shift.until or date.max)
    made = []
    while day <= last:
        if day.isoweekday() in shift.weekdays:
            ends_on = day if shift.end > shift.start else day + timedelta(days=1)
            made.append((_at(day, shift.start, zone), _at(ends_on, shift.end, zone)))
        day += timedelta(days=1)
    return made


def _date(at_us: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(zone).date()


def _at(day: date, minutes: int, zone: tzinfo) -> int:
    return local_us(datetime.combine(day, time(minutes // 60, minutes % 60)), zone)


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch or overlap are one."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        elif start < end:
            made.append((start, end))
    return made


def _without(spans: Iterable[Span], away: Iterable[Span]) -> list[Span]:
    """What is left of `spans` outside `away`."""
    left = list(spans)
    for gone in _joined(away):
        left = [
            part
            for start, end in left
            for part in ((start, min(end, gone[0])), (max(start, gone[1]), end))
            if part[0] < part[1]
        ]
    return sorted(left)
