"""Streets: counts and flows, never who. A count too small to be told is missing at the source."""

from __future__ import annotations

from typing import Any, Final

from dashboards.geomap import geojson, geomap, markers
from dashboards.panels import bars, lines, override, stat, table, target, text
from dashboards.sheet import CAMERA, asked, sheet

UID: Final = "tocsin-streets"

HERE: Final = """$timeFilter AND "sensor" =~ /^$sensor$/ AND "zone" =~ /^$zone$/"""
KINDS: Final = {"person": "People", "cycle": "Cycles", "car": "Cars", "heavy": "Heavy vehicles"}


def build() -> dict[str, Any]:
    """The dashboard."""
    all_kinds = ", ".join(f'sum("{kind}") AS "{name}"' for kind, name in KINDS.items())
    flow = ", ".join(
        f'sum("{kind}") / sum("period_s") * 3600 AS "{name}"' for kind, name in KINDS.items() if kind != "person"
    )
    zones = f"""SELECT {", ".join(f'sum("{kind}") AS "{kind}"' for kind in KINDS)}, sum("period_s") AS "watched_s"
        FROM "occupancy" WHERE {HERE} GROUP BY "sensor", "zone" """
    places = f"""SELECT sum("person") AS "person", last("latitude") AS "latitude", last("longitude") AS "longitude"
        FROM "occupancy" WHERE {HERE} GROUP BY "sensor" """
    people = f"""SELECT sum("person") FROM "occupancy" WHERE {HERE} GROUP BY time(1h), "zone" fill(none)"""
    missing = f"""SELECT 1 - count("person") / count("period_s") AS "share" FROM "occupancy" WHERE {HERE}"""
    zone = asked("zone", "Zone", 'SHOW TAG VALUES FROM "occupancy" WITH KEY = "zone"')
    count: dict[str, Any] = {"unit": "none", "decimals": 0, "steps": [(None, "text")], "empty": "Too few to tell"}
    return sheet(
        UID,
        "Tocsin · Streets",
        [
            (
                4,
                [
                    *(
                        (5, stat(name, f'SELECT sum("{kind}") FROM "occupancy" WHERE {HERE}', **count))
                        for kind, name in KINDS.items()
                    ),
                    (
                        4,
                        stat(
                            "Bins without people told",
                            missing,
                            unit="percentunit",
                            decimals=0,
                            steps=[(None, "text")],
                            empty="No bin",
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
                            "People by zone and hour",
                            [target(people, alias="$tag_zone")],
                            bars=True,
                            stack=True,
                            unit="none",
                            decimals=0,
                            lowest=0,
                        ),
                    )
                ],
            ),
            (
                9,
                [
                    (
                        14,
                        lines(
                            "Vehicles an hour",
                            [
                                target(
                                    f'SELECT {flow} FROM "occupancy" WHERE {HERE} GROUP BY time(1h) fill(none)',
                                    alias="$col",
                                )
                            ],
                            unit="none",
                            decimals=0,
                            lowest=0,
                        ),
                    ),
                    (
                        10,
                        geomap(
                            "Where people pass",
                            [target(places, "A", table=True)],
                            [
                                geojson("fields-of-view"),
                                markers("People", "A", "person", "circle", size=12, label="person"),
                            ],
                            [override("person", unit="none", decimals=0)],
                        ),
                    ),
                ],
            ),
            (
                8,
                [
                    (
                        14,
                        table(
                            "Zones",
                            zones,
                            hidden=["Time"],
                            names={"sensor": "Camera", "zone": "Zone", "watched_s": "Watched", **KINDS},
                            overrides=[override("watched_s", unit="s")],
                        ),
                    ),
                    (
                        10,
                        bars(
                            "Shares",
                            f'SELECT {all_kinds} FROM "occupancy" WHERE {HERE}',
                            tag="",
                            calculation="lastNotNull",
                            unit="none",
                            steps=[(None, "blue")],
                        ),
                    ),
                ],
            ),
            (
                3,
                [
                    (
                        24,
                        text(
                            "What is counted",
                            "Passages in closed bins of twenty minutes at least. A count that is too small "
                            "is not told. Nobody is recognised, followed from camera to camera, or kept.",
                        ),
                    )
                ],
            ),
        ],
        variables=[CAMERA, zone],
        start="now-7d",
        refresh="5m",
        about="Anonymous counts and flows by zone.",
    )
