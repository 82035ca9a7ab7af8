"""The noise observatory: levels as the directive on environmental noise speaks of them.

Levels are averaged by energy (`10 lg mean 10^(L/10)`), never as decibels. `laeq_den` is a level with its hour's penalty
(`hub/sinks/series.py`); its energy mean over whole days is Lden.
"""

from __future__ import annotations

from typing import Any, Final

from dashboards.geomap import geojson, geomap, markers
from dashboards.panels import Steps, lines, override, panel, stat, table, target, text, thresholds
from dashboards.sheet import MICROPHONE, chosen, sheet

UID: Final = "tocsin-noise"

TO_ENERGY: Final = 0.23025850929940458
"""ln(10) / 10: `exp(TO_ENERGY * L)` is 10^(L/10)."""

NOISE: Final[Steps] = ((None, "green"), (55, "yellow"), (65, "orange"), (68, "red"))
"""dB(A) of Lden: 55 is where the directive's maps begin, 68 is France's limit for roads (order of 4 April 2006)."""

HERE: Final = """$timeFilter AND "sensor" =~ /^$sensor$/"""
KEPT: Final = [
    ("As written", '"sound_level"'),
    ("Minutes", '"long"."sound_level_minute"'),
    ("Hours", '"long"."sound_level_hour"'),
]
"""Where levels are read from: the points themselves, or the roll-ups that `tocsin dashboards push` makes."""


def energy_mean(field: str, group: str, where: str = HERE, name: str = "level") -> str:
    """InfluxQL for the energy mean of a level in dB."""
    inner = f'SELECT exp({TO_ENERGY} * "{field}") AS "energy" FROM ${{levels:raw}} WHERE {where}'
    return f'SELECT 10 * log10(mean("energy")) AS "{name}" FROM ({inner}) WHERE $timeFilter {group}'


def _calendar() -> dict[str, Any]:
    """Hours of the day from bottom to top, days from left to right."""
    zone = "tz('$zone')"
    targets = [
        target(
            energy_mean("laeq", f"GROUP BY time(1d) fill(none) {zone}", f'{HERE} AND "hour" = {hour}', f"{hour:02d} h"),
            f"H{hour:02d}",
            alias="$col",
        )
        for hour in range(23, -1, -1)
    ]
    return panel(
        "status-history",
        "Calendar: level of each hour of each day",
        targets,
        unit="dBA",
        decimals=0,
        steps=NOISE,
        custom={"fillOpacity": 85, "lineWidth": 0},
        options={
            "showValue": "never",
            "rowHeight": 0.95,
            "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        about="Energy mean of the chosen microphones. Read it from `Hours` for weeks and months.",
    )


def build() -> dict[str, Any]:
    """The dashboard."""
    by_sensor = 'GROUP BY time($__interval), "sensor" fill(none)'
    whole: dict[str, Any] = {"unit": "dBA", "decimals": 1, "empty": "No level in this time"}
    percentiles = f"""SELECT mean("l10") AS "L10", mean("l50") AS "L50", mean("l90") AS "L90"
        FROM ${{levels:raw}} WHERE {HERE} GROUP BY time($__interval) fill(none)"""
    loudest = f"""SELECT max("lafmax") AS "LAFmax", max("lcpeak") AS "LCpeak"
        FROM ${{levels:raw}} WHERE {HERE} GROUP BY time($__interval) fill(none)"""
    places = f"""SELECT 10 * log10(mean("energy")) AS "laeq", last("latitude") AS "latitude",
        last("longitude") AS "longitude" FROM (SELECT exp({TO_ENERGY} * "laeq") AS "energy", "latitude", "longitude"
        FROM ${{levels:raw}} WHERE {HERE}) WHERE $timeFilter GROUP BY "sensor" """
    minimum = f"""SELECT count("laeq") AS "periods", min("l90") AS "quietest", max("lafmax") AS "loudest"
        FROM ${{levels:raw}} WHERE {HERE} GROUP BY "sensor" """
    zone = chosen("zone", "Time zone", [("Europe/Paris", "Europe/Paris"), ("UTC", "UTC")])
    return sheet(
        UID,
        "Tocsin · Noise observatory",
        [
            (
                4,
                [
                    (6, stat("LAeq", energy_mean("laeq", ""), steps=NOISE, **whole)),
                    (
                        6,
                        stat(
                            "Lden", energy_mean("laeq_den", ""), steps=NOISE, about="True for whole days only.", **whole
                        ),
                    ),
                    (
                        6,
                        stat(
                            "Loudest (LAFmax)",
                            f'SELECT max("lafmax") FROM ${{levels:raw}} WHERE {HERE}',
                            steps=[(None, "text")],
                            **whole,
                        ),
                    ),
                    (
                        6,
                        stat(
                            "Highest peak (LCpeak)",
                            f'SELECT max("lcpeak") FROM ${{levels:raw}} WHERE {HERE}',
                            steps=[(None, "text"), (135, "orange"), (140, "red")],
                            **{**whole, "unit": "dBC"},
                        ),
                    ),
                ],
            ),
            (
                9,
                [
                    (
                        24,
                        lines(
                            "LAeq",
                            [target(energy_mean("laeq", by_sensor), alias="$tag_sensor")],
                            unit="dBA",
                            decimals=1,
                            steps=NOISE,
                        ),
                    )
                ],
            ),
            (
                8,
                [
                    (
                        12,
                        lines(
                            "Percentiles",
                            [target(percentiles, alias="$col")],
                            unit="dBA",
                            decimals=1,
                            about="Mean of the periods: L10 is exceeded a tenth of the time, L90 nine tenths.",
                        ),
                    ),
                    (12, lines("Loudest", [target(loudest, alias="$col")], unit="dB", decimals=1)),
                ],
            ),
            (
                9,
                [
                    (
                        12,
                        lines(
                            "Lden of each day",
                            [
                                target(
                                    energy_mean("laeq_den", """GROUP BY time(1d), "sensor" fill(none) tz('$zone')"""),
                                    alias="$tag_sensor",
                                )
                            ],
                            bars=True,
                            unit="dBA",
                            decimals=1,
                            steps=NOISE,
                            lowest=30,
                        ),
                    ),
                    (
                        12,
                        geomap(
                            "Where it is loud",
                            [target(places, "A", table=True)],
                            [geojson("districts"), markers("LAeq", "A", "laeq", "circle", size=12, label="laeq")],
                            [override("laeq", unit="dBA", decimals=0, thresholds=thresholds(NOISE))],
                        ),
                    ),
                ],
            ),
            (13, [(24, _calendar())]),
            (
                7,
                [
                    (
                        14,
                        table(
                            "Microphones",
                            minimum,
                            hidden=["Time"],
                            names={
                                "sensor": "Microphone",
                                "periods": "Periods",
                                "quietest": "Lowest L90",
                                "loudest": "Highest LAFmax",
                            },
                            overrides=[
                                override("quietest", unit="dBA", decimals=1),
                                override("loudest", unit="dBA", decimals=1),
                            ],
                        ),
                    ),
                    (
                        10,
                        text(
                            "What is measured",
                            "Sound pressure levels by IEC 61672-1, as numbers; no sound leaves a sensor. Averages are "
                            "of energy. In Lden the evening (18–22 h) counts 5 dB more, the night (22–6 h) 10.",
                        ),
                    ),
                ],
            ),
        ],
        variables=[MICROPHONE, chosen("levels", "Read from", KEPT), zone],
        start="now-7d",
        refresh="5m",
        about="Environmental noise: LAeq, percentiles, Lden, by place and by hour.",
    )
