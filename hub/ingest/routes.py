"""`POST /api/v1/ingest`: batches of messages, acknowledged once they are on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from hub.access.limits import Pace
from hub.ingest import enrolment, stream
from hub.ingest.adapters import intake as foreign
from hub.ingest.body import check_head, read_body
from hub.ingest.caller import CLOCK, NONCES, prove, sensor_of
from hub.ingest.decode import FORMATS
from hub.ingest.lease import add_routes as add_lease
from hub.ingest.signature import Nonces
from hub.ingest.take import PACE, REFUSED, WALL, Taken, Wall, take
from hub.keys import CONFIG
from hub.problem import Problem

__all__ = ["REFUSED", "Taken", "add_routes", "ingest"]

_encoder: Final = msgspec.json.Encoder()


async def ingest(request: web.Request) -> web.Response:
    """Take in one batch.

    200 with `Taken` after the sync to disk. 403 or 422 `batch_refused` with the same `refused` list where no message
    was good; 400, 401,
    403, 408, 411, 413, 415, 422 for a request that is no good; 503 with Retry-After where the log can't keep up or
    can't write.
    """
    form = FORMATS.get(request.content_type)
    if form is None:
        raise Problem(415, "type_unsupported", f"{request.content_type} is not taken; send JSON or MessagePack.")
    check_head(request)
    sensor, claim = await sensor_of(request)
    body = await read_body(request)
    sensor = await prove(request, sensor, claim, body)
    answer = await take(request.app, sensor, body, form)
    return web.Response(body=_encoder.encode(answer), content_type="application/json")


def add_routes(app: web.Application, *, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
    """Put intake and enrolment on the application; `now_us` is the hub's clock, which judges every time it is told."""
    app[CLOCK] = now_us
    app[NONCES] = Nonces()
    app[REFUSED] = Counter()
    app[WALL] = Wall(now_us())
    limits = app[CONFIG].http.limits
    app[PACE] = Pace(limits.per_sensor_s, limits.per_sensor_burst)
    app.router.add_post("/api/v1/ingest", ingest)
    add_lease(app)
    stream.add_routes(app)
    foreign.add_routes(app)
    enrolment.add_routes(app)
