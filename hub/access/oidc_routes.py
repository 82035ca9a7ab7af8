"""`/api/v1/oidc/start` and `/callback`: to the identity provider and back, with a session at the end.

The attempt is tied to the browser that began it by a cookie, so that nobody is signed in by another's link. A refusal
leads back to the page with its code (`/?sign_in=CODE`).
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import structlog
from aiohttp import web

from hub.access.guard import COOKIE, now_us
from hub.access.limits import REFUSALS
from hub.access.oidc_config import FLOW_S
from hub.access.routes import set_session, trace
from hub.keys import ACCOUNTS, CONFIG
from hub.problem import Problem

if TYPE_CHECKING:
    from hub.access.oidc import OpenId

FLOW_COOKIE: Final = "tocsin_oidc"
START: Final = "/api/v1/oidc/start"
CALLBACK: Final = "/api/v1/oidc/callback"
OPENID: Final[web.AppKey[list[OpenId]]] = web.AppKey("openid")
"""The provider, once the application runs; empty where none is configured."""

log = structlog.get_logger()


def _provider(request: web.Request) -> OpenId:
    found = request.app[OPENID]
    if not found:
        raise Problem(404, "oidc_off", "No identity provider is configured; sign in with name and password.")
    return found[0]


def _secure(request: web.Request) -> bool:
    return request.secure or (request.app[CONFIG].http.public_url or "").startswith("https://")


async def start(request: web.Request) -> web.Response:
    """`GET /api/v1/oidc/start`: to the identity provider."""
    provider = _provider(request)
    base = (request.app[CONFIG].http.public_url or str(request.url.origin())).rstrip("/")
    address, state = await provider.begin(base + CALLBACK)
    response = web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
    # Lax, because it has to come along when the provider sends the browser back.
    response.set_cookie(
        FLOW_COOKIE, state, max_age=int(FLOW_S), httponly=True, samesite="Lax", secure=_secure(request), path=CALLBACK
    )  # fmt: skip
    return response


async def callback(request: web.Request) -> web.Response:
    """`GET /api/v1/oidc/callback`: back from the identity provider, with a session where it vouched for a role."""
    provider = _provider(request)
    try:
        token = await _session(request, provider)
    except Problem as problem:
        request.app[REFUSALS][problem.code] += 1
        log.warning("oidc_refused", code=problem.code, detail=problem.detail)
        response = web.Response(status=302, headers={"Location": f"/?sign_in={quote(problem.code)}"})
    else:
        response = web.Response(status=302, headers={"Location": "/"})
        set_session(request, response, token)
    response.headers["Cache-Control"] = "no-store"
    response.del_cookie(FLOW_COOKIE, path=CALLBACK)
    return response


async def _session(request: web.Request, provider: OpenId) -> str:
    query = request.query
    state, code = query.get("state", ""), query.get("code", "")
    begun = request.cookies.get(FLOW_COOKIE, "")
    if not state or not hmac.compare_digest(state.encode(), begun.encode()):
        raise Problem(403, "oidc_state_unknown", "This browser did not begin this attempt.")
    if "error" in query or not code:
        raise Problem(403, "oidc_provider_refused", "The identity provider let nobody in.")
    who = await provider.finish(state, code, query.get("iss"))
    accounts = request.app[ACCOUNTS]
    token, change = await accounts.sign_in_vouched(who.subject, who.name, who.role, now_us())
    if change:
        await trace(request, who.name, change, who.role)
    if old := request.cookies.get(COOKIE):
        await accounts.sign_out(old)
    return token


async def _context(app: web.Application) -> AsyncIterator[None]:
    config = app[CONFIG].oidc
    if config.issuer:
        # Loaded where it is used: few hubs need what reads a provider's tokens.
        module = await asyncio.to_thread(importlib.import_module, "hub.access.oidc")
        app[OPENID].append(module.OpenId(config, await asyncio.to_thread(config.read_secret)))
    yield
    for provider in app[OPENID]:
        await provider.close()


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[OPENID] = []
    app.cleanup_ctx.append(_context)
    app.router.add_get(START, start)
    app.router.add_get(CALLBACK, callback)
