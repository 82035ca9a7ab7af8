"""Incidents and sensors as GeoJSON (RFC 7946): longitude first, rings closed and right-handed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

from pymap3d import enu2geodetic

from hub.incident import Ellipse, Place

MEDIA_TYPE: Final = "application/geo+json"
ELLIPSE_POINTS: Final = 48


def ring(points: Sequence[tuple[float, float]]) -> list[list[float]]:
    """A closed, counter-clockwise ring of [longitude, latitude] from (latitude, longitude) points."""
    flipped = [[round(longitude, 7), round(latitude, 7)] for latitude, longitude in points]
    if flipped and flipped[0] != flipped[-1]:
        flipped.append(flipped[0])
    pairs = itertools.pairwise(flipped)
    doubled_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)
    return flipped if doubled_area >= 0 else flipped[::-1]


def ellipse_outline(latitude: float, longitude: float, ellipse: Ellipse) -> list[tuple[float, float]]:
    """The ellipse as (latitude, longitude) points."""
    bearing = math.radians(ellipse.bearing_deg)
    points = []
    for step in range(ELLIPSE_POINTS):
        angle = 2.0 * math.pi * step / ELLIPSE_POINTS
        along, across = ellipse.semi_major_m * math.cos(angle), ellipse.semi_minor_m * math.sin(angle)
        east = along * math.sin(bearing) + across * math.cos(bearing)
        north = along * math.cos(bearing) - across * math.sin(bearing)
        lat, lon, _ = enu2geodetic(east, north, 0.0, latitude, longitude, 0.0)
        points.append((float(lat), float(lon)))
    return points


def place_geometry(place: Place) -> dict[str, Any]:
    """A point, with the polygon of its ellipse or outline where there is one."""
    point = {"type": "Point", "coordinates": [round(place.longitude, 7), round(place.latitude, 7)]}
    outline: Sequence[tuple[float, float]] = place.outline
    if place.ellipse is not None:
        outline = ellipse_outline(place.latitude, place.longitude, place.ellipse)
    if not outline:
        return point
    return {"type": "GeometryCollection", "geometries": [point, {"type": "Polygon", "coordinates": [ring(outline)]}]}


def feature(identifier: str, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """One GeoJSON feature."""
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}


def collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    """A feature collection."""
    return {"type": "FeatureCollection", "features": features}
