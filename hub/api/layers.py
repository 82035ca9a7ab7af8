"""Map layers that another site's page may fetch: Grafana's Geomap loads them in the operator's browser.

`GET /api/v1/layers/{name}.geojson` gives `districts`, `zones`, `fields-of-view` or `coverage`: geometry that stands
still, without ids, states, people or incidents. A browser sends no credentials from another origin, so the answer goes
to signed-in visitors and to pages of the origins in `[grafana]`; to anybody else it is refused. An origin is a
browser's word and not a secret: what must stay secret does not belong into a layer, and coverage is told in coarse
squares.
"""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import numpy as np
from aiohttp import web

from hub.access.guard import PERSON
from hub.api.geojson import MEDIA_TYPE, collection, ring
from hub.config import HubConfig
from hub.fusion.air import Air
from hub.fusion.plan import Sensors, coverage
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.keys import CONFIG, REGISTRY
from hub.problem import Problem
from hub.registry import SensorRecord

NAMES: Final = ("districts", "zones", "fields-of-view", "coverage")
MOST_SQUARES: Final = 900
SMALLEST_SQUARE_M: Final = 100.0
"""Coverage is told by squares no smaller than a block: where a street is heard, not from which doorway."""
MARGIN_M: Final = 200.0
HEARD: Final = 0.5
"""A square is covered where a shot is more likely heard than not."""
CLOCK_S: Final = 1e-3
QUIET_STREET_DB: Final = 50.0
MOST_BYTES: Final = 5_000_000
MAX_AGE_S: Final = 300

_COVERAGE: Final[web.AppKey[dict[tuple[Any, ...], bytes]]] = web.AppKey("coverage_layer")


def origin_of(url: str) -> str:
    """'https://grafana.example:3000/sub/' -> 'https://grafana.example:3000'; empty for no address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def allowed_origins(config: HubConfig) -> frozenset[str]:
    """The origins whose pages may fetch the layers."""
    return frozenset({*config.grafana.origins, origin_of(config.grafana.url)} - {""})


def _polygon(points: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": [ring([(float(a), float(b)) for a, b in points])]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def zones(config: HubConfig) -> list[dict[str, Any]]:
    """The zones that webhooks are told about, by name."""
    found = {name: zone for endpoint in config.webhooks for name, zone in endpoint.zones.items()}
    return [_polygon(zone, name=name) for name, zone in sorted(found.items())]


def fields_of_view(sensors: list[SensorRecord]) -> list[dict[str, Any]]:
    """What cameras see on the ground, without saying which."""
    return [_polygon(one.field_of_view) for one in sensors if one.revoked_us is None and one.field_of_view]


def districts(path: Path) -> list[dict[str, Any]]:
    """Polygons and names of a GeoJSON file; nothing else of it. Raises ValueError for a file that can't be used."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path} is larger than {MOST_BYTES:,} bytes")
        said = json.loads(path.read_text(encoding="utf-8"))
        made = []
        for one in said["features"]:
            geometry = one["geometry"]
            if geometry["type"] not in {"Polygon", "MultiPolygon"}:
                continue
            shape = {"type": geometry["type"], "coordinates": geometry["coordinates"]}
            name = str((one.get("properties") or {}).get("name", ""))[:100]
            made.append({"type": "Feature", "geometry": shape, "properties": {"name": name}})
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} can't be read") from error
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no GeoJSON feature collection") from error
    return made


def covered(microphones: tuple[tuple[float, float, float, float], ...], temperature_c: float) -> list[dict[str, Any]]:
    """Squares in which a shot is more likely heard than not; (latitude, longitude, height m, noise dB(A)) each."""
    if not microphones:
        return []
    latitude, longitude, height, noise = (np.array(column) for column in zip(*microphones, strict=True))
    plane = Plane.at(float(latitude.mean()), float(longitude.mean()))
    east, north = plane.metres(latitude, longitude)
    wide, tall = float(np.ptp(east)) + 2 * MARGIN_M, float(np.ptp(north)) + 2 * MARGIN_M
    side = max(SMALLEST_SQUARE_M, math.sqrt(wide * tall / MOST_SQUARES))
    xs = np.arange(float(east.min()) - MARGIN_M, float(east.max()) + MARGIN_M + side, side)
    ys = np.arange(float(north.min()) - MARGIN_M, float(north.max()) + MARGIN_M + side, side)
    sensors = Sensors(east, north, height, np.full(len(east), CLOCK_S), noise)
    points = [(float(x), float(y)) for y in ys for x in xs]
    made = []
    for cell in coverage(sensors, points, Air(temperature_c), FusionSettings()):
        if cell.detected < HEARD:
            continue
        half = side / 2
        corners = ((-half, -half), (half, -half), (half, half), (-half, half))
        made.append(_polygon([plane.degrees(cell.east + dx, cell.north + dy) for dx, dy in corners]))
    return made


def _encoded(features: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode(collection(features))


async def _coverage(app: web.Application) -> bytes:
    """Worked out in a thread, and again only where a microphone came, went or moved."""
    sensors = await app[REGISTRY].sensors()
    places = tuple(
        (one.latitude, one.longitude, one.height_m, QUIET_STREET_DB)
        for one in sensors
        if one.kind == "microphone" and one.revoked_us is None
    )
    kept = app[_COVERAGE]
    if places not in kept:
        temperature_c = app[CONFIG].fusion.temperature_c
        made = await asyncio.to_thread(lambda: _encoded(covered(places, temperature_c)))
        kept.clear()
        kept[places] = made
    return kept[places]


async def layer(request: web.Request) -> web.Response:
    """`GET /api/v1/layers/{name}.geojson`."""
    config = request.app[CONFIG]
    headers = {"Vary": "Origin", "Cache-Control": f"private, max-age={MAX_AGE_S}"}
    origin = request.headers.get("Origin", "")
    if origin in allowed_origins(config):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    elif request.get(PERSON) is None:
        raise Problem(
            403, "origin_refused", "Layers are for signed-in people and for the pages of `origins` in [grafana]."
        )
    match request.match_info["name"]:
        case "zones":
            body = _encoded(zones(config))
        case "fields-of-view":
            body = _encoded(fields_of_view(await request.app[REGISTRY].sensors()))
        case "coverage":
            body = await _coverage(request.app)
        case "districts":
            body = await _districts(config.map.districts)
        case _:
            raise Problem(404, "layer_unknown", f"The layers are {', '.join(NAMES)}.")
    return web.Response(body=body, content_type=MEDIA_TYPE, headers=headers)


async def _districts(path: Path | None) -> bytes:
    if path is None:
        return _encoded([])
    try:
        return await asyncio.to_thread(lambda: _encoded(districts(path)))
    except ValueError as error:
        raise Problem(503, "districts_unusable", f"`districts` in [map]: {error}.") from error


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[_COVERAGE] = {}
    app.router.add_get("/api/v1/layers/{name}.geojson", layer)
