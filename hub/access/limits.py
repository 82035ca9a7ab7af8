"""How much one address and one sensor may ask, and the count of what was refused: the outermost of our own layers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from hub.access.address import client_of
from hub.access.rules import SENSOR, rule_of
from hub.keys import CONFIG
from hub.problem import Problem

NAMES: Final = 20_000
"""Buckets kept at once; the one that was used longest ago goes first."""
REFUSALS: Final[web.AppKey[Counter[str]]] = web.AppKey("http_refusals")
"""Requests refused so far, by code."""


class Pace:
    """A token bucket for each name: `rate_s` requests a second in the long run, `burst` at once.

    `wait_s` takes one at `now_s` (any monotonic clock) and gives 0, or the seconds to wait where there is none left.
    """

    def __init__(self, rate_s: float, burst: int, names: int = NAMES) -> None:
        self._rate_s = rate_s
        self._burst = float(burst)
        self._names = names
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, name: str, now_s: float) -> float:
        """Take one request of `name`; a refused one costs nothing."""
        left, at_s = self._buckets.pop(name, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - at_s) * self._rate_s)
        allowed = left >= 1.0
        self._buckets[name] = (left - 1.0 if allowed else left, now_s)
        if len(self._buckets) > self._names:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if allowed else (1.0 - left) / self._rate_s

    def give_back(self, name: str) -> None:
        """The last request of `name` does not count."""
        if (bucket := self._buckets.get(name)) is not None:
            self._buckets[name] = (min(self._burst, bucket[0] + 1.0), bucket[1])


ADDRESSES: Final = web.AppKey("address_pace", Pace)


def too_many(wait_s: float, who: str) -> Problem:
    """The refusal of one request too many."""
    headers = {"Retry-After": str(int(wait_s) + 1)}
    return Problem(429, "too_many_requests", f"Too many requests from {who}; send again later.", headers=headers)


@web.middleware
async def limited(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse with 429 where an address asks too much, and count what is refused for any reason.

    What a sensor proved to be its own counts against the sensor alone: a whole street may stand behind one address.
    """
    app = request.app
    client = client_of(request)
    refusals, pace = app[REFUSALS], app[ADDRESSES]
    if wait_s := pace.wait_s(client, time.monotonic()):
        refusals["too_many_requests"] += 1
        raise too_many(wait_s, "this address")
    try:
        if "%00" in request.rel_url.raw_path_qs:
            raise Problem(400, "address_invalid", "A zero character stands in the address.")
        response = await handler(request)
    except Problem as problem:
        refusals[problem.code] += 1
        raise
    except web.HTTPException as answer:
        if answer.status >= 400:
            refusals[HTTPStatus(answer.status).name.lower()] += 1
        raise
    resource = request.match_info.route.resource
    if resource is not None and rule_of(request.method, resource.canonical) == SENSOR:
        pace.give_back(client)
    return response


def add_limits(app: web.Application) -> None:
    """Make the buckets and counters."""
    limits = app[CONFIG].http.limits
    app[REFUSALS] = Counter()
    app[ADDRESSES] = Pace(limits.per_address_s, limits.per_address_burst)
