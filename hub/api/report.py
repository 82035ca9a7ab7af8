"""What a person reports, over HTTP: it passes the gate like a detection, and dispatches nothing by itself."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import uuid6
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.api.drill import drill_view
from hub.api.language import language_of
from hub.api.views import incident_view
from hub.desk.report import refusal_of, reported
from hub.keys import AUDIT, CONFIG, GATE, RUNNER, STORE
from hub.policy.audit import Record
from hub.problem import Problem
from hub.registry.record import Latitude, Longitude
from hub.words import say
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

OLDEST_US = 24 * 3_600_000_000
"""What happened longer ago is a missed event for the statistics, not one to send anybody to."""


class NewReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person reports: class, place (WGS 84 degrees) and how sure it is (metres), when, and how it was learnt."""

    event: Annotated[str, Meta(max_length=40)]
    latitude: Latitude
    longitude: Longitude
    reason: Annotated[str, Meta(min_length=3, max_length=400)]
    radius_m: Annotated[float, Meta(ge=5.0, le=500.0)] = 30.0
    happened_us: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    exercise: bool = False


async def report(request: web.Request) -> web.Response:
    """`POST /api/v1/incidents`: report what no sensor signalled; it waits for a decision like any other."""
    wanted = await read_json(request, NewReport)
    app, at_us, person = request.app, now_us(), signed_in(request).name
    if wanted.event not in SOUND_EVENTS | VIDEO_EVENTS:
        raise Problem(422, "event_unknown", f"`event` is one of {', '.join(sorted(SOUND_EVENTS | VIDEO_EVENTS))}.")
    happened_us = at_us if wanted.happened_us is None else wanted.happened_us
    if not at_us - OLDEST_US <= happened_us <= at_us:
        raise Problem(422, "moment_refused", "`happened_us` lies within the last 24 hours; an older one was missed.")
    if wanted.exercise and not app[CONFIG].exercise and await drill_view(app) is None:
        raise Problem(409, "no_drill", "An exercise is placed while a drill runs; begin one first.")
    if refused := refusal_of(app[GATE], wanted.event, at_us):
        raise Problem(403, refused.code, say(refused.words, refused.values, language_of(request)))
    incident = reported(
        UUID(bytes=uuid6.uuid7().bytes),
        wanted.event,
        (wanted.latitude, wanted.longitude),
        wanted.radius_m,
        happened_us,
        wanted.reason.strip(),
        at_us,
        exercise=wanted.exercise or app[CONFIG].exercise,
    )
    (stored,) = await app[STORE].save([incident], at_us)
    audit = app[AUDIT]
    values: dict[str, str | int | float | bool] = {"event": incident.event, "exercise": incident.exercise}
    await audit.append(Record(at_us, "desk", audit.pseudonym(person), f"incident {incident.id}", "reported", values))
    return json_response(incident_view(stored, app[RUNNER].sites, language_of(request)), 201)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_post("/api/v1/incidents", report)
