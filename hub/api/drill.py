"""Drills over HTTP: begin one, end it; while it runs everyone who is signed in sees that it does."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.desk.drill import LONGEST_S, Drills
from hub.keys import AUDIT, ENGINE, STORE
from hub.problem import Problem


class NewDrill(Struct, frozen=True, forbid_unknown_fields=True):
    """What the drill is for, and after how many minutes it ends by itself."""

    purpose: Annotated[str, Meta(min_length=3, max_length=400)]
    minutes: Annotated[int, Meta(ge=5, le=LONGEST_S // 60)] = 60


async def drill_view(app: web.Application) -> dict[str, Any] | None:
    """The drill that runs, for the head line of everyone who is signed in."""
    current = await Drills(app[ENGINE], app[AUDIT]).current(now_us())
    return None if current is None else msgspec.to_builtins(current)


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/drill`: the drill that runs, or null."""
    return json_response({"drill": await drill_view(request.app)})


async def begin(request: web.Request) -> web.Response:
    """`POST /api/v1/drill`: begin a drill; what sensors hear meanwhile stays real."""
    wanted = await read_json(request, NewDrill)
    drills = Drills(request.app[ENGINE], request.app[AUDIT])
    if not await drills.begin(wanted.purpose.strip(), wanted.minutes, signed_in(request).name, now_us()):
        raise Problem(409, "drill_runs", "A drill runs already; end it first.")
    request.app[STORE].bell.ring()
    return json_response({"drill": await drill_view(request.app)}, 201)


async def end(request: web.Request) -> web.Response:
    """`DELETE /api/v1/drill`: end the drill that runs."""
    if not await Drills(request.app[ENGINE], request.app[AUDIT]).end(signed_in(request).name, now_us()):
        raise Problem(404, "no_drill", "No drill runs.")
    request.app[STORE].bell.ring()
    return json_response({"drill": None})


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/drill", show)
    app.router.add_post("/api/v1/drill", begin)
    app.router.add_delete("/api/v1/drill", end)
