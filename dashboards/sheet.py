"""Puts panels on a sheet: rows of twenty-four columns, numbers, variables, links to the other dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dashboards.panels import SOURCE, Panel

COLUMNS: Final = 24
SCHEMA: Final = 37
"""Dashboard schema of Grafana 9.3; newer versions migrate it when they load it."""

EVERYTHING: Final = ".*"

Row = tuple[int, Sequence[tuple[int, Panel]]]
"""A height and panels with their widths."""


def datasource() -> dict[str, Any]:
    """Which InfluxDB."""
    return {
        "name": "datasource",
        "type": "datasource",
        "query": "influxdb",
        "label": "Data source",
        "hide": 0,
        "refresh": 1,
        "current": {"text": "Tocsin", "value": "tocsin-influx", "selected": True},
        "options": [],
        "regex": "",
        "multi": False,
        "includeAll": False,
    }


def hub() -> dict[str, Any]:
    """Where the console is."""
    current = {"text": "__HUB__", "value": "__HUB__", "selected": True}
    return {
        "name": "hub",
        "type": "textbox",
        "label": "Hub",
        "hide": 2,
        "query": "__HUB__",
        "current": current,
        "options": [current],
    }


def typed(name: str, label: str) -> dict[str, Any]:
    """A value that a link brings, or a person types."""
    current = {"text": "", "value": "", "selected": True}
    return {
        "name": name,
        "type": "textbox",
        "label": label,
        "hide": 0,
        "query": "",
        "current": current,
        "options": [current],
    }


def asked(name: str, label: str, query: str, *, many: bool = True, hide: int = 0) -> dict[str, Any]:
    """Values from a query."""
    every = {"text": ["All"], "value": ["$__all"], "selected": True}
    return {
        "name": name,
        "type": "query",
        "label": label,
        "datasource": SOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "hide": hide,
        "regex": "",
        "multi": many,
        "includeAll": many,
        "allValue": EVERYTHING if many else None,
        "current": every if many else {},
        "options": [],
    }


def chosen(name: str, label: str, choices: Sequence[tuple[str, str]], *, every: bool = False) -> dict[str, Any]:
    """One of (text, value); the first at the start, or all of them where `every`."""
    options = [
        {"text": text, "value": value, "selected": not every and i == 0} for i, (text, value) in enumerate(choices)
    ]
    whole = {"text": ["All"], "value": ["$__all"], "selected": True}
    return {
        "name": name,
        "type": "custom",
        "label": label,
        "hide": 0,
        "query": ", ".join(f"{text} : {value}" for text, value in choices),
        "multi": every,
        "includeAll": every,
        "allValue": EVERYTHING if every else None,
        "current": whole if every else options[0],
        "options": options,
    }


SENSOR: Final = asked("sensor", "Sensor", 'SHOW TAG VALUES FROM "sensor_health" WITH KEY = "sensor"')
MICROPHONE: Final = asked("sensor", "Microphone", 'SHOW TAG VALUES FROM "sound_level" WITH KEY = "sensor"')
CAMERA: Final = asked("sensor", "Camera", 'SHOW TAG VALUES FROM "occupancy" WITH KEY = "sensor"')
BOTH_KINDS: Final = chosen("exercise", "Exercises", [("Real", "false"), ("Exercise", "true")], every=True)
REAL_FIRST: Final = chosen("exercise", "Exercises", [("Real", "false"), ("Exercise", "true")])
CONFIRMED: Final = """SELECT "event", "state", "id" FROM "incident" WHERE $timeFilter AND "confirmed" = 1"""


def sheet(
    uid: str,
    title: str,
    rows: Sequence[Row],
    *,
    variables: Sequence[dict[str, Any]] = (),
    start: str = "now-24h",
    refresh: str = "30s",
    about: str = "",
) -> dict[str, Any]:
    """The dashboard: panels get their places row by row, and numbers in reading order."""
    panels: list[Panel] = []
    top = 0
    for height, row in rows:
        left = 0
        for width, panel in row:
            place = {"x": left, "y": top, "w": width, "h": height}
            panels.append({**panel, "id": len(panels) + 1, "gridPos": place})
            left += width
        if left > COLUMNS:
            raise ValueError(f"a row of {title!r} is {left} columns wide; there are {COLUMNS}")
        top += height
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["tocsin"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA,
        "timezone": "browser",
        "weekStart": "monday",
        "refresh": refresh,
        "time": {"from": start, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m"]},
        "templating": {"list": [datasource(), hub(), *variables]},
        "annotations": {"list": [_annotation()]},
        "links": [
            {
                "type": "dashboards",
                "title": "Tocsin",
                "tags": ["tocsin"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "panels": panels,
    }


def _annotation() -> dict[str, Any]:
    """Confirmed incidents as marks on every time line, from the series themselves."""
    return {
        "name": "Confirmed incidents",
        "enable": True,
        "iconColor": "red",
        "datasource": SOURCE,
        "query": " ".join(CONFIRMED.split()),
        "textColumn": "event",
        "tagsColumn": "state",
        "titleColumn": "",
        "timeEndColumn": "",
        "target": {"refId": "Anno", "query": " ".join(CONFIRMED.split()), "rawQuery": True, "textEditor": True},
    }
