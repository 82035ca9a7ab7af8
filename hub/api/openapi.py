"""`GET /api/v1/openapi.json`: OpenAPI 3.1 of every address, made from the routes, the access table and the structs.

What a body must look like is read from the same struct that decodes it, so the document can't say another thing than
the hub does. The outgoing webhooks are in it too.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from hub.access.routes import json_response
from hub.access.rules import OPERATIONS, ORIGIN, PUBLIC, SENSOR, SIGNED, rule_of
from hub.api.reading import REASONS
from hub.api.status import VERSION
from hub.ingest.adapters.intake import Understood
from hub.ingest.enrolment import Enrolled, Enrolment, Rotation
from hub.ingest.lease import Lease
from hub.ingest.routes import Taken
from hub.sinks.cloudevents import CLOUDEVENTS_TYPE, EVENT_TYPES
from hub.sinks.outcome import Report
from sensors.protocol import Batch

SAFE: Final = frozenset({"GET", "HEAD"})
REF: Final = "#/components/schemas/{name}"
Refs = dict[type[Struct], dict[str, Any]]
"""Where the schema of each struct stands in the document."""
PROBLEM_TYPE: Final = "application/problem+json"

BODIES: Final[dict[tuple[str, str], type[Struct]]] = {
    ("POST", "/api/v1/ingest"): Batch,
    ("POST", "/api/v1/enrol"): Enrolment,
    ("POST", "/api/v1/rotate"): Rotation,
    ("POST", "/api/v1/outcomes/{endpoint}"): Report,
}
"""Bodies whose handler decodes them itself; the others are found by their `read_json(request, Struct)`."""

ANSWERS: Final[dict[tuple[str, str], type[Struct]]] = {
    ("POST", "/api/v1/ingest"): Taken,
    ("POST", "/api/v1/foreign"): Understood,
    ("GET", "/api/v1/lease"): Lease,
    ("POST", "/api/v1/enrol"): Enrolled,
}

_WHOLE: Final[dict[str, Any]] = {"type": "integer"}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_LANGUAGE: Final[dict[str, Any]] = {"lang": {"type": "string", "enum": ["fr", "en"]}}
_REASON: Final[dict[str, Any]] = {"reason": {"type": "string", "enum": list(REASONS)}}
"""Why somebody reads who does not work with incidents."""
_PAGE: Final[dict[str, Any]] = {
    "state": _TEXT,
    "event": _TEXT,
    "since": _WHOLE,
    "before": _WHOLE,
    "limit": {"type": "integer", "minimum": 1, "maximum": 500},
}
QUERIES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("GET", "/api/v1/incidents"): {**_PAGE, **_REASON, **_LANGUAGE},
    ("GET", "/api/v1/incidents.geojson"): {**_PAGE, **_REASON, **_LANGUAGE},
    ("GET", "/api/v1/incidents/{id}"): {**_REASON, **_LANGUAGE},
    ("GET", "/api/v1/status"): _LANGUAGE,
    ("GET", "/api/v1/events"): {
        "after": _WHOLE,
        "incidents": {"type": "string", "enum": ["yes", "no"]},
        **_REASON,
        **_LANGUAGE,
    },
    ("GET", "/api/v1/outbox"): {"state": _TEXT, "limit": _WHOLE},
    ("GET", "/api/v1/deliveries"): {"message_id": _TEXT, "limit": _WHOLE},
    ("GET", "/api/v1/roster"): {"from": _TEXT, "days": {"type": "integer", "minimum": 1, "maximum": 35}},
    ("GET", "/api/v1/quality"): {"days": {"type": "integer", "minimum": 1, "maximum": 3_660}},
    ("GET", "/api/v1/lease"): {"wait": {"type": "integer", "minimum": 0, "maximum": 20}, "known": _TEXT},
}


class ProblemDocument(Struct, frozen=True):
    """An error as RFC 9457 has it; `code` is stable, `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def body_of(handler: Callable[..., Any]) -> type[Struct] | None:
    """The struct that `handler` reads its JSON body into; None where it reads none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "read_json":
            name = node.args[1]
            assert isinstance(name, ast.Name), f"{handler.__name__} reads a body of no name"
            found: type[Struct] = inspect.unwrap(handler).__globals__[name.id]
            return found
    return None


def _security(method: str, path: str) -> list[dict[str, list[str]]]:
    rule = rule_of(method, path)
    if rule == SENSOR:
        return [{}] if path.endswith("/enrol") else [{"signature": [], "signatureInput": []}, {"sensorToken": []}]
    if rule == SIGNED:
        return [{"webhookSignature": []}]
    if rule == PUBLIC:
        return [{}]
    return [{}, {"session": []}] if rule in (OPERATIONS, ORIGIN) else [{"session": []}]


def _parameters(method: str, path: str) -> list[dict[str, Any]]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    asked = [{"name": name, "in": "query", "schema": kind} for name, kind in QUERIES.get((method, path), {}).items()]
    rule = rule_of(method, path)
    if method in SAFE or rule in (SENSOR, SIGNED):
        return named + asked
    header = {"type": "string", "enum": ["1"]}
    return [*named, *asked, {"name": "X-Tocsin", "in": "header", "required": True, "schema": header}]


def _media(schema: dict[str, Any], path: str) -> dict[str, Any]:
    types = ["application/json", "application/msgpack"] if path.endswith("/ingest") else ["application/json"]
    return {name: {"schema": schema} for name in types}


def _operation(
    method: str, path: str, handler: Callable[..., Any], body: type[Struct] | None, refs: Refs
) -> dict[str, Any]:
    says = inspect.getdoc(handler) or ""
    rule = rule_of(method, path)
    roles = f" Roles: {', '.join(sorted(rule))}." if isinstance(rule, frozenset) else ""
    answer: dict[str, Any] = {"description": "Done."}
    if (kind := ANSWERS.get((method, path))) is not None:
        answer["content"] = _media(refs[kind], "")
    problem = {"schema": refs[ProblemDocument]}
    name = re.sub(r"[^a-z0-9]+", "_", path.removeprefix("/api/v1").lower()).strip("_")
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{name}",
        "summary": says.splitlines()[0].partition(": ")[2] or says.splitlines()[0],
        "description": says + roles,
        "security": _security(method, path),
        "parameters": _parameters(method, path),
        "responses": {
            "2XX": answer,
            "default": {"description": "Refused, with the reason.", "content": {PROBLEM_TYPE: problem}},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _media(refs[body], path)}
    return operation


_SAYS: Final[dict[str, tuple[str, str]]] = {
    "test": ("A test", "Sent by hand to try a receiver; it says nothing of any incident."),
    "escalation": (
        "An incident waits and nobody looks",
        "Calls those on duty; goes to endpoints of the purpose `escalation` alone and says nothing of the place.",
    ),
}


def _webhook(kind: str, event: str) -> dict[str, Any]:
    headers = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": says}
        for name, says in (
            ("webhook-id", "Names the message; the same over all its attempts, so that a repeat is known."),
            ("webhook-timestamp", "Seconds since the Unix epoch, of this attempt."),
            ("webhook-signature", "`v1,` (HMAC-SHA256) or `v1a,` (Ed25519) of `{id}.{timestamp}.{body}`."),
        )
    ]
    envelope = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string"},
            "source": {"type": "string"},
            "type": {"const": event},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string", "format": "uuid"},
            "exercise": {"type": "boolean"},
            "data": {"type": "object"},
        },
    }
    content = {
        CLOUDEVENTS_TYPE: {"schema": envelope},
        "application/json": {"schema": {"type": "object"}},
        "application/cap+xml": {"schema": {"type": "string"}},
    }
    return {
        "post": {
            "summary": _SAYS.get(kind, (f"{event}, after a person confirmed", ""))[0],
            "description": _SAYS.get(kind, ("", "Signed by Standard Webhooks 1.0; the format is the endpoint's own."))[
                1
            ],
            "parameters": headers,
            "requestBody": {"required": True, "content": content},
            "responses": {
                "2XX": {"description": "Taken."},
                "410": {"description": "Never again: the endpoint is closed until a person opens it."},
                "default": {"description": "Not taken: it is sent again."},
            },
        }
    }


SCHEMES: Final[dict[str, Any]] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "tocsin_session", "description": "A person, signed in."},
    "signature": {"type": "apiKey", "in": "header", "name": "Signature", "description": "RFC 9421, ed25519."},
    "signatureInput": {"type": "apiKey", "in": "header", "name": "Signature-Input", "description": "RFC 9421."},
    "sensorToken": {"type": "http", "scheme": "bearer", "description": "A sensor that can't sign."},
    "webhookSignature": {"type": "apiKey", "in": "header", "name": "webhook-signature"},
}


def document(app: web.Application) -> dict[str, Any]:
    """The whole document for the routes of `app`; reads source files, so not in the event loop."""
    handlers = {
        (route.method, resource.canonical): route.handler
        for resource in app.router.resources()
        for route in resource
        if route.method != "HEAD" and rule_of(route.method, resource.canonical) is not None
    }
    bodies = {key: BODIES.get(key) or body_of(handler) for key, handler in handlers.items()}
    used: tuple[type[Struct], ...] = (
        ProblemDocument,
        *(body for body in bodies.values() if body is not None),
        *ANSWERS.values(),
    )
    kinds: list[type[Struct]] = list(dict.fromkeys(used))
    found, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    refs: Refs = dict(zip(kinds, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for key, handler in handlers.items():
        paths.setdefault(key[1], {})[key[0].lower()] = _operation(*key, handler, bodies[key], refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": VERSION,
            "summary": "An acoustic-plus-video sensor hub: detect, place, explain, ask a human, then dispatch.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "webhooks": {kind: _webhook(kind, event) for kind, event in EVENT_TYPES.items()},
        "components": {"schemas": schemas, "securitySchemes": SCHEMES},
    }


DOCUMENT: Final[web.AppKey[list[dict[str, Any]]]] = web.AppKey("openapi")


async def openapi(request: web.Request) -> web.Response:
    """`GET /api/v1/openapi.json`: this interface, for machines."""
    made = request.app[DOCUMENT]
    if not made:
        made.append(await asyncio.to_thread(document, request.app))
    return json_response(made[0])


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[DOCUMENT] = []
    app.router.add_get("/api/v1/openapi.json", openapi)
