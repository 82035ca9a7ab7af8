"""The control room: what waits for a person now, where it is, and whether the sensors can be trusted."""

from __future__ import annotations

from typing import Any, Final

from dashboards.geomap import LAYERS, geojson, geomap, markers
from dashboards.panels import (
    CONSOLE,
    DETAIL,
    HEALTH,
    PROBABILITY,
    Panel,
    colored,
    lines,
    mapping,
    override,
    panel,
    stat,
    table,
    target,
    thresholds,
)
from dashboards.sheet import BOTH_KINDS, sheet
from sensors.protocol import SOUND_EVENTS

UID: Final = "tocsin-control-room"
LIVE_CHANNEL: Final = "stream/tocsin/incident"
"""Grafana Live: stream `tocsin`, measurement `incident` (`hub/sinks/grafana.py`)."""

WHICH: Final = """$timeFilter AND "exercise" =~ /^$exercise$/"""
SOUND: Final = "^(" + "|".join(sorted(SOUND_EVENTS)) + ")$"
STATES: Final = {
    "open": ("open", "red"),
    "acknowledged": ("acknowledged", "orange"),
    "confirmed": ("confirmed", "purple"),
    "rejected": ("rejected", "text"),
    "unsure": ("unsure", "yellow"),
    "expired": ("expired", "text"),
    "closed": ("closed", "green"),
}
EXERCISE: Final = {"true": ("EXERCISE", "purple"), "false": ("real", "text")}
NAMES: Final = {
    "Time": "First onset",
    "event": "Class",
    "state": "State",
    "probability": "Probability",
    "rounds": "Rounds",
    "sensors": "Sensors",
    "semi_major_m": "95 % ellipse",
    "exercise": "Exercise",
}


def incident_overrides() -> list[dict[str, Any]]:
    """How the columns of an incident look, wherever it stands in a table or on a map."""
    return [
        override(
            "probability", unit="percentunit", decimals=0, min=0, max=1, thresholds=thresholds(PROBABILITY), **colored()
        ),
        override("state", mappings=mapping(STATES), **colored()),
        override("exercise", mappings=mapping(EXERCISE), **colored()),
        override("semi_major_m", unit="lengthm", decimals=0),
        override("onset_ms", unit="dateTimeAsIso"),
        override(
            "health", mappings=mapping(HEALTH), thresholds=thresholds([(None, "green"), (1, "orange"), (2, "red")])
        ),
        override("seen_ms", unit="dateTimeFromNow"),
        override("clock_sigma_us", unit="µs"),
        override("event", links=DETAIL),
    ]


def _where() -> Panel:
    incidents = f"""SELECT "event", "probability", "state", "rounds", "semi_major_m", "latitude", "longitude", "id"
        FROM "incident" WHERE {WHICH} AND "state" != 'rejected' AND "state" != 'expired'"""
    sensors = """SELECT last("health") AS "health", last("kind") AS "kind", last("reason") AS "reason",
        last("clock_sigma_us") AS "clock_sigma_us", last("latitude") AS "latitude", last("longitude") AS "longitude",
        last("seen_ms") AS "seen_ms" FROM "sensor_health" WHERE $timeFilter GROUP BY "sensor" """
    targets = [
        target(sensors, "S", table=True),
        target(f"""{incidents} AND "event" =~ /{SOUND}/""", "A", table=True),
        target(f"""{incidents} AND "event" !~ /{SOUND}/""", "V", table=True),
    ]
    layers = [
        *(geojson(name) for name in LAYERS),
        markers("Sensors by health", "S", "health", "circle", size=5),
        markers("Heard", "A", "probability", "star", size=12, label="event"),
        markers("Seen", "V", "probability", "triangle", size=11, label="event"),
    ]
    overrides = [*incident_overrides(), override("id", links=CONSOLE)]
    words = "Stars were heard, triangles seen; circles are sensors. The ellipse of an incident is drawn in the console."
    return geomap("Where", targets, layers, overrides, words)


def _live() -> Panel:
    """What the hub pushes through Grafana Live, before any query comes round."""
    source = {"type": "datasource", "uid": "grafana"}
    live = {
        "datasource": source,
        "refId": "L",
        "queryType": "measurements",
        "channel": LIVE_CHANNEL,
        "buffer": 3_600_000,
    }
    made = panel(
        "table",
        "As it happens",
        [live],
        overrides=[*incident_overrides(), override("id", links=CONSOLE)],
        custom={"align": "auto"},
        empty="Nothing since this page was opened",
        options={"showHeader": True, "sortBy": [{"displayName": "Time", "desc": True}]},
        about="Grafana Live: an incident is here within a second of the hub's knowing it.",
    )
    made["datasource"] = source
    return made


def build() -> dict[str, Any]:
    """The dashboard."""
    waiting = f"""SELECT "event", "state", "probability", "rounds", "sensors", "semi_major_m", "exercise", "id"
        FROM "incident" WHERE {WHICH} AND "waiting" = 1 ORDER BY time ASC LIMIT 200"""
    latest = f"""SELECT "event", "state", "probability", "rounds", "sensors", "semi_major_m", "exercise", "id"
        FROM "incident" WHERE {WHICH} ORDER BY time DESC LIMIT 200"""
    newest = """SELECT last("health") AS "health" FROM "sensor_health" WHERE $timeFilter GROUP BY "sensor" """
    onsets = f"""SELECT count("probability") FROM "incident" WHERE {WHICH}
        GROUP BY time($__interval), "event" fill(0)"""
    alarm = [(None, "green"), (1, "orange"), (5, "red")]
    columns = [*incident_overrides(), override("id", links=CONSOLE, custom__width=90, displayName="Open")]
    return sheet(
        UID,
        "Tocsin · Control room",
        [
            (
                4,
                [
                    (
                        4,
                        stat(
                            "Waiting for a decision",
                            f'SELECT sum("waiting") FROM "incident" WHERE {WHICH}',
                            steps=alarm,
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Waiting longest",
                            f'SELECT first("onset_ms") FROM "incident" WHERE {WHICH} AND "waiting" = 1',
                            unit="dateTimeFromNow",
                            empty="Nobody waits",
                            steps=[(None, "text")],
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Confirmed",
                            f'SELECT sum("confirmed") FROM "incident" WHERE {WHICH}',
                            steps=[(None, "purple")],
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Sensors heard",
                            f'SELECT count("health") FROM ({newest}) WHERE $timeFilter',
                            steps=[(None, "text")],
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Sensors in trouble",
                            f'SELECT count("health") FROM ({newest}) WHERE $timeFilter AND "health" > 0',
                            steps=alarm,
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Dispatch failures",
                            'SELECT count("ok") FROM "dispatch" WHERE $timeFilter AND "ok" = 0',
                            steps=[(None, "green"), (1, "red")],
                        ),
                    ),
                ],
            ),
            (
                18,
                [
                    (14, _where()),
                    (
                        10,
                        table(
                            "Waiting, in order of arrival",
                            waiting,
                            names=NAMES,
                            overrides=columns,
                            empty="Nothing waits for a decision",
                        ),
                    ),
                ],
            ),
            (
                7,
                [
                    (
                        14,
                        lines(
                            "Time line",
                            [
                                target(
                                    onsets,
                                    alias="$tag_event",
                                )
                            ],
                            bars=True,
                            stack=True,
                            unit="none",
                            decimals=0,
                            lowest=0,
                        ),
                    ),
                    (10, _live()),
                ],
            ),
            (9, [(24, table("Latest incidents", latest, names=NAMES, overrides=columns))]),
        ],
        variables=[BOTH_KINDS],
        start="now-12h",
        refresh="5s",
        about="What waits for a person now, where it is, and whether the sensors can be trusted.",
    )
