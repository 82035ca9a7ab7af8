"""What everybody may see without signing in: noise in coarse squares over whole days, and counts without small ones.

Aggregates only: no incident, no sensor, no minute.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from hub.access.guard import now_us
from hub.access.routes import json_response
from hub.api import geojson
from hub.api.language import language_of
from hub.api.register import COUNTER
from hub.cluster.ownership import ownership_of
from hub.desk import noise
from hub.keys import CONFIG, ENGINE, LOG, REGISTRY
from hub.log import LogUnavailable
from hub.policy.cells import K, suppress
from hub.store.engine import StoreBusy
from hub.tasks import running
from hub.words import say
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

DAY_US: Final = 86_400_000_000
FOLLOW_S: Final = 60.0
FRESH_US: Final = 300_000_000
"""Strangers may ask as often as they like: levels are reckoned at most so often."""

log = structlog.get_logger()


class Kept(Struct):
    """The newest answer, and when it was made."""

    at_us: int = 0
    body: dict[str, Any] = {}


_NOISE: Final[web.AppKey[Kept]] = web.AppKey("public_noise")
_LOCK: Final[web.AppKey[asyncio.Lock]] = web.AppKey("public_noise_lock")


def _whole_days(now: int, zone: ZoneInfo) -> tuple[int, int]:
    """The last `noise.DAYS` whole days of the site's clock: nothing of today is told."""
    today = dt.datetime.fromtimestamp(now / 1e6, zone).date()
    first, last = (dt.datetime.combine(today - dt.timedelta(days=days), dt.time(), zone) for days in (noise.DAYS, 0))
    return round(first.timestamp() * 1e6), round(last.timestamp() * 1e6)


def _rounded(levels: noise.Levels) -> dict[str, float | int | None]:
    told = {name: getattr(levels, name) for name in ("lden", "lday", "levening", "lnight")}
    return {name: None if value is None else round(value) for name, value in told.items()} | {"hours": levels.hours}


async def _noise(app: web.Application) -> dict[str, Any]:
    config = app[CONFIG]
    zone = await asyncio.to_thread(ZoneInfo, config.time_zone)
    since, until = _whole_days(now_us(), zone)
    sums = await noise.hours(app[ENGINE], since, until)
    sensors = [one for one in await app[REGISTRY].sensors() if one.kind == "microphone"]
    centre = (config.site.latitude, config.site.longitude)
    found = await asyncio.to_thread(noise.squares, sums, sensors, centre, zone)
    features = []
    for number, (corners, levels) in enumerate(found):
        shape = {"type": "Polygon", "coordinates": [geojson.ring(corners)]}
        features.append(geojson.feature(str(number), shape, _rounded(levels)))
    return {
        **geojson.collection(features),
        "from_us": since,
        "until_us": until,
        "square_m": noise.SQUARE_M,
        "site": {"name": config.site.name, "latitude": centre[0], "longitude": centre[1]},
        "exercise": config.exercise,
        "tiles_url": config.map.tiles_url,
        "tiles_attribution": config.map.attribution,
        "time_zone": config.time_zone,
    }


async def noise_map(request: web.Request) -> web.Response:
    """`GET /public/noise.json`: GeoJSON squares with Lden, Lday, Levening and Lnight of the last seven whole days."""
    kept, now = request.app[_NOISE], now_us()
    async with request.app[_LOCK]:
        if not kept.body or abs(now - kept.at_us) > FRESH_US:
            kept.body, kept.at_us = await _noise(request.app), now
    return json_response(kept.body)


async def statistics(request: web.Request) -> web.Response:
    """`GET /public/statistics.json`: counts by class and state, small ones hidden, and how often it was right."""
    language = language_of(request)
    facts = await request.app[COUNTER].facts(request.app)
    overall = facts.quality.overall
    counted = {name: getattr(overall, name) for name in ("real", "not_real", "unknown", "unreported")}
    outcomes = suppress({"all": counted})
    return json_response(
        {
            "site": request.app[CONFIG].site.name,
            "from_us": facts.window_us,
            "until_us": facts.now_us,
            "hidden_below": K,
            "exercise": request.app[CONFIG].exercise,
            "states": suppress(facts.states),
            "outcomes": outcomes["all"],
            "outcomes_from_us": facts.quality_since_us,
            "median_decision_s": facts.median_decision_s if facts.decided >= K else None,
            "microphones": sum(one.kind == "microphone" and one.revoked_us is None for one in facts.sensors),
            "cameras": sum(one.kind == "camera" and one.revoked_us is None for one in facts.sensors),
            "event_names": {name: say(f"event_{name}", {}, language) for name in sorted(SOUND_EVENTS | VIDEO_EVENTS)},
        }
    )


async def noise_context(app: web.Application) -> AsyncIterator[None]:
    """Adds the log's levels up for as long as the application runs."""

    async def follow() -> None:
        while True:
            try:
                await noise.follow(app[ENGINE], app[LOG], now_us())
            except (SQLAlchemyError, StoreBusy, LogUnavailable, OSError) as error:
                log.error("noise_waits", error=str(error).splitlines()[0])
            await asyncio.sleep(FOLLOW_S)

    async with running("noise", ownership_of(app).during(follow)):
        yield


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[_NOISE], app[_LOCK] = Kept(), asyncio.Lock()
    app.router.add_get("/public/noise.json", noise_map)
    app.router.add_get("/public/statistics.json", statistics)
