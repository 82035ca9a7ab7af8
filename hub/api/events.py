"""Server-sent events: what changes, as it changes; a resumed stream misses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from hub.api.language import language_of
from hub.api.reading import tell_read
from hub.api.sensors import sensor_views
from hub.api.status import inner_view
from hub.api.views import incident_view
from hub.keys import LISTENERS, RUNNER, STORE
from hub.problem import Problem
from hub.tasks import within
from hub.words import Language

PAGE: Final = 200
QUIET_S: Final = 2.0
"""How often a quiet stream looks at the sensors."""
KEEP_ALIVE_ROUNDS: Final = 5
MAX_LISTENERS: Final = 500
"""Streams at once; each holds a connection and a little memory."""


def sse(event: str, data: Any, identifier: int | None = None) -> bytes:
    """One event in the format of the HTML standard, section 9.2.6."""
    head = f"id: {identifier}\n" if identifier is not None else ""
    return f"{head}event: {event}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


@dataclass(slots=True)
class Listeners:
    """How many live views are open; `closing` ends them with the hub."""

    count: int = 0
    closing: bool = False


class _Stream:
    """One listener: where it is in the changes, and what it knows of the sensors."""

    def __init__(self, app: web.Application, response: web.StreamResponse, after: int, language: Language) -> None:
        self._app = app
        self._response = response
        self._after = after
        self._language: Language = language
        self._sensors: dict[str, dict[str, Any]] = {}
        self._status: dict[str, Any] = {}

    async def incidents(self) -> None:
        """Send what changed since the last id, each incident once in its newest form."""
        while changes := await self._app[STORE].changes(self._after, PAGE):
            newest = {change.id: change.sequence for change in changes}
            for identifier, sequence in sorted(newest.items(), key=lambda item: item[1]):
                stored = await self._app[STORE].incident(UUID(identifier))
                if stored is not None:
                    view = incident_view(stored, self._app[RUNNER].sites, self._language)
                    await self._response.write(sse("incident", view, sequence))
            self._after = changes[-1].sequence

    async def sensors(self) -> None:
        """Send the sensors whose state differs from what was sent."""
        for view in await sensor_views(self._app):
            if self._sensors.get(view["id"]) != view:
                self._sensors[view["id"]] = view
                await self._response.write(sse("sensor", view))

    async def status(self, *, news_only: bool = False) -> None:
        """Send the head line, which also keeps the connection alive; or only where mode, stop or drill are news."""
        view = await inner_view(self._app, self._language)
        telling = {name: view[name] for name in ("mode", "mode_reasons", "drill")}
        if news_only and telling == self._status:
            return
        self._status = telling
        await self._response.write(sse("status", view))


async def events(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/events`; resume with `Last-Event-ID`, or `?after=`; without either from now on.

    `?incidents=no` gives sensors and the head line alone, for pages that show no incident.
    """
    app = request.app
    listeners, bell = app[LISTENERS], app[STORE].bell
    if listeners.count >= MAX_LISTENERS:
        raise Problem(503, "too_many_listeners", "Too many live views are open.", headers={"Retry-After": "30"})
    asked = request.headers.get("Last-Event-ID") or request.query.get("after")
    try:
        after = int(asked) if asked else await app[STORE].newest_change()
        if not 0 <= after < 2**62:
            raise ValueError
    except ValueError:
        raise Problem(400, "query_invalid", "`Last-Event-ID` is a whole number that this stream gave.") from None
    with_incidents = request.query.get("incidents", "yes") != "no"
    if with_incidents:
        await tell_read(request, "incidents: live", view=True)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    response.headers["X-Accel-Buffering"] = "no"
    stream = _Stream(app, response, after, language_of(request))
    listeners.count += 1
    try:
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        await stream.status()
        quiet_rounds = 0
        while not listeners.closing:
            heard = bell.count
            if with_incidents:
                await stream.incidents()
            await stream.status(news_only=True)
            if await within(QUIET_S, bell.wait(heard)):
                continue
            await stream.sensors()
            quiet_rounds += 1
            if quiet_rounds % KEEP_ALIVE_ROUNDS == 0:
                await stream.status()
    except ConnectionError:
        pass  # the listener went away; it resumes by itself
    finally:
        listeners.count -= 1
    return response


async def _close(app: web.Application) -> None:
    """Open live views end with the hub instead of holding it."""
    app[LISTENERS].closing = True
    app[STORE].bell.ring()


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[LISTENERS] = Listeners()
    app.on_shutdown.append(_close)
    app.router.add_get("/api/v1/events", events)
