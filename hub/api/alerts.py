"""Alerts that Grafana's rules raise about the hub itself: a sensor silent, a clock bad, dispatch failing.

They are about the machinery, not the city: they make no incident and dispatch nothing. The newest state of each is kept
in memory, because Grafana repeats what still fires; each change is one line of the log.
"""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us
from hub.access.routes import json_response
from hub.keys import CONFIG
from hub.problem import Problem

MOST: Final = 500
"""Alerts that are remembered; a flood of them pushes out those that were resolved, then the oldest."""

Text = Annotated[str, Meta(max_length=2_000)]

log = structlog.get_logger()


class Alert(Struct, frozen=True):
    """What one alert of Grafana's webhook says, of which the rest is passed over."""

    fingerprint: Annotated[str, Meta(min_length=1, max_length=200)]
    status: Literal["firing", "resolved"]
    labels: Annotated[dict[str, Text], Meta(max_length=60)] = {}
    annotations: Annotated[dict[str, Text], Meta(max_length=60)] = {}


class Notification(Struct, frozen=True):
    """The body of Grafana's webhook, versions 9.3 to 13."""

    alerts: Annotated[list[Alert], Meta(max_length=MOST)]


class Board:
    """The newest state of each alert."""

    def __init__(self) -> None:
        self._alerts: dict[str, tuple[Alert, int]] = {}

    def take(self, alert: Alert, at_us: int) -> bool:
        """Remember it; True where its state is news."""
        before = self._alerts.pop(alert.fingerprint, None)
        self._alerts[alert.fingerprint] = (alert, at_us)
        while len(self._alerts) > MOST:
            resolved = (key for key, (one, _) in self._alerts.items() if one.status == "resolved")
            self._alerts.pop(next(resolved, next(iter(self._alerts))))
        return before is None or before[0].status != alert.status

    def views(self) -> list[dict[str, Any]]:
        """Firing ones first, newest first."""
        listed = sorted(self._alerts.values(), key=lambda pair: (pair[0].status != "firing", -pair[1]))
        return [
            {
                "name": alert.labels.get("alertname", ""),
                "sensor": alert.labels.get("sensor"),
                "endpoint": alert.labels.get("endpoint"),
                "severity": alert.labels.get("severity", ""),
                "status": alert.status,
                "description": alert.annotations.get("description", ""),
                "at_us": at_us,
            }
            for alert, at_us in listed
        ]


_BOARD: Final[web.AppKey[Board]] = web.AppKey("alerts")
_decoder: Final = msgspec.json.Decoder(Notification)


def _token(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


async def _check(request: web.Request) -> None:
    """Raise 401 unless the request carries the token of `alerts_token_file`."""
    path = request.app[CONFIG].grafana.alerts_token_file
    if path is None:
        raise Problem(401, "alerts_off", "The hub takes no alerts without `alerts_token_file` in [grafana].")
    try:
        token = await asyncio.to_thread(_token, path)
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(503, "alerts_token_unusable", "The file of `alerts_token_file` can't be read.") from error
    said = request.headers.get("Authorization", "")
    if not token or not hmac.compare_digest(said.encode(), f"Bearer {token}".encode()):
        raise Problem(401, "alerts_token_wrong", "The bearer token is not that of `alerts_token_file`.")


async def take_alerts(request: web.Request) -> web.Response:
    """`POST /api/v1/alerts/grafana`: the webhook of Grafana's contact point."""
    await _check(request)
    try:
        notification = _decoder.decode(await request.read())
    except msgspec.DecodeError as error:
        raise Problem(400, "alerts_invalid", f"This is no notification of Grafana: {error}.") from error
    at_us = now_us()
    for alert in notification.alerts:
        if request.app[_BOARD].take(alert, at_us):
            log.warning("alert", status=alert.status, name=alert.labels.get("alertname", ""), labels=alert.labels)
    return json_response({"taken": len(notification.alerts)})


async def list_alerts(request: web.Request) -> web.Response:
    """`GET /api/v1/alerts`: what fires now, and what was resolved since the hub's start."""
    return json_response({"alerts": request.app[_BOARD].views()})


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[_BOARD] = Board()
    app.router.add_post("/api/v1/alerts/grafana", take_alerts)
    app.router.add_get("/api/v1/alerts", list_alerts)
