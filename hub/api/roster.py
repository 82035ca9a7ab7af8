"""The duty roster over HTTP: who is on duty when, and whom the escalation of an incident that nobody looks at calls.

All local times are those of the site's `time_zone`. `GET /api/v1/roster?from=2026-11-23&days=7` (any reader; `from` is
today and `days` 7 where they are left out, 35 at most) answers with the whole picture, and so does every change:

```json
{"time_zone": "Europe/Paris", "from": "2026-11-23", "days": 7, "may_change": true,
 "now": {"on_duty": [TURN], "nobody": false},
 "turns": [TURN], "gaps": [{"starts_us": 0, "ends_us": 0}],
 "shifts": [{"number": 1, "person": "Ana", "level": 1, "weekdays": [1, 2, 3, 4, 5], "start": "22:00", "end": "06:00",
             "since": "2026-11-01", "until": null}],
 "exceptions": [{"number": 1, "person": "Ana", "level": 1, "on": false, "starts": "2026-11-24T22:00",
                 "ends": "2026-11-25T06:00", "starts_us": 0, "ends_us": 0}],
 "people": [{"name": "Ana", "role": "operator"}]}
```

with TURN `{"person", "level", "starts_us", "ends_us", "starts", "ends"}`. A turn is one person on duty without a break,
after the exceptions; `gaps` are times in which nobody is. `level` 1 to 3: the n-th call for an incident goes to levels
up to n. `people` (only where `may_change`) are those who may be put on duty. Shifts whose `end` is not behind `start`
run into the next day. Supervisors and administrators change the roster, each act in the audit log:

- `POST /api/v1/roster/shifts` `{person, level?, weekdays: [1..7], start: "HH:MM", end: "HH:MM", since: DATE, until?}`
- `POST /api/v1/roster/exceptions` `{person, on: bool, level?, starts: "YYYY-MM-DDTHH:MM", ends: "..."}`: beside the
  shifts (`on`), or away whatever they say
- `DELETE /api/v1/roster/shifts/{number}`, `DELETE /api/v1/roster/exceptions/{number}`

Refusals: 404 `roster_entry_unknown`, 409 `roster_full`, 422 `duty_person_refused` (no such account, or a role that
does not decide), `duty_time_invalid`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.guard import PERSON, now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.access.rules import rule_of
from hub.keys import ACCOUNTS, AUDIT, CONFIG, ENGINE
from hub.policy.audit import Record
from hub.problem import Problem
from hub.store.duty import MAX_LEVEL, Exceptional, Shift, Turn, gaps, local_us, on_duty, turns
from hub.store.roster import MAX_ENTRIES, Roster, add_exception, add_shift, read_roster, remove
from hub.store.tables import DUTY_EXCEPTION, DUTY_SHIFT

ON_DUTY_ROLES: Final = frozenset({"operator", "supervisor"})
"""Who is called must be able to decide."""
MAX_DAYS: Final = 35
DEFAULT_DAYS: Final = 7
LONGEST_EXCEPTION: Final = timedelta(days=366)

Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
Moment = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]$")]
Level = Annotated[int, Meta(ge=1, le=MAX_LEVEL)]
Name = Annotated[str, Meta(min_length=2, max_length=80)]


class NewShift(Struct, frozen=True, forbid_unknown_fields=True):
    """A weekly duty: on these days (1 is Monday), from `start` to `end` of the local clock."""

    person: Name
    weekdays: Annotated[tuple[Annotated[int, Meta(ge=1, le=7)], ...], Meta(min_length=1, max_length=7)]
    start: Clock
    end: Clock
    since: Day
    until: Day | None = None
    level: Level = 1


class NewException(Struct, frozen=True, forbid_unknown_fields=True):
    """A time beside the shifts, or away from them."""

    person: Name
    on: bool
    starts: Moment
    ends: Moment
    level: Level = 1


def zone_of(app: web.Application) -> tzinfo:
    """The site's time zone."""
    return ZoneInfo(app[CONFIG].time_zone)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(422, "duty_time_invalid", f"{text} is no day of the calendar.") from None


def _moment(text: str, zone: tzinfo) -> int:
    try:
        return local_us(datetime.fromisoformat(text), zone)
    except ValueError:
        raise Problem(422, "duty_time_invalid", f"{text} is no moment of the calendar.") from None


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _local(at_us: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _turn(turn: Turn, zone: tzinfo) -> dict[str, Any]:
    return {**turn._asdict(), "starts": _local(turn.starts_us, zone), "ends": _local(turn.ends_us, zone)}


def _asked(request: web.Request, zone: tzinfo) -> tuple[date, int]:
    text, days = request.query.get("from", ""), request.query.get("days", "")
    if not re.fullmatch(r"(20[0-9]{2}-[01][0-9]-[0-3][0-9])?", text):
        raise Problem(400, "query_invalid", "`from` is a day such as 2026-11-23.")
    if days and not (days.isascii() and days.isdigit() and 1 <= int(days[:4]) <= MAX_DAYS):
        raise Problem(400, "query_invalid", f"`days` is a whole number from 1 to {MAX_DAYS}.")
    try:
        first = date.fromisoformat(text) if text else datetime.now(zone).date()
    except ValueError:
        raise Problem(400, "query_invalid", f"{text} is no day of the calendar.") from None
    return first, int(days) if days else DEFAULT_DAYS


def picture(roster: Roster, first: date, days: int, at_us: int, zone: tzinfo) -> dict[str, Any]:
    """What the page shows of `roster` for `days` from `first` on, and who is on duty at `at_us`."""
    midnight = datetime.combine(first, time())
    span = (local_us(midnight, zone), local_us(midnight + timedelta(days=days), zone))
    shifts, exceptions = roster.shifts, roster.exceptions
    found, now = turns(shifts, exceptions, span, zone), on_duty(shifts, exceptions, at_us, zone)
    return {
        "from": first.isoformat(),
        "days": days,
        "now": {"on_duty": [_turn(turn, zone) for turn in now], "nobody": not now},
        "turns": [_turn(turn, zone) for turn in found],
        "gaps": [{"starts_us": start, "ends_us": end} for start, end in gaps(found, span)],
        "shifts": [_shift(shift) for shift in shifts],
        "exceptions": [_exception(one, zone) for one in exceptions],
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {
        "number": shift.number,
        "person": shift.person,
        "level": shift.level,
        "weekdays": shift.weekdays,
        "start": f"{shift.start // 60:02}:{shift.start % 60:02}",
        "end": f"{shift.end // 60:02}:{shift.end % 60:02}",
        "since": shift.since.isoformat(),
        "until": shift.until.isoformat() if shift.until else None,
    }


def _exception(one: Exceptional, zone: tzinfo) -> dict[str, Any]:
    return {
        "number": one.number,
        "person": one.person,
        "level": one.level,
        "on": one.on,
        "starts": _local(one.starts_us, zone),
        "ends": _local(one.ends_us, zone),
        "starts_us": one.starts_us,
        "ends_us": one.ends_us,
    }


async def _answer(request: web.Request, status: int = 200) -> web.Response:
    app = request.app
    zone = zone_of(app)
    first, days = _asked(request, zone)
    view = picture(await read_roster(app[ENGINE]), first, days, now_us(), zone)
    person = request[PERSON]
    changers = rule_of("POST", "/api/v1/roster/shifts")
    may_change = person is not None and isinstance(changers, frozenset) and person.role in changers
    people = [one for one in await app[ACCOUNTS].people() if one.role in ON_DUTY_ROLES] if may_change else []
    head = {"time_zone": app[CONFIG].time_zone, "may_change": may_change, "people": people}
    return json_response({**head, **view}, status)


async def roster(request: web.Request) -> web.Response:
    """`GET /api/v1/roster`: who is on duty now and in the days asked for."""
    return await _answer(request)


async def new_shift(request: web.Request) -> web.Response:
    """`POST /api/v1/roster/shifts`: enter a weekly duty."""
    wanted = await read_json(request, NewShift)
    until = None if wanted.until is None else _day(wanted.until)
    shift = Shift(
        0, wanted.person, wanted.level, tuple(sorted(set(wanted.weekdays))), _minutes(wanted.start),
        _minutes(wanted.end), _day(wanted.since), until,
    )  # fmt: skip
    if until is not None and until < shift.since:
        raise Problem(422, "duty_time_invalid", "`until` lies before `since`.")

    async def work(connection: AsyncConnection) -> None:
        await add_shift(connection, shift)

    await _enter(request, wanted.person, DUTY_SHIFT, work, f"shift {wanted.start}-{wanted.end}")
    return await _answer(request, 201)


async def new_exception(request: web.Request) -> web.Response:
    """`POST /api/v1/roster/exceptions`: enter a time beside the shifts, or away from them."""
    wanted = await read_json(request, NewException)
    zone = zone_of(request.app)
    one = Exceptional(
        0, wanted.person, wanted.level, _moment(wanted.starts, zone), _moment(wanted.ends, zone), wanted.on
    )  # fmt: skip
    if not 0 < one.ends_us - one.starts_us <= LONGEST_EXCEPTION.total_seconds() * 1e6:
        raise Problem(422, "duty_time_invalid", "`ends` lies behind `starts`, by a year at most.")

    async def work(connection: AsyncConnection) -> None:
        await add_exception(connection, one)

    what = f"{'on' if wanted.on else 'away'} {wanted.starts} {wanted.ends}"
    await _enter(request, wanted.person, DUTY_EXCEPTION, work, what)
    return await _answer(request, 201)


async def _enter(request: web.Request, person: str, table: Table, work: Any, what: str) -> None:
    """Write an entry and its audit record in one transaction."""
    known = {one.name for one in await request.app[ACCOUNTS].people() if one.role in ON_DUTY_ROLES}
    if person not in known:
        raise Problem(422, "duty_person_refused", "There is no operator or supervisor of this name.")
    entered = await read_roster(request.app[ENGINE])
    if len(entered.shifts if table is DUTY_SHIFT else entered.exceptions) >= MAX_ENTRIES:
        raise Problem(409, "roster_full", f"The roster holds {MAX_ENTRIES} entries of a kind; take old ones out.")
    audit = request.app[AUDIT]
    record = Record(
        now_us(), "configuration", audit.pseudonym(signed_in(request).name), "roster", "",
        {"entered": what, "person": audit.pseudonym(person)},
    )  # fmt: skip
    await audit.append(record, beside=work)


async def end_shift(request: web.Request) -> web.Response:
    """`DELETE /api/v1/roster/shifts/{number}`: take a weekly duty out."""
    return await _take_out(request, DUTY_SHIFT)


async def end_exception(request: web.Request) -> web.Response:
    """`DELETE /api/v1/roster/exceptions/{number}`: take an exception out."""
    return await _take_out(request, DUTY_EXCEPTION)


async def _take_out(request: web.Request, table: Table) -> web.Response:
    text = request.match_info["number"]
    entered = await read_roster(request.app[ENGINE])
    rows: tuple[Shift | Exceptional, ...] = entered.shifts if table is DUTY_SHIFT else entered.exceptions
    found = next((row for row in rows if str(row.number) == text), None)
    if found is None:
        raise Problem(404, "roster_entry_unknown", "There is no entry of this number.")

    async def work(connection: AsyncConnection) -> None:
        await remove(connection, table, found.number)

    audit = request.app[AUDIT]
    values: dict[str, str | int | float | bool] = {
        "removed": f"{table.name} {found.number}",
        "person": audit.pseudonym(found.person),
    }
    record = Record(now_us(), "configuration", audit.pseudonym(signed_in(request).name), "roster", "", values)
    await audit.append(record, beside=work)
    return await _answer(request)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/roster", roster)
    app.router.add_post("/api/v1/roster/shifts", new_shift)
    app.router.add_delete("/api/v1/roster/shifts/{number}", end_shift)
    app.router.add_post("/api/v1/roster/exceptions", new_exception)
    app.router.add_delete("/api/v1/roster/exceptions/{number}", end_exception)
