"""Geomap panels: markers from the data source, and layers of fixed geometry that the reader's browser fetches.

A GeoJSON layer is fetched by the browser from the hub (`${hub}/api/v1/layers/NAME.geojson`), once, when the layer is
made; so it holds what stands still. Incidents and sensors move and are markers from the data source, placed by their
fields `latitude` and `longitude`. Grafana replaces no variable in a layer's address, so the hub's address is written
into it when the dashboard is built (`build.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dashboards.panels import Panel, panel

HUB_PLACE: Final = "__HUB__"
"""Stands in a layer's address until the hub's address is known."""

LAYERS: Final = ("districts", "coverage", "fields-of-view", "zones")
_COLORS: Final = {"districts": "#8e8e8e", "coverage": "#5794f2", "fields-of-view": "#b877d9", "zones": "#fade2a"}
_NAMES: Final = {
    "districts": "Districts",
    "coverage": "Coverage",
    "fields-of-view": "Fields of view",
    "zones": "Declared zones",
}


def geojson(name: str, opacity: float = 0.15) -> dict[str, Any]:
    """A layer of the hub's fixed geometry."""
    style = {"color": {"fixed": _COLORS[name]}, "opacity": opacity, "size": {"fixed": 3, "min": 2, "max": 15}}
    source = f"{HUB_PLACE}/api/v1/layers/{name}.geojson"
    config = {"src": source, "rules": [], "style": style}
    return {"type": "geojson", "name": _NAMES[name], "config": config, "opacity": 1, "tooltip": False}


def markers(name: str, ref: str, field: str, symbol: str, *, size: int = 8, label: str = "") -> dict[str, Any]:
    """Markers at the rows of query `ref`, coloured by `field`; `label` is a field written beside them."""
    style: dict[str, Any] = {
        "color": {"field": field, "fixed": "text"},
        "opacity": 0.9,
        "size": {"fixed": size, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": f"img/icons/marker/{symbol}.svg"},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
    }
    if label:
        style["text"] = {"mode": "field", "field": label, "fixed": ""}
        style["textConfig"] = {"fontSize": 12, "offsetX": 0, "offsetY": 16, "textAlign": "center"}
    return {
        "type": "markers",
        "name": name,
        "config": {"showLegend": False, "style": style},
        "filterData": {"id": "byRefId", "options": ref},
        "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
        "tooltip": True,
    }


def geomap(
    title: str,
    targets: Sequence[dict[str, Any]],
    layers: Sequence[dict[str, Any]],
    overrides: Sequence[Any],
    about: str = "",
) -> Panel:
    """A map that starts where its markers are."""
    options = {
        "basemap": {"type": "default", "name": "Map", "config": {}},
        "controls": {"mouseWheelZoom": True, "showAttribution": True, "showScale": True, "showZoom": True},
        "layers": list(layers),
        "tooltip": {"mode": "details"},
        "view": {"id": "fit", "allLayers": False, "lat": 0, "lon": 0, "zoom": 16, "padding": 12, "lastOnly": False},
    }
    return panel("geomap", title, targets, options=options, overrides=overrides, about=about)
