"""`POST /api/v1/ingest`: batches of messages, acknowledged once they are on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from hub.access.limits import Pace, too_many
from hub.ingest import enrolment
from hub.ingest.body import check_head, read_body
from hub.ingest.caller import CLOCK, NONCES, prove, sensor_of
from hub.ingest.decode import FORMATS, Refused, decode_batch
from hub.ingest.judge import judge
from hub.ingest.lease import Lease, lease_for
from hub.ingest.lease import add_routes as add_lease
from hub.ingest.signature import Nonces
from hub.keys import CONFIG, GATE, LOG, REGISTRY
from hub.log import LogFull, LogUnavailable
from hub.problem import Problem

REFUSED: Final = web.AppKey("ingest_refused", Counter[str])
"""Messages refused so far, by code: for the metrics and the public page."""


class Taken(Struct, frozen=True):
    """The answer: how many messages are new, how many were there already, which were refused for good, and what the
    sensor may do from now on."""

    accepted: int
    repeated: int
    refused: Sequence[Refused]
    lease: Lease


PACE: Final = web.AppKey("sensor_pace", Pace)

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
    app = request.app
    sensor, claim = await sensor_of(request)
    body = await read_body(request)
    sensor = await prove(request, sensor, claim, body)
    if wait_s := app[PACE].wait_s(sensor.id, time.monotonic()):
        raise too_many(wait_s, sensor.id)
    now_us = app[CLOCK]()
    messages, refused = decode_batch(body, form)
    good, judged = judge(messages, sensor, app[GATE], now_us)
    if judged:
        refused = sorted([*refused, *judged], key=_index)
    if refused:
        app[REFUSED].update(entry.code for entry in refused)
    if not good:
        foreign = all(entry.code == "sensor_mismatch" for entry in refused)
        raise Problem(
            403 if foreign else 422,
            "sensor_mismatch" if foreign else "batch_refused",
            "No message of this batch was taken; `refused` says why.",
            refused=msgspec.to_builtins(refused),
            lease=msgspec.to_builtins(lease_for(app, sensor, now_us)),
        )
    try:
        result = await app[LOG].append(good)
    except LogFull as full:
        later = _later(full.retry_after_s)
        raise Problem(503, "log_full", "More waits for the disk than may; send again later.", headers=later) from None
    except LogUnavailable as fault:
        later = _later(fault.retry_after_s)
        raise Problem(503, fault.code, "The hub can't write now; nothing was taken.", headers=later) from None
    app[REGISTRY].heard(sensor.id, good, now_us)
    answer = Taken(result.accepted, result.repeated, refused, lease_for(app, sensor, app[CLOCK]()))
    return web.Response(body=_encoder.encode(answer), content_type="application/json")


def _index(entry: Refused) -> int:
    return entry.index


def _later(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}


def add_routes(app: web.Application, *, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
    """Put intake and enrolment on the application; `now_us` is the hub's clock, which judges every time it is told."""
    app[CLOCK] = now_us
    app[NONCES] = Nonces()
    app[REFUSED] = Counter()
    limits = app[CONFIG].http.limits
    app[PACE] = Pace(limits.per_sensor_s, limits.per_sensor_burst)
    app.router.add_post("/api/v1/ingest", ingest)
    add_lease(app)
    enrolment.add_routes(app)
