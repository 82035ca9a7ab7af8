"""The stop over HTTP: whoever works here may stop; opening again takes a supervisor."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.keys import REGISTRY, STORE, SUSPENSIONS
from hub.policy.mode import EVERYTHING
from hub.problem import Problem
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

Why = Annotated[str, Meta(min_length=3, max_length=2_000)]


class Stop(Struct, frozen=True, forbid_unknown_fields=True):
    """What to stop: a sensor, a class, or `*`, and why."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    reason: Why


class Resume(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it may go on."""

    reason: Why


async def list_suspensions(request: web.Request) -> web.Response:
    """`GET /api/v1/suspensions`."""
    return json_response({"suspensions": await request.app[SUSPENSIONS].current()})


async def stop(request: web.Request) -> web.Response:
    """`POST /api/v1/suspensions`: in force when this answers."""
    wanted = await read_json(request, Stop)
    known = wanted.name == EVERYTHING or wanted.name in SOUND_EVENTS | VIDEO_EVENTS
    if not known and await request.app[REGISTRY].sensor(wanted.name) is None:
        raise Problem(
            404, "nothing_to_stop", f"There is no sensor and no class named {wanted.name!r}; `*` is everything."
        )
    await request.app[SUSPENSIONS].suspend(wanted.name, signed_in(request).name, wanted.reason.strip(), now_us())
    request.app[STORE].bell.ring()
    return json_response({"suspensions": await request.app[SUSPENSIONS].current()}, 201)


async def resume(request: web.Request) -> web.Response:
    """`DELETE /api/v1/suspensions/{name}` with a reason."""
    name = request.match_info["name"]
    wanted = await read_json(request, Resume)
    person = signed_in(request).name
    if not await request.app[SUSPENSIONS].resume(name, person, wanted.reason.strip(), now_us()):
        raise Problem(404, "not_stopped", f"{name!r} is not stopped.")
    request.app[STORE].bell.ring()
    return json_response({"suspensions": await request.app[SUSPENSIONS].current()})


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/suspensions", list_suspensions)
    app.router.add_post("/api/v1/suspensions", stop)
    app.router.add_delete("/api/v1/suspensions/{name}", resume)
