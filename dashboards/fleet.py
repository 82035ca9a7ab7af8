"""The fleet: which sensors are there, how they are, and what they leave uncovered."""

from __future__ import annotations

from typing import Any, Final

from dashboards.control_room import incident_overrides
from dashboards.geomap import geojson, geomap, markers
from dashboards.panels import HEALTH, Steps, colored, lines, mapping, override, panel, stat, table, target, thresholds
from dashboards.sheet import SENSOR, sheet

UID: Final = "tocsin-fleet"

HERE: Final = """$timeFilter AND "sensor" =~ /^$sensor$/"""
CLOCK: Final[Steps] = ((None, "green"), (5_000, "yellow"), (20_000, "red"))
"""Microseconds: 20 ms is 7 m of sound, where a microphone no longer helps to place (`hub/registry/record.py`)."""
QUEUE: Final[Steps] = ((None, "green"), (500, "yellow"), (5_000, "red"))
BATTERY: Final[Steps] = ((None, "red"), (0.2, "yellow"), (0.5, "green"))
"""Share of the charge: a fifth is a winter night of a small box."""
HEALTH_STEPS: Final[Steps] = ((None, "green"), (1, "orange"), (2, "red"))


def _each(field: str, how: str, title: str, **more: Any) -> dict[str, Any]:
    query = (
        f"""SELECT {how}("{field}") FROM "sensor_health" WHERE {HERE} GROUP BY time($__interval), "sensor" fill(none)"""
    )
    return lines(title, [target(query, alias="$tag_sensor")], **more)


def _growth(field: str, title: str, about: str) -> dict[str, Any]:
    query = f"""SELECT non_negative_difference(last("{field}")) FROM "sensor_health" WHERE {HERE}
        GROUP BY time($__interval), "sensor" fill(none)"""
    return lines(
        title,
        [target(query, alias="$tag_sensor")],
        bars=True,
        stack=True,
        unit="none",
        decimals=0,
        lowest=0,
        about=about,
    )


def build() -> dict[str, Any]:
    """The dashboard."""
    newest = f"""SELECT last("health") AS "health" FROM "sensor_health" WHERE {HERE} GROUP BY "sensor" """
    state = f"""SELECT last("health") AS "health", last("reason") AS "reason", last("kind") AS "kind",
        last("seen_ms") AS "seen_ms", last("clock_sigma_us") AS "clock_sigma_us",
        last("clock_offset_us") AS "clock_offset_us",
        last("queue_depth") AS "queue_depth", last("dropped") AS "dropped", last("refused") AS "refused",
        last("battery") AS "battery",
        last("uptime_s") AS "uptime_s", last("software") AS "software", last("latitude") AS "latitude",
        last("longitude") AS "longitude" FROM "sensor_health" WHERE {HERE} GROUP BY "sensor" """
    history = (
        f"""SELECT max("health") FROM "sensor_health" WHERE {HERE} GROUP BY time($__interval), "sensor" fill(none)"""
    )
    columns = [
        override("health", mappings=mapping(HEALTH), **colored()),
        override("seen_ms", unit="dateTimeFromNow"),
        override("clock_sigma_us", unit="µs", thresholds=thresholds(CLOCK), **colored()),
        override("clock_offset_us", unit="µs"),
        override("queue_depth", unit="none", thresholds=thresholds(QUEUE), **colored()),
        override("battery", unit="percentunit", decimals=0, thresholds=thresholds(BATTERY), **colored()),
        override("uptime_s", unit="s", decimals=0),
    ]
    names = {
        "sensor": "Sensor",
        "health": "Health",
        "reason": "Because",
        "kind": "Kind",
        "seen_ms": "Last heard",
        "clock_sigma_us": "Clock ±",
        "clock_offset_us": "Clock offset",
        "queue_depth": "Waiting to be sent",
        "dropped": "Dropped",
        "refused": "Refused",
        "battery": "Battery",
        "uptime_s": "Running for",
        "software": "Software",
    }
    timeline = panel(
        "state-timeline",
        "Health over time",
        [target(history, alias="$tag_sensor")],
        mappings=mapping(HEALTH),
        steps=HEALTH_STEPS,
        custom={"fillOpacity": 80, "lineWidth": 0},
        options={
            "mergeValues": True,
            "showValue": "never",
            "rowHeight": 0.9,
            "alignValue": "left",
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        about="A gap is a sensor that said nothing.",
    )
    trouble = [(None, "green"), (1, "orange"), (5, "red")]
    plain = [(None, "text")]
    return sheet(
        UID,
        "Tocsin · Fleet",
        [
            (
                4,
                [
                    (
                        6,
                        stat("Sensors heard", f'SELECT count("health") FROM ({newest}) WHERE $timeFilter', steps=plain),
                    ),
                    (
                        6,
                        stat(
                            "In trouble",
                            f'SELECT count("health") FROM ({newest}) WHERE $timeFilter AND "health" > 0',
                            steps=trouble,
                        ),
                    ),
                    (
                        6,
                        stat(
                            "Worst clock",
                            f'SELECT max("clock_sigma_us") FROM "sensor_health" WHERE {HERE}',
                            unit="µs",
                            steps=CLOCK,
                            empty="No sensor heard",
                        ),
                    ),
                    (
                        6,
                        stat(
                            "Longest queue",
                            f'SELECT max("queue_depth") FROM "sensor_health" WHERE {HERE}',
                            unit="none",
                            steps=QUEUE,
                            empty="No sensor heard",
                        ),
                    ),
                ],
            ),
            (
                11,
                [
                    (
                        24,
                        table(
                            "Every sensor",
                            state,
                            names=names,
                            hidden=["Time", "latitude", "longitude"],
                            overrides=columns,
                            empty="No sensor was heard in this time",
                        ),
                    )
                ],
            ),
            (
                12,
                [
                    (14, timeline),
                    (
                        10,
                        geomap(
                            "Coverage and its holes",
                            [target(state, "S", table=True)],
                            [
                                geojson("coverage", 0.25),
                                geojson("fields-of-view", 0.3),
                                markers("Sensors by health", "S", "health", "circle", size=8, label="sensor"),
                            ],
                            incident_overrides(),
                            "What is not coloured is not heard: a shot there is missed or ill placed.",
                        ),
                    ),
                ],
            ),
            (
                8,
                [
                    (
                        12,
                        _each(
                            "clock_sigma_us",
                            "max",
                            "Clock uncertainty",
                            unit="µs",
                            steps=CLOCK,
                            about="One sigma against UTC; above 20 ms a microphone no longer helps to place.",
                        ),
                    ),
                    (12, _each("queue_depth", "max", "Waiting to be sent", unit="none", lowest=0, steps=QUEUE)),
                ],
            ),
            (
                8,
                [
                    (6, _growth("dropped", "Dropped at the sensor", "Messages that the spool had no room for.")),
                    (6, _growth("refused", "Refused by the hub", "Messages that the hub refused for good.")),
                    (
                        6,
                        _each(
                            "battery",
                            "min",
                            "Battery",
                            unit="percentunit",
                            decimals=0,
                            lowest=0,
                            steps=BATTERY,
                            about="Boxes on the mains tell none.",
                        ),
                    ),
                    (
                        6,
                        _each(
                            "temperature_c",
                            "mean",
                            "Temperature of the box",
                            unit="celsius",
                            decimals=0,
                            steps=((None, "green"), (60, "yellow"), (75, "red")),
                        ),
                    ),
                ],
            ),
        ],
        variables=[SENSOR],
        start="now-24h",
        refresh="30s",
        about="Health, clocks, queues and coverage of every sensor.",
    )
