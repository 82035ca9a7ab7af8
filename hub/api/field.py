"""What a technician asks beside a sensor: how it was, who heard the clap, and what it adds to the coverage."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import numpy as np
import structlog
from aiohttp import web
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from hub.access.guard import now_us
from hub.access.routes import json_response, read_json
from hub.api.reading import tell_read
from hub.cluster.ownership import ownership_of
from hub.fusion.air import Air
from hub.fusion.plan import Sensors, coverage
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.keys import CONFIG, ENGINE, REGISTRY, RUNNER
from hub.problem import Problem
from hub.registry import SensorRecord
from hub.registry.history import HealthHistory, share_well
from hub.registry.record import Height, Latitude, Longitude
from hub.store.engine import StoreBusy
from hub.tasks import running
from sensors.protocol import SensorId

DAY_US: Final = 86_400_000_000
LOOK_S: Final = 10.0
CLAP_US: Final = 120_000_000
"""How far back a clap may be looked for: two minutes, so that the address is no window on the street."""
NEIGHBOURS_M: Final = 500.0
SIDE_M: Final = 50.0
MARGIN_M: Final = 600.0
MOST_SQUARES: Final = 900
HEARD: Final = 0.5
QUIET_STREET_DB: Final = 50.0
CLOCK_S: Final = 1e-3

HISTORY: Final[web.AppKey[HealthHistory]] = web.AppKey("health_history")
Place = tuple[float, float, float]
"""Latitude, longitude, height in metres."""

log = structlog.get_logger()


class Planned(Struct, frozen=True, forbid_unknown_fields=True):
    """A microphone as it would stand: a new one, or one that is there already and would move."""

    id: SensorId
    latitude: Latitude
    longitude: Longitude
    height_m: Height = 4.0


async def _known(request: web.Request) -> SensorRecord:
    sensor = await request.app[REGISTRY].sensor(request.match_info["id"])
    if sensor is None:
        raise Problem(404, "sensor_unknown", f"There is no sensor named {request.match_info['id']!r}.")
    return sensor


async def history(request: web.Request) -> web.Response:
    """`GET /api/v1/sensors/{id}/history`: its changes of state in the last seven days, and the share it was well.

    The health of a machine, not what it heard or saw: nobody's data is consulted, so no reason is asked (rule G-06).
    """
    sensor, now = await _known(request), now_us()
    changes = await request.app[HISTORY].of(sensor.id, now - 7 * DAY_US)
    shares = {f"well_{name}": share_well(changes, now - span, now) for name, span in _SPANS}
    return json_response({"sensor": sensor.id, "changes": msgspec.to_builtins(changes), **shares})


_SPANS: Final = (("day", DAY_US), ("week", 7 * DAY_US))


async def heard(request: web.Request) -> web.Response:
    """`GET /api/v1/sensors/{id}/heard?since=`: what this sensor and its neighbours told since then: the clap test."""
    sensor, now = await _known(request), now_us()
    text = request.query.get("since", "")
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Problem(400, "query_invalid", "`since` is a time in microseconds since the epoch.")
    await tell_read(request, f"heard around {sensor.id}", view=True)
    since = max(int(text), now - CLAP_US)
    here = Plane.at(sensor.latitude, sensor.longitude)
    others = {
        one.id: here.distance_m(one.latitude, one.longitude)
        for one in await request.app[REGISTRY].sensors()
        if one.kind == "microphone" and one.revoked_us is None
    }
    near = {name: metres for name, metres in others.items() if metres <= NEIGHBOURS_M}
    told = [
        {
            "sensor": one.sensor,
            "distance_m": round(near[one.sensor], 1),
            "onset_us": one.onset,
            "peak_db": one.peak_db,
            "received_us": at_us,
        }
        for at_us, one in list(request.app[RUNNER].recent)
        if at_us >= since and one.sensor in near
    ]
    return json_response({"now_us": now, "neighbours": len(near) - (sensor.id in near), "heard": told})


def before_and_after(before: list[Place], after: list[Place], temperature_c: float) -> dict[str, Any]:
    """Area (m²) in which a shot is more likely heard than not, before and after, and the squares that differ.

    Places are microphones. Squares are (latitude, longitude) corners; both are reckoned on one grid.
    """
    every = np.array([*before, *after])
    plane = Plane.at(float(every[:, 0].mean()), float(every[:, 1].mean()))
    east, north = plane.metres(every[:, 0], every[:, 1])
    (left, right), (bottom, top) = (
        (float(axis.min()) - MARGIN_M, float(axis.max()) + MARGIN_M) for axis in (east, north)
    )
    side = max(SIDE_M, math.sqrt((right - left) * (top - bottom) / MOST_SQUARES))
    xs_of, ys_of = np.arange(left, right + side, side), np.arange(bottom, top + side, side)
    points = [(float(x), float(y)) for y in ys_of for x in xs_of]

    def found(places: list[Place]) -> set[int]:
        if not places:
            return set()
        at = np.array(places)
        xs, ys = plane.metres(at[:, 0], at[:, 1])
        sensors = Sensors(xs, ys, at[:, 2], np.full(len(at), CLOCK_S), np.full(len(at), QUIET_STREET_DB))
        cells = coverage(sensors, points, Air(temperature_c), FusionSettings())
        return {index for index, cell in enumerate(cells) if cell.detected >= HEARD}

    def square(index: int) -> list[tuple[float, float]]:
        x, y = points[index]
        half = side / 2
        corners = ((-half, -half), (half, -half), (half, half), (-half, half))
        return [plane.degrees(x + dx, y + dy) for dx, dy in corners]

    was, will = found(before), found(after)
    return {
        "before_m2": len(was) * side**2,
        "after_m2": len(will) * side**2,
        "side_m": side,
        "kept": [square(index) for index in sorted(was & will)],
        "gained": [square(index) for index in sorted(will - was)],
        "lost": [square(index) for index in sorted(was - will)],
    }


async def plan(request: web.Request) -> web.Response:
    """`POST /api/v1/plan`: what the street hears with a microphone at this place, and what it hears now."""
    wanted = await read_json(request, Planned)
    microphones = [
        one for one in await request.app[REGISTRY].sensors() if one.kind == "microphone" and one.revoked_us is None
    ]
    before = [(one.latitude, one.longitude, one.height_m) for one in microphones if one.enrolled]
    others = [
        (one.latitude, one.longitude, one.height_m) for one in microphones if one.enrolled and one.id != wanted.id
    ]
    after = [*others, (wanted.latitude, wanted.longitude, wanted.height_m)]
    temperature_c = request.app[CONFIG].fusion.temperature_c
    return json_response(await asyncio.to_thread(before_and_after, before, after, temperature_c))


async def history_context(app: web.Application) -> AsyncIterator[None]:
    """Writes each change of a sensor's state for as long as the application runs."""
    app[HISTORY] = HealthHistory(app[ENGINE])

    async def watch() -> None:
        while True:
            try:
                await app[HISTORY].look(await app[REGISTRY].overview(now_us()), now_us())
            except (SQLAlchemyError, StoreBusy, OSError) as error:
                log.error("health_history_waits", error=str(error).splitlines()[0])
            await asyncio.sleep(LOOK_S)

    async with running("health history", ownership_of(app).during(watch)):
        yield


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/sensors/{id}/history", history)
    app.router.add_get("/api/v1/sensors/{id}/heard", heard)
    app.router.add_post("/api/v1/plan", plan)
