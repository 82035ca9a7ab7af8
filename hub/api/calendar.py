"""Known sources and the declared calendar over HTTP: what is in force, declaring, and ending before the date."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.desk.calendar import Calendar
from hub.fusion.calendar import Declaration
from hub.fusion.context import WEIGHT
from hub.keys import AUDIT, CONFIG, ENGINE, RUNNER
from hub.problem import Problem


class Ending(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a declaration ends before its date."""

    reason: Annotated[str, Meta(min_length=3, max_length=400)]


def _calendar(request: web.Request) -> Calendar:
    return Calendar(request.app[ENGINE], request.app[AUDIT])


def _view(declaration: Declaration, zone: str, at_us: int) -> dict[str, Any]:
    days = list(declaration.days(zone))
    now = any(day.from_us <= at_us < day.until_us for day in days)
    state = "now" if now else "over" if days[-1].until_us <= at_us else "ahead"
    view: dict[str, Any] = msgspec.to_builtins(declaration)
    return view | {"state": state, "log_odds": WEIGHT[declaration.kind], "until_us": days[-1].until_us}


async def _answer(request: web.Request, status: int = 200) -> web.Response:
    config, at_us = request.app[CONFIG], now_us()
    listed = [
        _view(entry.declaration, config.time_zone, at_us)
        | {
            "number": entry.number,
            "person": entry.person,
            "at_us": entry.at_us,
            "ended_us": entry.ended_us,
            "ended_by": entry.ended_by,
            "ended_why": entry.ended_why,
        }
        for entry in await _calendar(request).entries()
    ]
    # What the configuration file declares is shown beside, and is ended there.
    listed += [_view(one, config.time_zone, at_us) | {"number": None} for one in config.context]
    for one in listed:
        if one.get("ended_us"):
            one["state"] = "ended"
    return json_response({"declarations": listed}, status)


async def list_declarations(request: web.Request) -> web.Response:
    """`GET /api/v1/calendar`: every declaration with its state `now`, `ahead`, `over` or `ended`."""
    return await _answer(request)


async def declare(request: web.Request) -> web.Response:
    """`POST /api/v1/calendar`: declare a firework, a match, works, or a known source; fusion weighs it from now on."""
    wanted = await read_json(request, Declaration)
    if problem := wanted.problem():
        raise Problem(422, "declaration_unusable", f"{problem}.")
    if list(wanted.days(request.app[CONFIG].time_zone))[-1].until_us <= now_us():
        raise Problem(422, "declaration_over", "This declaration is over already; give days that are still to come.")
    await _calendar(request).declare(wanted, signed_in(request).name, now_us())
    request.app[RUNNER].look_at_calendar()
    return await _answer(request, 201)


async def end(request: web.Request) -> web.Response:
    """`POST /api/v1/calendar/{number}/end`: end a declaration before its date, with a reason."""
    wanted = await read_json(request, Ending)
    number = request.match_info["number"]
    known = number.isascii() and number.isdigit() and len(number) < 10
    if not known or not await _calendar(request).end(
        int(number), wanted.reason.strip(), signed_in(request).name, now_us()
    ):
        raise Problem(404, "declaration_unknown", "There is no declaration of this number in force.")
    request.app[RUNNER].look_at_calendar()
    return await _answer(request)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/calendar", list_declarations)
    app.router.add_post("/api/v1/calendar", declare)
    app.router.add_post("/api/v1/calendar/{number}/end", end)
