"""Sensors as a technician changes them: register, place, let in by a one-time code, take out."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
import segno
from aiohttp import web
from msgspec import Meta, Struct

from hub.access.guard import now_us
from hub.access.routes import json_response, read_json
from hub.keys import CONFIG, REGISTRY
from hub.policy.trace import trace
from hub.problem import Problem
from hub.registry import SensorExists, SensorRecord, SensorUnknown
from hub.registry.record import Height, Kind, Latitude, Longitude, Polygon, view_of
from hub.registry.registry import CODE_LIFETIME_S
from sensors.protocol import SensorId, ZoneName

KEY_FILE: Final = "/var/lib/tocsin/{sensor}.pem"


class NewSensor(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor to register: where it stands (WGS 84 degrees) and how high above the ground, in metres."""

    id: SensorId
    kind: Kind
    latitude: Latitude
    longitude: Longitude
    height_m: Height = 4.0
    field_of_view: Polygon = ()
    zones: dict[ZoneName, Polygon] = {}


class Position(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a sensor stands now; what is left out stays as it was."""

    latitude: Latitude
    longitude: Longitude
    height_m: Height | None = None
    field_of_view: Polygon | None = None
    zones: dict[ZoneName, Polygon] | None = None


class Revocation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a sensor is taken out."""

    reason: Annotated[str, Meta(min_length=1, max_length=400)]


def _address(request: web.Request) -> str:
    """The address at which the technician himself reached the hub: the sensor beside him reaches it there too."""
    return request.app[CONFIG].http.public_url or f"{request.scheme}://{request.host}"


async def _enrolment(request: web.Request, sensor: SensorRecord) -> dict[str, Any]:
    """A fresh one-time code, the command that uses it, and the same as the rows of a QR code ('1' is dark)."""
    now = now_us()
    code = await request.app[REGISTRY].new_code(sensor.id, now)
    key = KEY_FILE.format(sensor=sensor.id)
    command = f"tocsin enrol --hub {_address(request).rstrip('/')} --code {code} --kind {sensor.kind} --key {key}"
    qr = await asyncio.to_thread(segno.make, command, error="m")
    rows = ["".join("1" if cell else "0" for cell in row) for row in qr.matrix_iter(border=0)]
    return {"code": code, "command": command, "expires_us": now + int(CODE_LIFETIME_S * 1e6), "qr": rows}


def _unknown(request: web.Request) -> Problem:
    return Problem(404, "sensor_unknown", f"There is no sensor named {request.match_info['id']!r}.")


async def _known(request: web.Request) -> SensorRecord:
    sensor = await request.app[REGISTRY].sensor(request.match_info["id"])
    if sensor is None:
        raise _unknown(request)
    return sensor


async def add_sensor(request: web.Request) -> web.Response:
    """`POST /api/v1/sensors`: register a sensor; the answer carries its first enrolment code."""
    wanted = await read_json(request, NewSensor)
    sensor = SensorRecord(**msgspec.structs.asdict(wanted), created_us=now_us())
    try:
        await request.app[REGISTRY].add(sensor)
    except SensorExists:
        raise Problem(409, "sensor_exists", f"There is a sensor named {sensor.id!r} already.") from None
    await trace(request, "sensor", sensor.id, "added", kind=sensor.kind)
    enrolment = await _enrolment(request, sensor)
    return json_response({"sensor": view_of(sensor, now_us()), "enrolment": enrolment}, 201)


async def new_code(request: web.Request) -> web.Response:
    """`POST /api/v1/sensors/{id}/code`: a new code; an older unused one opens nothing any more."""
    sensor = await _known(request)
    return json_response({"sensor": view_of(sensor, now_us()), "enrolment": await _enrolment(request, sensor)})


async def move_sensor(request: web.Request) -> web.Response:
    """`PATCH /api/v1/sensors/{id}`: it stands, or looks, elsewhere."""
    wanted = await read_json(request, Position)
    try:
        sensor = await request.app[REGISTRY].move(
            request.match_info["id"],
            wanted.latitude,
            wanted.longitude,
            wanted.height_m,
            field_of_view=wanted.field_of_view,
            zones=None if wanted.zones is None else dict(wanted.zones),
        )
    except SensorUnknown:
        raise _unknown(request) from None
    await trace(request, "sensor", sensor.id, "moved")
    return json_response({"sensor": view_of(sensor, now_us())})


async def revoke_sensor(request: web.Request) -> web.Response:
    """`POST /api/v1/sensors/{id}/revoke`: it may not speak any more, at once."""
    wanted = await read_json(request, Revocation)
    try:
        sensor = await request.app[REGISTRY].revoke(request.match_info["id"], now_us(), wanted.reason)
    except SensorUnknown:
        raise _unknown(request) from None
    await trace(request, "sensor", sensor.id, f"revoked: {wanted.reason}")
    return json_response({"sensor": view_of(sensor, now_us())})


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_post("/api/v1/sensors", add_sensor)
    app.router.add_patch("/api/v1/sensors/{id}", move_sensor)
    app.router.add_post("/api/v1/sensors/{id}/code", new_code)
    app.router.add_post("/api/v1/sensors/{id}/revoke", revoke_sensor)
