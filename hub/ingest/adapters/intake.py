"""Foreign messages on their way in: understood, then judged and kept as every other; and `POST /api/v1/foreign`."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from hub.foreign_config import Foreign
from hub.ingest.adapters import frigate, generic, onvif
from hub.ingest.adapters.spoken import Spoken
from hub.ingest.body import check_head, read_body
from hub.ingest.caller import CLOCK, prove, sensor_of
from hub.ingest.take import Taken, take
from hub.keys import CONFIG, REGISTRY
from hub.problem import Problem
from hub.registry import SensorRecord

CONTENT: Final = web.AppKey("foreign_content_refused", Counter[str])
"""Identity and pictures that foreign messages held and nobody read, by field."""

_encoder: Final = msgspec.json.Encoder()


class Understood(Struct, frozen=True):
    """The answer: what became of it, and the fields that were passed over unread."""

    accepted: int
    repeated: int
    unread: tuple[str, ...] = ()


def understand(payload: bytes, topic: str, source: Foreign, now_us: int) -> Spoken:
    """What `source` says. Raises Problem where it is not understood."""
    match source.kind:
        case "frigate":
            return frigate.read(payload, source, now_us)
        case "onvif":
            return onvif.read(payload, topic, source, now_us)
        case "json":
            return generic.read(payload, source, now_us)


async def take_foreign(
    app: web.Application, source: Foreign, payload: bytes, topic: str, record: SensorRecord | None = None
) -> Understood:
    """Keep what `payload` says. Raises Problem as `take` does, and 403 for a sensor that is not let in."""
    record = record or await app[REGISTRY].sensor(source.sensor)
    if record is None:
        raise Problem(403, "sensor_unknown", f"{source.sensor} is not registered; run `tocsin sensors add`.")
    if record.revoked_us is not None:
        raise Problem(403, "sensor_revoked", f"{source.sensor} was revoked.")
    spoken = understand(payload, topic, source, app[CLOCK]())
    app[CONTENT].update(f"{source.kind}.{name}" for name in spoken.refused)
    if not spoken.detections:
        return Understood(0, 0, spoken.refused)
    body = msgspec.msgpack.encode({"messages": spoken.detections})
    taken: Taken = await take(app, record, body, "msgpack")
    return Understood(taken.accepted, taken.repeated, spoken.refused)


async def take_topic(app: web.Application, topic: str, payload: bytes) -> int:
    """Keep what was published on `topic`, for every foreign sensor that speaks there; how many detections were new."""
    accepted = 0
    for source in app[CONFIG].foreign:
        if source.speaks_on(topic):
            accepted += (await take_foreign(app, source, payload, topic)).accepted
    return accepted


async def foreign(request: web.Request) -> web.Response:
    """`POST /api/v1/foreign`: one object of a foreign system, with the bearer token of its one sensor.

    200 with `Understood`; 404 `foreign_unmapped` where the configuration has no `[[foreign]]` of kind "json" for it.
    """
    if request.content_type != "application/json":
        raise Problem(415, "type_unsupported", f"{request.content_type} is not taken; send JSON.")
    check_head(request)
    sensor, claim = await sensor_of(request)
    body = await read_body(request)
    sensor = await prove(request, sensor, claim, body)
    found = next((s for s in request.app[CONFIG].foreign if s.sensor == sensor.id and s.kind == "json"), None)
    if found is None:
        raise Problem(404, "foreign_unmapped", f"The hub has no [[foreign]] table of kind json for {sensor.id}.")
    answer = await take_foreign(request.app, found, body, "", sensor)
    return web.Response(body=_encoder.encode(answer), content_type="application/json")


def add_routes(app: web.Application) -> None:
    """Put the address of this module on the application."""
    app[CONTENT] = Counter()
    app.router.add_post("/api/v1/foreign", foreign)
