"""The guard at the door: who the visitor is, what the route lets him do, no request forged by another site."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from hub.access.accounts import Person
from hub.access.address import may_watch
from hub.access.rules import OPERATIONS, PUBLIC, READERS, SENSOR, SIGNED, rule_of
from hub.access.tokens import token_of
from hub.keys import ACCOUNTS, CONFIG, ENGINE
from hub.problem import Problem

COOKIE: Final = "tocsin_session"
PERSON: Final[web.RequestKey[Person | None]] = web.RequestKey("person")
PROGRAM: Final[web.RequestKey[str]] = web.RequestKey("program")
"""The name of the token that a program showed; absent where no token opened the request."""
DEMO_OPERATOR: Final = Person("Demo operator", "supervisor")

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def now_us() -> int:
    """The wall clock, microseconds since the Unix epoch."""
    return time.time_ns() // 1_000


def _on_loopback(request: web.Request) -> bool:
    """The connection comes from this machine itself, and no proxy put it through for somebody else."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


async def visitor(request: web.Request) -> Person | None:
    """Who is signed in on this request; None for a stranger."""
    token = request.cookies.get(COOKIE)
    if token:
        person = await request.app[ACCOUNTS].session(token, now_us())
        if person is not None:
            return person
    if request.app[CONFIG].open_console and _on_loopback(request):
        return DEMO_OPERATOR
    return None


async def _program(request: web.Request, rule: object) -> bool:
    """True for a program whose token opens this address; Problem where it shows one that does not."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or rule == PUBLIC:
        return False
    token = await token_of(request.app[ENGINE], secret.strip(), now_us())
    if token is None:
        raise Problem(401, "token_invalid", "This token is not known, or its time is over.")
    opened = {"read": (READERS, OPERATIONS), "metrics": (OPERATIONS,)}.get(token.scope, ())
    if request.method not in _SAFE or rule not in opened:
        raise Problem(403, "token_scope", f"A token of the scope {token.scope} does not open this; a person may.")
    request[PROGRAM] = token.name
    return True


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse with 401, 403 or pass on with `request[PERSON]` set."""
    resource = request.match_info.route.resource
    rule = rule_of(request.method, resource.canonical) if resource is not None else PUBLIC
    if rule is None or rule in (SENSOR, SIGNED):
        return await handler(request)
    if await _program(request, rule):
        request[PERSON] = None
        return await handler(request)
    person = await visitor(request)
    request[PERSON] = person
    if request.method not in _SAFE and request.headers.get("X-Tocsin") != "1":
        raise Problem(403, "cross_site_refused", "A request that changes something carries the header `X-Tocsin: 1`.")
    if rule == OPERATIONS and not may_watch(request):
        rule = READERS
    if isinstance(rule, frozenset):
        if person is None:
            raise Problem(401, "sign_in_needed", "Sign in first.")
        if person.role not in rule:
            allowed = ", ".join(sorted(rule))
            raise Problem(403, "role_refused", f"The role {person.role} may not do this; it takes: {allowed}.")
    return await handler(request)


def signed_in(request: web.Request) -> Person:
    """The person that the guard let in; only for routes whose rule names roles."""
    person = request[PERSON]
    if person is None:
        raise Problem(401, "sign_in_needed", "Sign in first.")
    return person
