"""Incidents and sensors as GeoJSON (RFC 7946): longitude first, rings closed and right-handed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

from hub.fusion.geometry import ellipse_outline
from hub.incident import Place

MEDIA_TYPE: Final = "application/geo+json"


def ring(points: Sequence[tuple[float, float]]) -> list[list[float]]:
    """A closed, counter-clockwise ring of [longitude, latitude] from (latitude, longitude) points."""
    flipped = [[round(longitude, 7), round(latitude, 7)] for latitude, longitude in points]
    if flipped and flipped[0] != flipped[-1]:
        flipped.append(flipped[0])
    pairs = itertools.pairwise(flipped)
    doubled_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)
    return flipped if doubled_area >= 0 else flipped[::-1]


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
