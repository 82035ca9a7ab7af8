"""Quality and oversight: how often a dispatch was right, with both denominators, and what the wrong ones cost.

Chicago's audit of 2021 counts 9.1 % of all alerts and 10.9 % of those whose outcome is known; so both ratios stand side
by side, with the share of which nobody knows. An incident counts as dispatched once one endpoint took its message.
"""

from __future__ import annotations

from typing import Any, Final

from dashboards.panels import Steps, bars, lines, override, stat, table, target, text
from dashboards.sheet import REAL_FIRST, sheet

UID: Final = "tocsin-quality"

WHICH: Final = """$timeFilter AND "exercise" = '$exercise'"""
SHARE: Final[Steps] = ((None, "red"), (0.5, "orange"), (0.8, "green"))
LITTLE: Final[Steps] = ((None, "green"), (0.1, "yellow"), (0.3, "red"))
PLAIN: Final[Steps] = ((None, "text"),)


def _ratio(part: str, whole: str, group: str = "") -> str:
    return f'SELECT sum("{part}") / sum("{whole}") AS "share" FROM "incident" WHERE {WHICH} {group}'


def build() -> dict[str, Any]:
    """The dashboard."""
    share: dict[str, Any] = {"unit": "percentunit", "decimals": 1, "lowest": 0, "highest": 1}
    nothing: dict[str, Any] = {"empty": "No outcome yet"}
    unknown = f"""SELECT 1 - sum("known") / sum("dispatched") AS "share" FROM "incident" WHERE {WHICH}"""
    classes = f"""SELECT count("probability") AS "incidents", sum("confirmed") AS "confirmed",
        sum("rejected") AS "rejected",
        sum("expired") AS "expired", sum("dispatched") AS "dispatched", sum("real") AS "real",
        sum("not_real") AS "not_real",
        sum("real") / sum("dispatched") AS "of_all", sum("real") / sum("known") AS "of_known",
        sum("minutes_in_vain") / 60 AS "hours_in_vain" FROM "incident" WHERE {WHICH} GROUP BY "event" """
    decided = f"""SELECT percentile("decided_after_s", 50) AS "half", percentile("decided_after_s", 90) AS "nine in ten"
        FROM "incident" WHERE {WHICH} GROUP BY time($__interval) fill(none)"""
    shown = f"""SELECT percentile("shown_after_s", 50) AS "half", percentile("shown_after_s", 99) AS "99 in 100"
        FROM "incident" WHERE {WHICH} GROUP BY time($__interval) fill(none)"""
    false = f"""SELECT sum("false_alarm") FROM "arrival" WHERE {WHICH} GROUP BY time(1h), "sensor" fill(none)"""
    refused = """SELECT non_negative_difference(last("refused")) FROM "sensor_health" WHERE $timeFilter
        GROUP BY time($__interval), "sensor" fill(none)"""
    reasons = f"""SELECT "action", "reason", "after_s", "incident" FROM "decision" WHERE {WHICH}
        ORDER BY time DESC LIMIT 200"""
    acts = f"""SELECT count("after_s") FROM "decision" WHERE {WHICH} GROUP BY "action" """
    arrived = """SELECT mean("ok") AS "share" FROM "dispatch" WHERE $timeFilter GROUP BY "endpoint" """
    names = {
        "event": "Class",
        "incidents": "Incidents",
        "confirmed": "Confirmed",
        "rejected": "Rejected",
        "expired": "Expired",
        "dispatched": "Dispatched",
        "real": "Real",
        "not_real": "Not real",
        "of_all": "Real of all dispatched",
        "of_known": "Real of known outcomes",
        "hours_in_vain": "Person-time in vain",
    }
    return sheet(
        UID,
        "Tocsin · Quality and oversight",
        [
            (
                5,
                [
                    (
                        4,
                        stat(
                            "Dispatched",
                            f'SELECT sum("dispatched") FROM "incident" WHERE {WHICH}',
                            unit="none",
                            steps=PLAIN,
                        ),
                    ),
                    (5, stat("Real, of all dispatched", _ratio("real", "dispatched"), steps=SHARE, **share, **nothing)),
                    (
                        5,
                        stat(
                            "Real, of those with a known outcome",
                            _ratio("real", "known"),
                            steps=SHARE,
                            **share,
                            **nothing,
                        ),
                    ),
                    (5, stat("Nobody knows", unknown, steps=LITTLE, **share, **nothing)),
                    (
                        5,
                        stat(
                            "Person-time in vain",
                            f'SELECT sum("minutes_in_vain") / 60 FROM "incident" WHERE {WHICH}',
                            unit="h",
                            decimals=1,
                            steps=PLAIN,
                        ),
                    ),
                ],
            ),
            (
                8,
                [
                    (
                        24,
                        table(
                            "By class",
                            classes,
                            hidden=["Time"],
                            names=names,
                            overrides=[
                                override("of_all", unit="percentunit", decimals=1),
                                override("of_known", unit="percentunit", decimals=1),
                                override("hours_in_vain", unit="h", decimals=1),
                            ],
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
                            "Time to a decision",
                            [target(decided, alias="$col")],
                            unit="s",
                            decimals=0,
                            steps=((None, "green"), (60, "yellow"), (300, "red")),
                            about="From its being shown; half, and nine in ten, were decided within this.",
                        ),
                    ),
                    (
                        12,
                        lines(
                            "Shown after the onset",
                            [
                                target(
                                    shown,
                                    alias="$col",
                                )
                            ],
                            unit="s",
                            decimals=2,
                            steps=((None, "green"), (2, "yellow"), (10, "red")),
                        ),
                    ),
                ],
            ),
            (
                8,
                [
                    (
                        12,
                        lines(
                            "False alarms by sensor and hour",
                            [target(false, alias="$tag_sensor")],
                            bars=True,
                            stack=True,
                            unit="none",
                            decimals=0,
                            lowest=0,
                            about="Arrivals that an incident rested on which was rejected, or found not real.",
                        ),
                    ),
                    (
                        12,
                        lines(
                            "Refusals",
                            [target(refused, alias="$tag_sensor")],
                            bars=True,
                            stack=True,
                            unit="none",
                            decimals=0,
                            lowest=0,
                            about="Messages that the hub refused for good: unlawful, malformed or out of time.",
                        ),
                    ),
                ],
            ),
            (
                9,
                [
                    (
                        12,
                        table(
                            "Decisions and their reasons",
                            reasons,
                            empty="Nobody decided anything in this time",
                            names={
                                "Time": "At",
                                "action": "Act",
                                "reason": "Reason",
                                "after_s": "After it was shown",
                                "incident": "Incident",
                            },
                            overrides=[override("after_s", unit="s", decimals=1)],
                        ),
                    ),
                    (6, bars("Acts", acts, tag="action", calculation="sum", unit="none", steps=PLAIN)),
                    (
                        6,
                        bars(
                            "Messages that arrived",
                            arrived,
                            tag="endpoint",
                            unit="percentunit",
                            lowest=0,
                            highest=1,
                            steps=((None, "red"), (0.95, "orange"), (0.99, "green")),
                        ),
                    ),
                ],
            ),
            (
                4,
                [
                    (
                        24,
                        text(
                            "How to read this",
                            "Two denominators, because the difference is what nobody reported. "
                            "No person is named: who decided what is in the hub's audit log, for those who may ask.",
                        ),
                    )
                ],
            ),
        ],
        variables=[REAL_FIRST],
        start="now-30d",
        refresh="5m",
        about="Precision with both denominators, person-hours, time to decision, false alarms, refusals.",
    )
