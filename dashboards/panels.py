"""The panels that the dashboards are made of: plain dicts as Grafana 9.3 to 13 reads them.

A panel has a title, its queries and a unit; `sheet.py` gives it its place and its number. Thresholds are lists of
(from which value, colour) in Grafana's own colour names, the first without a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Panel = dict[str, Any]
Steps = Sequence[tuple[float | None, str]]

SOURCE: Final = {"type": "influxdb", "uid": "${datasource}"}
"""The data source is a variable, so that a dashboard imported by hand asks which one it is."""

CALM: Final[Steps] = ((None, "green"),)
PLAIN: Final[Steps] = ((None, "text"),)
PROBABILITY: Final[Steps] = ((None, "blue"), (0.33, "yellow"), (0.66, "orange"), (0.90, "red"))
"""The steps are those of the words: possible, likely, very likely."""

HEALTH: Final = {
    0: ("ok", "green"),
    1: ("degraded", "orange"),
    2: ("lost", "red"),
    3: ("never heard", "text"),
    4: ("revoked", "text"),
}
"""What the numbers of `health` mean (`hub/sinks/series.py`)."""


def target(query: str, ref: str = "A", *, table: bool = False, alias: str = "") -> dict[str, Any]:
    """One InfluxQL query; as a table, or as series named by `alias` (`$tag_sensor`, `$col`)."""
    shape = {"resultFormat": "table"} if table else {"resultFormat": "time_series", "alias": alias}
    return {"datasource": SOURCE, "refId": ref, "query": " ".join(query.split()), "rawQuery": True, **shape}


def thresholds(steps: Steps) -> dict[str, Any]:
    """Grafana's absolute thresholds."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def mapping(values: Mapping[Any, tuple[str, str]]) -> list[dict[str, Any]]:
    """Value mappings: {value: (text, colour)}."""
    options = {
        str(k): {"text": text, "color": color, "index": i} for i, (k, (text, color)) in enumerate(values.items())
    }
    return [{"type": "value", "options": options}]


def override(field: str, **properties: Any) -> dict[str, Any]:
    """How one field differs: property ids with `__` for the dot (`custom__width`)."""
    listed = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byName", "options": field}, "properties": listed}


def link(title: str, url: str, *, new_tab: bool = True) -> list[dict[str, Any]]:
    """A data link."""
    return [{"title": title, "url": url, "targetBlank": new_tab}]


CONSOLE: Final = link("Open in the console", "${hub}/incidents/${__data.fields.id}")
DETAIL: Final = link(
    "Show this incident", "/d/tocsin-incident?var-incident=${__data.fields.id}&var-hub=${hub}&${__url_time_range}"
)


def panel(
    kind: str,
    title: str,
    targets: Sequence[dict[str, Any]],
    *,
    unit: str = "short",
    steps: Steps = CALM,
    decimals: int | None = None,
    lowest: float | None = None,
    highest: float | None = None,
    color: str = "thresholds",
    mappings: Sequence[dict[str, Any]] = (),
    overrides: Sequence[dict[str, Any]] = (),
    custom: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    empty: str = "Nothing in this time",
    about: str = "",
    transformations: Sequence[dict[str, Any]] = (),
) -> Panel:
    """A panel of Grafana kind `kind`; `empty` is shown where there is no value."""
    defaults: dict[str, Any] = {
        "unit": unit,
        "color": {"mode": color},
        "thresholds": thresholds(steps),
        "mappings": list(mappings),
        "noValue": empty,
        "custom": dict(custom or {}),
    }
    for name, value in (("decimals", decimals), ("min", lowest), ("max", highest)):
        if value is not None:
            defaults[name] = value
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "targets": list(targets),
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": dict(options or {}),
        "transformations": list(transformations),
    }


def stat(title: str, query: str, *, calculation: str = "lastNotNull", graph: bool = False, **more: Any) -> Panel:
    """One number."""
    options = {
        "reduceOptions": {"calcs": [calculation], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }
    return panel("stat", title, [target(query, alias=" ")], options=options, **{"empty": "0", **more})


def lines(
    title: str, targets: Sequence[dict[str, Any]], *, bars: bool = False, stack: bool = False, **more: Any
) -> Panel:
    """Values over time, as lines or as bars."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(more.get("steps", CALM)) > 1 else "off"},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, targets, custom=custom, options=options, **{"color": "palette-classic", **more})


def table(
    title: str, query: str, *, hidden: Sequence[str] = (), names: Mapping[str, str] | None = None, **more: Any
) -> Panel:
    """Rows; `names` renames columns after the overrides found them by their field."""
    renamed = [override(field, displayName=name) for field, name in (names or {}).items()]
    unseen = [override(field, custom__hidden=True) for field in hidden]
    overrides = [*more.pop("overrides", ()), *renamed, *unseen]
    options = {"showHeader": True, "cellHeight": "sm"}
    more = {"custom": {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}}, "steps": PLAIN, **more}
    return panel("table", title, [target(query, table=True)], options=options, overrides=overrides, **more)


def colored(**more: Any) -> dict[str, Any]:
    """Properties of a cell whose text has the colour of its thresholds or mappings (old and new name of the option)."""
    return {"custom__displayMode": "color-text", "custom__cellOptions": {"type": "color-text"}, **more}


def bars(title: str, query: str, *, tag: str, calculation: str = "lastNotNull", **more: Any) -> Panel:
    """One horizontal bar a value of `tag`."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "reduceOptions": {"calcs": [calculation], "fields": "", "values": False},
    }
    return panel("bargauge", title, [target(query, alias=f"$tag_{tag}" if tag else "$col")], options=options, **more)


def text(title: str, words: str) -> Panel:
    """A note in Markdown."""
    made = panel("text", title, [], options={"mode": "markdown", "content": words})
    made["datasource"] = {"type": "datasource", "uid": "-- Grafana --"}
    return made
