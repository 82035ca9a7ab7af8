"""What supervisors see and do about messages: the outbox, dead letters, a test, and how often a dispatch was right."""

from __future__ import annotations

import time
from typing import Any, Final, cast, get_args
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from aiohttp import web

from hub.keys import CONFIG, OUTBOX, STORE
from hub.problem import Problem
from hub.store.quality import QualityReport, quality
from hub.store.records import OutboxRow, OutboxState

MAX_LIMIT: Final = 500
DAY_US: Final = 86_400_000_000


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _now_us() -> int:
    return time.time_ns() // 1_000


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Problem(400, "query_invalid", f"`{name}` is a whole number from 1 to {most}.")
    return int(text)


def _endpoint(request: web.Request) -> str:
    name = request.match_info["name"]
    if all(endpoint.name != name for endpoint in request.app[CONFIG].webhooks):
        raise Problem(404, "webhook_unknown", "No webhook of this name is configured.")
    return name


def _row(row: OutboxRow) -> dict[str, Any]:
    notice = row.notice
    return {
        "sequence": row.sequence,
        "endpoint": row.endpoint,
        "kind": notice.kind,
        "message_id": notice.message_id,
        "incident": notice.incident.id if notice.incident else None,
        "state": row.state,
        "attempts": row.attempts,
        "created_us": row.created_us,
        "due_us": row.due_us,
        "error": row.error,
    }


async def list_outbox(request: web.Request) -> web.Response:
    """`GET /api/v1/outbox?state=&limit=`: messages, newest first; dead letters with `state=dead`."""
    state = request.query.get("state", "")
    if state and state not in get_args(OutboxState):
        raise Problem(400, "query_invalid", f"`state` is one of {', '.join(get_args(OutboxState))}.")
    outbox = request.app[OUTBOX].outbox
    limit = _whole(request, "limit", 100, MAX_LIMIT)
    rows = await outbox.rows(cast(OutboxState, state) if state else None, limit)
    # Where messages may go, by name and host: an address may carry a secret in its path.
    endpoints = [
        {"name": one.name, "host": urlsplit(one.url).hostname or "", "exercise": one.exercise, "format": one.format}
        for one in request.app[CONFIG].webhooks
    ]
    messages = [_row(row) for row in rows]
    return _json({"messages": messages, "disabled": await outbox.disabled(), "endpoints": endpoints})


async def list_deliveries(request: web.Request) -> web.Response:
    """`GET /api/v1/deliveries?message_id=&limit=`: each attempt with its request, its answer and how long it took."""
    message_id = request.query.get("message_id") or None
    limit = _whole(request, "limit", 100, MAX_LIMIT)
    return _json({"deliveries": await request.app[OUTBOX].outbox.deliveries(message_id, limit)})


async def replay(request: web.Request) -> web.Response:
    """`POST /api/v1/outbox/{id}/replay`: send one dead letter again, under its old id."""
    text = request.match_info["id"]
    known = text.isascii() and text.isdigit() and len(text) <= 15
    if not known or not await request.app[OUTBOX].outbox.replay([int(text)], _now_us()):
        raise Problem(404, "no_dead_letter", "There is no dead letter of this number.")
    return _json({"replayed": int(text)})


async def send_test(request: web.Request) -> web.Response:
    """`POST /api/v1/webhooks/{name}/test`: send a message that is plainly a test; it says nothing of any incident."""
    message_id = await request.app[STORE].send_test(_endpoint(request), uuid4(), _now_us())
    return _json({"message_id": message_id})


async def enable(request: web.Request) -> web.Response:
    """`POST /api/v1/webhooks/{name}/enable`: use a webhook again that had answered 410 Gone."""
    name = _endpoint(request)
    return _json({"name": name, "enabled": await request.app[OUTBOX].outbox.enable(name)})


async def precision(request: web.Request) -> web.Response:
    """`GET /api/v1/quality?days=`: outcomes by class, sensor and zone, each ratio with both denominators."""
    days = _whole(request, "days", 30, 3_660)
    now_us = _now_us()
    config = request.app[CONFIG]
    zones = {f"{endpoint.name}/{name}": zone for endpoint in config.webhooks for name, zone in endpoint.zones.items()}
    report = await quality(request.app[STORE].engine, now_us - days * DAY_US, now_us, zones, config.exercise)
    return _json({"days": days, "exercise": config.exercise, **_figures(report)})


def _figures(report: QualityReport) -> dict[str, Any]:
    groups = {"by_event": report.by_event, "by_sensor": report.by_sensor, "by_zone": report.by_zone}
    return {
        "overall": report.overall.figures(),
        **{name: {key: one.figures() for key, one in group.items()} for name, group in groups.items()},
    }


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/outbox", list_outbox)
    app.router.add_post("/api/v1/outbox/{id}/replay", replay)
    app.router.add_get("/api/v1/deliveries", list_deliveries)
    app.router.add_post("/api/v1/webhooks/{name}/test", send_test)
    app.router.add_post("/api/v1/webhooks/{name}/enable", enable)
    app.router.add_get("/api/v1/quality", precision)
