"""Sensors over HTTP: where they are and how they are, as JSON and as GeoJSON."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from hub.access.guard import now_us
from hub.access.routes import json_response
from hub.api import geojson
from hub.keys import REGISTRY


async def sensor_views(app: web.Application) -> list[dict[str, Any]]:
    """Every sensor with its state at this moment."""
    return [msgspec.to_builtins(view) for view in await app[REGISTRY].overview(now_us())]


async def list_sensors(request: web.Request) -> web.Response:
    """`GET /api/v1/sensors`."""
    return json_response({"sensors": await sensor_views(request.app)})


async def sensors_geojson(request: web.Request) -> web.Response:
    """`GET /api/v1/sensors.geojson`: points, with the field of view of cameras."""
    features = []
    for view in await sensor_views(request.app):
        point = {"type": "Point", "coordinates": [view["longitude"], view["latitude"]]}
        outline = view["field_of_view"]
        geometry: dict[str, Any] = point
        if outline:
            polygon = {"type": "Polygon", "coordinates": [geojson.ring([(a, b) for a, b in outline])]}
            geometry = {"type": "GeometryCollection", "geometries": [point, polygon]}
        properties = {key: view[key] for key in ("kind", "state", "state_reason", "height_m", "last_seen_us")}
        features.append(geojson.feature(view["id"], geometry, properties))
    return web.Response(body=msgspec.json.encode(geojson.collection(features)), content_type=geojson.MEDIA_TYPE)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/sensors", list_sensors)
    app.router.add_get("/api/v1/sensors.geojson", sensors_geojson)
