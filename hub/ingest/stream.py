"""`GET /api/v1/stream`: a WebSocket for a sensor or a foreign system that sends often.

The request that opens it is signed, or carries a bearer token, as one of `POST /api/v1/ingest`. Each frame is a batch:
MessagePack in a binary frame, JSON in a text frame, 1 MiB at most. Each is answered, in order, by one text frame: what
`POST /api/v1/ingest` would answer, or its problem document. The frames themselves are not signed: outside the hub's own
machine use TLS. A sensor that is revoked is let go at its next frame (close code 4403, `sensor_revoked`).
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from hub.ingest.body import MAX_BODY
from hub.ingest.caller import prove, sensor_of
from hub.ingest.take import take
from hub.keys import REGISTRY
from hub.problem import Problem
from hub.registry import SensorRecord

PING_S: Final = 20.0
"""A line that is dead is noticed after this time, and a half of it."""
REVOKED: Final = 4_403
PER_SENSOR: Final = 4
"""Streams that one sensor may hold at once: an old one may not have been noticed as dead yet."""
STREAMS: Final[web.AppKey[dict[web.WebSocketResponse, str]]] = web.AppKey("sensor_streams")
"""Open streams with their sensor."""

_encoder: Final = msgspec.json.Encoder()


async def stream(request: web.Request) -> web.WebSocketResponse:
    """`GET /api/v1/stream`: batches over a WebSocket, each answered; 426 for a request that is none."""
    app = request.app
    sensor, claim = await sensor_of(request)
    sensor = await prove(request, sensor, claim, b"")
    socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=MAX_BODY, compress=False, autoping=True)
    if not socket.can_prepare(request).ok:
        raise Problem(
            426, "upgrade_needed", "This address speaks WebSocket (RFC 6455).", headers={"Upgrade": "websocket"}
        )
    if sum(name == sensor.id for name in app[STREAMS].values()) >= PER_SENSOR:
        raise Problem(429, "too_many_streams", f"{sensor.id} holds {PER_SENSOR} streams already.")
    await socket.prepare(request)
    app[STREAMS][socket] = sensor.id
    try:
        async for frame in socket:
            if frame.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                break
            now = await app[REGISTRY].sensor(sensor.id)
            if now is None or now.revoked_us is not None:
                await socket.close(code=REVOKED, message=b"sensor_revoked")
                break
            await _answer(app, socket, now, frame.data)
    finally:
        app[STREAMS].pop(socket, None)
    return socket


async def _answer(app: web.Application, socket: web.WebSocketResponse, sensor: SensorRecord, data: bytes | str) -> None:
    try:
        if isinstance(data, str):
            taken = await take(app, sensor, data.encode(), "json")
        else:
            taken = await take(app, sensor, data, "msgpack")
    except Problem as problem:
        body = problem.response().body
        assert isinstance(body, bytes)
        await socket.send_str(body.decode())
        return
    await socket.send_str(_encoder.encode(taken).decode())


async def _close(app: web.Application) -> None:
    """Streams are told that the hub ends."""
    streams: dict[web.WebSocketResponse, str] = app[STREAMS]
    for socket in list(streams):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"hub_stopping")


def add_routes(app: web.Application) -> None:
    """Put the address of this module on the application."""
    app[STREAMS] = {}
    app.on_shutdown.append(_close)
    app.router.add_get("/api/v1/stream", stream)
