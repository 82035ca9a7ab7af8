"""The two desks over HTTP: requests of data subjects, and events that were learnt of otherwise."""

from __future__ import annotations

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.keys import AUDIT, CONFIG, ENGINE
from hub.policy.desks import Answer, DataRequest, Desks, RequestKind, Source
from hub.problem import Problem
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

Reference = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$")]
"""A file number: it has no room for an address or a sentence, and a name is not to be put here."""
KNOWN: Final = SOUND_EVENTS | VIDEO_EVENTS


class NewRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request that came in, by the city's own file number."""

    kind: RequestKind
    reference: Reference


class NewAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """How it was answered."""

    answer: Answer


class NewMissed(Struct, frozen=True, forbid_unknown_fields=True):
    """An event that happened and was not signalled; `happened_us` in microseconds since the epoch."""

    event: Annotated[str, Meta(max_length=40)]
    happened_us: Annotated[int, Meta(ge=0)]
    source: Source
    reference: Reference


def _desks(request: web.Request) -> Desks:
    app = request.app
    return Desks(app[ENGINE], app[AUDIT], ZoneInfo(app[CONFIG].time_zone))


def _view(one: DataRequest) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.to_builtins(one)
    return view | {"late": one.late(now_us())}


async def list_requests(request: web.Request) -> web.Response:
    """`GET /api/v1/requests`."""
    return json_response({"requests": [_view(one) for one in await _desks(request).requests()]})


async def receive(request: web.Request) -> web.Response:
    """`POST /api/v1/requests`: the month begins."""
    wanted = await read_json(request, NewRequest)
    made = await _desks(request).receive(wanted.kind, wanted.reference, signed_in(request).name, now_us())
    return json_response({"request": _view(made)}, 201)


async def answer(request: web.Request) -> web.Response:
    """`POST /api/v1/requests/{number}/answer`."""
    wanted = await read_json(request, NewAnswer)
    number = request.match_info["number"]
    done = None
    if number.isascii() and number.isdigit() and len(number) < 10:
        done = await _desks(request).answer(int(number), wanted.answer, signed_in(request).name, now_us())
    if done is None:
        raise Problem(404, "request_unknown", "There is no such request that still waits for an answer.")
    return json_response({"request": _view(done)})


async def list_missed(request: web.Request) -> web.Response:
    """`GET /api/v1/missed`."""
    return json_response({"missed": await _desks(request).missed()})


async def report_missed(request: web.Request) -> web.Response:
    """`POST /api/v1/missed`."""
    wanted = await read_json(request, NewMissed)
    if wanted.event not in KNOWN:
        raise Problem(422, "event_unknown", f"`event` is one of {', '.join(sorted(KNOWN))}.")
    if wanted.happened_us > now_us():
        raise Problem(422, "event_in_the_future", "`happened_us` is a moment that has passed.")
    made = await _desks(request).report_missed(
        wanted.event, wanted.happened_us, wanted.source, wanted.reference, signed_in(request).name, now_us()
    )
    return json_response({"missed": made}, 201)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/requests", list_requests)
    app.router.add_post("/api/v1/requests", receive)
    app.router.add_post("/api/v1/requests/{number}/answer", answer)
    app.router.add_get("/api/v1/missed", list_missed)
    app.router.add_post("/api/v1/missed", report_missed)
