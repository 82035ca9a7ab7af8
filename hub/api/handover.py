"""Handover notes over HTTP: what this shift leaves to the next, and taking it over."""

from __future__ import annotations

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.desk.handover import HANDOVER_DAYS, Handover, shift_of
from hub.keys import AUDIT, CONFIG, ENGINE

MOST_TEXT: Final = 4_000


class NewNote(Struct, frozen=True, forbid_unknown_fields=True):
    """What to leave to the next shift; no name of a person of the street belongs into it."""

    text: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT, pattern=r"\S")]


def _papers(request: web.Request) -> Handover:
    return Handover(request.app[ENGINE], request.app[AUDIT])


async def _view(request: web.Request) -> dict[str, Any]:
    config, now = request.app[CONFIG], now_us()
    began, ends = shift_of(config.desk.shifts, now, ZoneInfo(config.time_zone))
    notes = await _papers(request).notes(now)
    return {
        "notes": msgspec.to_builtins(notes),
        "shift": {"began_us": began, "ends_us": ends},
        "kept_days": HANDOVER_DAYS,
    }


async def list_notes(request: web.Request) -> web.Response:
    """`GET /api/v1/handover`: the notes, newest first, and the shift that runs."""
    return json_response(await _view(request))


async def write_note(request: web.Request) -> web.Response:
    """`POST /api/v1/handover`: leave a note to the next shift."""
    wanted = await read_json(request, NewNote)
    config, now = request.app[CONFIG], now_us()
    began, _ = shift_of(config.desk.shifts, now, ZoneInfo(config.time_zone))
    await _papers(request).write(wanted.text.strip(), began, signed_in(request).name, now)
    return json_response(await _view(request), 201)


async def take_over(request: web.Request) -> web.Response:
    """`POST /api/v1/handover/take`: take over every note that others left."""
    taken = await _papers(request).take_over(signed_in(request).name, now_us())
    return json_response({"taken": taken, **await _view(request)})


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/handover", list_notes)
    app.router.add_post("/api/v1/handover", write_note)
    app.router.add_post("/api/v1/handover/take", take_over)
