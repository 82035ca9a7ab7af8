"""One incident: how sure, why, which sensors heard it when, what people decided, what was sent."""

from __future__ import annotations

from typing import Any, Final

from dashboards.control_room import STATES, incident_overrides
from dashboards.geomap import LAYERS, geojson, geomap, markers
from dashboards.panels import PROBABILITY, colored, lines, mapping, override, stat, table, target
from dashboards.sheet import MICROPHONE, asked, sheet, typed

UID: Final = "tocsin-incident"

THIS: Final = """$timeFilter AND "id" = '$incident'"""
ABOUT: Final = """$timeFilter AND "incident" = '$incident'"""
NEWEST: Final = f"""{ABOUT} AND "revision" = $revision"""

WEIGHT: Final = {
    "min": -5,
    "max": 5,
    "unit": "none",
    "decimals": 2,
    "custom__displayMode": "lcd-gauge",
    "custom__cellOptions": {"type": "gauge", "mode": "basic"},
}


def build() -> dict[str, Any]:
    """The dashboard."""
    revision = asked(
        "revision",
        "Revision",
        """SELECT max("revision") FROM "incident" WHERE "id" = '$incident'""",
        many=False,
        hide=2,
    )
    evidence = f"""SELECT "text", "log_odds", "kind", "from_sensor" FROM "evidence" WHERE {NEWEST}"""
    arrivals = f"""SELECT "sensor", "after_ms", "distance_m", "residual_ms" FROM "arrival" WHERE {NEWEST}"""
    decisions = f"""SELECT "action", "reason", "after_s", "revision" FROM "decision" WHERE {ABOUT}"""
    sent = (
        f"""SELECT "endpoint", "kind", "attempt", "status", "ok", "latency_ms", "error" FROM "dispatch" WHERE {ABOUT}"""
    )
    levels = """SELECT max("lafmax") FROM "sound_level" WHERE $timeFilter AND "sensor" =~ /^$sensor$/
        GROUP BY time($__interval), "sensor" fill(none)"""
    place = f"""SELECT "event", "probability", "state", "semi_major_m", "latitude", "longitude", "id"
        FROM "incident" WHERE {THIS}"""
    seconds: dict[str, Any] = {"unit": "s", "decimals": 1, "steps": [(None, "text")], "empty": "Not yet"}
    return sheet(
        UID,
        "Tocsin · Incident",
        [
            (
                4,
                [
                    (
                        4,
                        stat(
                            "Probability",
                            f'SELECT "probability" FROM "incident" WHERE {THIS}',
                            unit="percentunit",
                            decimals=0,
                            steps=PROBABILITY,
                            empty="No such incident in this time",
                        ),
                    ),
                    (
                        4,
                        stat(
                            "State",
                            f'SELECT "state" FROM "incident" WHERE {THIS}',
                            mappings=mapping(STATES),
                            empty="—",
                            steps=[(None, "text")],
                        ),
                    ),
                    (
                        3,
                        stat(
                            "Rounds", f'SELECT "rounds" FROM "incident" WHERE {THIS}', steps=[(None, "text")], empty="—"
                        ),
                    ),
                    (
                        4,
                        stat(
                            "95 % ellipse, long half-axis",
                            f'SELECT "semi_major_m" FROM "incident" WHERE {THIS}',
                            unit="lengthm",
                            decimals=1,
                            steps=[(None, "green"), (25, "orange"), (100, "red")],
                            empty="No ellipse",
                        ),
                    ),
                    (3, stat("Shown after", f'SELECT "shown_after_s" FROM "incident" WHERE {THIS}', **seconds)),
                    (3, stat("Decided after", f'SELECT "decided_after_s" FROM "incident" WHERE {THIS}', **seconds)),
                    (
                        3,
                        stat(
                            "Person-time spent",
                            f'SELECT "person_minutes" FROM "incident" WHERE {THIS}',
                            unit="m",
                            steps=[(None, "text")],
                            empty="Not reported",
                        ),
                    ),
                ],
            ),
            (
                11,
                [
                    (
                        14,
                        table(
                            "Why: evidence for and against",
                            evidence,
                            hidden=["Time"],
                            empty="No evidence written",
                            names={"text": "Because", "log_odds": "Log-odds", "kind": "Kind", "from_sensor": "Sensor"},
                            overrides=[override("log_odds", **WEIGHT), override("text", custom__width=520)],
                        ),
                    ),
                    (
                        10,
                        geomap(
                            "Where it was",
                            [target(place, "A", table=True)],
                            [
                                *(geojson(name) for name in LAYERS),
                                markers("Incident", "A", "probability", "star", size=13),
                            ],
                            incident_overrides(),
                        ),
                    ),
                ],
            ),
            (
                8,
                [
                    (
                        12,
                        table(
                            "Arrivals",
                            arrivals,
                            empty="No arrivals: not a sound that was placed",
                            names={
                                "Time": "Heard at",
                                "sensor": "Sensor",
                                "after_ms": "After the shot",
                                "distance_m": "Distance",
                                "residual_ms": "Residual",
                            },
                            overrides=[
                                override("after_ms", unit="ms", decimals=1),
                                override("distance_m", unit="lengthm"),
                                override("residual_ms", unit="ms", decimals=2),
                            ],
                        ),
                    ),
                    (
                        12,
                        lines(
                            "Levels around it",
                            [
                                target(
                                    levels,
                                    alias="$tag_sensor",
                                )
                            ],
                            unit="dBA",
                            decimals=1,
                            about="Loudest level of each period (LAFmax); levels are numbers, no sound is kept.",
                        ),
                    ),
                ],
            ),
            (
                7,
                [
                    (
                        12,
                        table(
                            "Decisions",
                            decisions,
                            empty="Nobody decided yet",
                            names={
                                "Time": "At",
                                "action": "Act",
                                "reason": "Reason",
                                "after_s": "After it was shown",
                                "revision": "Revision seen",
                            },
                            overrides=[override("after_s", unit="s", decimals=1)],
                        ),
                    ),
                    (
                        12,
                        table(
                            "Messages to dispatch",
                            sent,
                            empty="Nothing was sent",
                            names={
                                "Time": "At",
                                "endpoint": "To",
                                "kind": "Kind",
                                "attempt": "Attempt",
                                "status": "Answer",
                                "ok": "Arrived",
                                "latency_ms": "Took",
                                "error": "Error",
                            },
                            overrides=[
                                override("latency_ms", unit="ms", decimals=0),
                                override("ok", mappings=mapping({1: ("yes", "green"), 0: ("no", "red")}), **colored()),
                            ],
                        ),
                    ),
                ],
            ),
        ],
        variables=[typed("incident", "Incident"), revision, MICROPHONE],
        start="now-7d",
        about="One incident: choose it in the control room, or paste its id.",
    )
