"""Incidents over HTTP: the list, one whole, GeoJSON, and a person's decision."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, cast, get_args
from uuid import UUID

from aiohttp import web
from msgspec import Meta, Struct, json

from hub.access.guard import now_us, signed_in
from hub.access.routes import json_response, read_json
from hub.api import geojson, reading
from hub.api.language import language_of
from hub.api.reading import tell_read
from hub.api.views import incident_view
from hub.foreign_config import stand_alone
from hub.incident import State
from hub.keys import CONFIG, GATE, RUNNER, STORE
from hub.problem import Problem
from hub.store import Decision, SecondPersonNeeded, StaleRevision, StoredIncident, TransitionRefused
from hub.words import say

MAX_LIMIT: Final = 500
PAGE: Final = 50
WHOLE: Final = re.compile(r"-?[0-9]{1,17}")
"""Up to the year 5138 in microseconds, and well within what a database takes."""
REASON_NEEDED: Final = frozenset({"reject"})
"""Rejecting names why, in a word or two: it is what precision per class and sensor is learnt from."""


class DecisionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person decides, of the revision that was on the screen."""

    action: Literal["acknowledge", "confirm", "reject", "unsure", "close"]
    revision: Annotated[int, Meta(ge=0, le=2**31)]
    reason: Annotated[str, Meta(max_length=2_000)] | None = None


def _whole(request: web.Request, name: str, default: int | None) -> int | None:
    text = request.query.get(name)
    if text is None or text == "":
        return default
    if not WHOLE.fullmatch(text):
        raise Problem(400, "query_invalid", f"`{name}` is a whole number, not {text[:40]!r}.")
    return int(text)


def _state(request: web.Request) -> State | None:
    text = request.query.get("state", "")
    if text and text not in get_args(State):
        raise Problem(400, "query_invalid", f"`state` is one of {', '.join(get_args(State))}.")
    return cast(State, text) if text else None


def _identifier(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise Problem(404, "incident_unknown", "There is no incident of this id.") from None


def _limit(request: web.Request) -> int:
    limit = _whole(request, "limit", PAGE)
    if limit is None or not 1 <= limit <= MAX_LIMIT:
        raise Problem(400, "query_invalid", f"`limit` is between 1 and {MAX_LIMIT}.")
    return limit


async def _page(request: web.Request) -> list[StoredIncident]:
    return await request.app[STORE].incidents(
        state=_state(request),
        event=request.query.get("event") or None,
        since_us=_whole(request, "since", None),
        before=_whole(request, "before", None),
        limit=_limit(request),
    )


async def list_incidents(request: web.Request) -> web.Response:
    """`GET /api/v1/incidents`: newest first; `next` is the `before` of the next page.

    Who does not work with incidents gives a `reason`, here and in the three addresses beside it.
    """
    await tell_read(request, "incidents: list", view=True)
    found = await _page(request)
    language, sites = language_of(request), request.app[RUNNER].sites
    following = found[-1].incident.onset_us if len(found) == _limit(request) else None
    return json_response({"incidents": [incident_view(one, sites, language) for one in found], "next": following})


async def incidents_geojson(request: web.Request) -> web.Response:
    """`GET /api/v1/incidents.geojson`: a point and the polygon of its ellipse, for any map."""
    await tell_read(request, "incidents: map", view=True)
    language, sites = language_of(request), request.app[RUNNER].sites
    features = []
    for stored in await _page(request):
        view = incident_view(stored, sites, language)
        properties = {
            key: view[key]
            for key in ("event", "event_name", "state", "onset_us", "probability", "rounds", "exercise", "summary")
        }
        geometry = geojson.place_geometry(stored.incident.place)
        features.append(geojson.feature(str(stored.incident.id), geometry, properties))
    return web.Response(body=json.encode(geojson.collection(features)), content_type=geojson.MEDIA_TYPE)


async def one_incident(request: web.Request) -> web.Response:
    """`GET /api/v1/incidents/{id}`."""
    stored = await request.app[STORE].incident(_identifier(request))
    if stored is None:
        raise Problem(404, "incident_unknown", "There is no incident of this id.")
    await tell_read(request, f"incident {request.match_info['id']}")
    return json_response(incident_view(stored, request.app[RUNNER].sites, language_of(request)))


async def decide(request: web.Request) -> web.Response:
    """`POST /api/v1/incidents/{id}/decisions`: one person, one incident, one act; there is no bulk form."""
    person = signed_in(request)
    body = await read_json(request, DecisionBody)
    reason = (body.reason or "").strip()
    if body.action in REASON_NEEDED and not reason:
        raise Problem(422, "reason_needed", "Say in a word why it is rejected.")
    decision = Decision(person=person.name, action=body.action, reason=reason, at_us=now_us(), revision=body.revision)
    if body.action == "confirm" and (refused := request.app[GATE].may_confirm(person.name, decision.at_us)):
        raise Problem(403, refused.code, say(refused.words, refused.values, language_of(request)))
    known = await request.app[STORE].incident(_identifier(request))
    event = "" if known is None else known.incident.event
    if body.action == "confirm" and known and stand_alone(known.incident, request.app[CONFIG].foreign):
        raise Problem(409, "foreign_alone", say("foreign_alone", {}, language_of(request)))
    dispatch = request.app[GATE].assessment(decision.at_us).may_dispatch(event)
    try:
        stored = await request.app[STORE].decide(_identifier(request), decision, dispatch=dispatch)
    except KeyError:
        raise Problem(404, "incident_unknown", "There is no incident of this id.") from None
    except SecondPersonNeeded as needed:
        raise Problem(409, "second_person_needed", str(needed)) from None
    except StaleRevision as stale:
        raise Problem(409, "stale_revision", str(stale)) from None
    except TransitionRefused as refused:
        raise Problem(409, "transition_refused", str(refused)) from None
    return json_response(incident_view(stored, request.app[RUNNER].sites, language_of(request)))


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    reading.add(app)
    app.router.add_get("/api/v1/incidents", list_incidents)
    app.router.add_get("/api/v1/incidents.geojson", incidents_geojson)
    app.router.add_get("/api/v1/incidents/{id}", one_incident)
    app.router.add_post("/api/v1/incidents/{id}/decisions", decide)
