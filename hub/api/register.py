"""The public register over HTTP: a page and its data forms, open to everybody, counted at most twice a minute."""

from __future__ import annotations

import asyncio
from typing import Final, get_args

import msgspec
from aiohttp import web

from hub.access.guard import now_us
from hub.access.routes import json_response
from hub.api.language import language_of
from hub.keys import CONFIG, ENGINE, GATE
from hub.policy.exports import Form, export
from hub.policy.facts import Facts, gather
from hub.policy.page import CONTENT_POLICY, html
from hub.policy.register import register
from hub.policy.telling import Teller
from hub.problem import Problem
from hub.words import Language

FRESH_US: Final = 30_000_000
"""Strangers may ask as often as they like: the database is asked at most so often."""


class Counter:
    """The newest facts, counted again once they are no longer fresh."""

    def __init__(self) -> None:
        self._facts: Facts | None = None
        self._lock = asyncio.Lock()

    async def facts(self, app: web.Application) -> Facts:
        """What was counted within the last half minute; mode and stops are of this moment."""
        now = now_us()
        async with self._lock:
            if self._facts is None or abs(now - self._facts.now_us) > FRESH_US:
                self._facts = await gather(app[ENGINE], app[CONFIG], now)
            assessment = app[GATE].assessment(now)
            stopped = tuple(sorted(assessment.suspended))
            return msgspec.structs.replace(self._facts, assessment=assessment, suspended=stopped)


COUNTER: Final[web.AppKey[Counter]] = web.AppKey("register_counter")


async def _teller(request: web.Request) -> Teller:
    # French first, whatever the browser prefers: it is the register of a French administration.
    language: Language = language_of(request) if request.query.get("lang") else "fr"
    return Teller(await request.app[COUNTER].facts(request.app), request.app[CONFIG], language)


async def page(request: web.Request) -> web.Response:
    """`GET /register`."""
    text = html(register(await _teller(request)))
    headers = {"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "public, max-age=30"}
    return web.Response(text=text, content_type="text/html", headers=headers)


async def whole(request: web.Request) -> web.Response:
    """`GET /register.json`."""
    return json_response(export("register", await _teller(request)))


async def form(request: web.Request) -> web.Response:
    """`GET /register/{form}.json`: `etalab`, `atrs` or `dtpr`."""
    wanted = request.match_info["form"]
    for known in get_args(Form):
        if wanted == known:
            return json_response(export(known, await _teller(request)))
    raise Problem(404, "form_unknown", f"The register has the forms {', '.join(get_args(Form))}.")


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[COUNTER] = Counter()
    app.router.add_get("/register", page)
    app.router.add_get("/register.json", whole)
    app.router.add_get("/register/{form}.json", form)
