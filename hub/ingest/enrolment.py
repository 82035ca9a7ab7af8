"""`POST /api/v1/enrol` and `/rotate`: how a sensor gets in, and how it changes its key."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Annotated, Final

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.address import client_of
from hub.ingest.body import check_head, read_body
from hub.ingest.caller import CLOCK, prove, sensor_of
from hub.keys import REGISTRY
from hub.problem import Problem
from hub.registry import CodeRefused, Kind
from hub.registry.secret import Attempts

MAX_BODY: Final = 4_096
ATTEMPTS: Final = web.AppKey("enrol_attempts", Attempts)

PublicKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=$")]

log = structlog.get_logger()


class Enrolment(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new sensor sends: its one-time code and the public key that it made (raw 32 bytes in base64)."""

    code: Annotated[str, Meta(min_length=1, max_length=40)]
    public_key: PublicKey
    kind: Kind | None = None
    software: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{0,40}$")] = ""


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """The key that a sensor will sign with from now on."""

    public_key: PublicKey


class Enrolled(Struct, frozen=True):
    """What the sensor is from now on, and the hub's clock to compare its own with."""

    sensor: str
    kind: Kind
    latitude: float
    longitude: float
    height_m: float
    hub_us: int


_enrolment: Final = msgspec.json.Decoder(Enrolment)
_rotation: Final = msgspec.json.Decoder(Rotation)


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Problem(422, "key_invalid", "`public_key` is not 32 bytes in base64.") from None


def _json_only(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise Problem(415, "type_unsupported", f"{request.content_type} is not taken; send JSON.")
    check_head(request, MAX_BODY)


async def enrol(request: web.Request) -> web.Response:
    """Let a sensor in: 200 `Enrolled`; 403 `code_invalid`, `code_expired`, `code_used`; 409 `kind_mismatch`; 429."""
    _json_only(request)
    name = client_of(request)
    if wait_s := request.app[ATTEMPTS].wait_s(name, time.monotonic()):
        headers = {"Retry-After": str(int(wait_s) + 1)}
        raise Problem(429, "too_many_attempts", "Too many codes were tried; wait a minute.", headers=headers)
    try:
        asked = _enrolment.decode(await read_body(request))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(422, "enrolment_invalid", f"This is no enrolment: {error}.") from None
    now_us = request.app[CLOCK]()
    try:
        sensor = await request.app[REGISTRY].enrol(
            asked.code, _key(asked.public_key), asked.kind, asked.software, now_us
        )
    except CodeRefused as refused:
        log.warning("enrolment_refused", code=refused.code, remote=name)
        raise Problem(409 if refused.code == "kind_mismatch" else 403, refused.code, str(refused)) from None
    request.app[ATTEMPTS].succeeded(name)
    log.info("enrolled", sensor=sensor.id, remote=name)
    answer = Enrolled(sensor.id, sensor.kind, sensor.latitude, sensor.longitude, sensor.height_m, now_us)
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def rotate(request: web.Request) -> web.Response:
    """Take the sensor's next key, signed with the present one, which holds until the next one is first used."""
    _json_only(request)
    sensor, claim = await sensor_of(request)
    if claim is None:
        raise Problem(403, "signature_required", "A key is changed by a signed request, not with a token.")
    body = await read_body(request)
    sensor = await prove(request, sensor, claim, body)
    try:
        asked = _rotation.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(422, "rotation_invalid", f"This is no key: {error}.") from None
    await request.app[REGISTRY].rotate(sensor.id, _key(asked.public_key))
    log.info("key_rotation", sensor=sensor.id)
    return web.Response(body=msgspec.json.encode({"sensor": sensor.id}), content_type="application/json")


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[ATTEMPTS] = Attempts()
    app.router.add_post("/api/v1/enrol", enrol)
    app.router.add_post("/api/v1/rotate", rotate)
