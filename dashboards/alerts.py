"""Alert rules and the contact point that brings them to the hub, as Grafana's alert provisioning takes them.

Each rule is one InfluxQL query, the last value of each of its series, and a threshold. A sensor that falls silent
writes nothing, so its rule counts the heartbeats of each five minutes, with zero where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

SOURCE_UID: Final = "tocsin-influx"
FOLDER_UID: Final = "tocsin"
GROUP: Final = "Tocsin"
CONTACT: Final = "Tocsin hub"
LABEL: Final = "tocsin"

PRECISION_GOAL: Final = 0.5
"""Share found real of those whose outcome is known, over thirty days, under which somebody should look."""


def _query(query: str, seconds: int) -> dict[str, Any]:
    return {
        "refId": "A",
        "queryType": "",
        "relativeTimeRange": {"from": seconds, "to": 0},
        "datasourceUid": SOURCE_UID,
        "model": {
            "refId": "A", "query": " ".join(query.split()), "rawQuery": True, "resultFormat": "time_series",
            "intervalMs": 60_000, "maxDataPoints": 1_000,
        },
    }  # fmt: skip


def _expression(ref: str, model: dict[str, Any]) -> dict[str, Any]:
    source = {"type": "__expr__", "uid": "__expr__"}
    return {
        "refId": ref,
        "queryType": "",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref, "datasource": source, **model},
    }


def _rule(
    uid: str, title: str, query: str, seconds: int, evaluator: str, limit: float, *, wait: str, severity: str, why: str
) -> dict[str, Any]:
    """One rule; without data it is calm: no incidents is no fault."""
    reduced = {"type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "dropNN"}}
    compared = {
        "type": "threshold",
        "expression": "B",
        "conditions": [{"type": "query", "evaluator": {"type": evaluator, "params": [limit]}}],
    }
    return {
        "uid": uid,
        "title": title,
        "orgID": 1,
        "folderUID": FOLDER_UID,
        "ruleGroup": GROUP,
        "condition": "C",
        "for": wait,
        "noDataState": "OK",
        "execErrState": "Error",
        "isPaused": False,
        "labels": {LABEL: "true", "severity": severity},
        "annotations": {"summary": title, "description": why},
        "data": [_query(query, seconds), _expression("B", reduced), _expression("C", compared)],
    }


def rules() -> list[dict[str, Any]]:
    """Sensor silent, clock bad, queue growing, precision below target, dispatch failing."""
    silent = """SELECT count("seen_ms") FROM "sensor_health" WHERE time >= now() - 6h AND time < now() - 1m
        GROUP BY time(5m, 4m), "sensor" fill(0)"""
    clock = """SELECT mean("clock_sigma_us") FROM "sensor_health" WHERE $timeFilter AND "kind" = 'microphone'
        GROUP BY time(5m), "sensor" fill(none)"""
    queue = (
        """SELECT mean("queue_depth") FROM "sensor_health" WHERE $timeFilter GROUP BY time(5m), "sensor" fill(none)"""
    )
    precision = """SELECT sum("real") / sum("known") FROM "incident" WHERE $timeFilter AND "exercise" = 'false'"""
    failing = """SELECT 1 - mean("ok") FROM "dispatch" WHERE $timeFilter AND "kind" != 'test' GROUP BY "endpoint" """
    return [
        _rule("tocsin-sensor-silent", "Sensor silent", silent, 21_600, "lt", 1, wait="2m", severity="warning",
              why="No heartbeat for five minutes from a sensor that was heard in the last six hours."),
        _rule("tocsin-clock-bad", "Clock bad", clock, 1_800, "gt", 20_000, wait="5m", severity="warning",
              why="Above 20 ms (7 m of sound) a microphone no longer helps to place."),
        _rule("tocsin-queue-growing", "Queue growing", queue, 1_800, "gt", 500, wait="5m", severity="warning",
              why="Messages wait at the sensor: its uplink is slow, or the hub refuses them."),
        _rule("tocsin-precision-low", "Precision below target", precision, 2_592_000, "lt", PRECISION_GOAL, wait="1h",
              severity="info", why="Over thirty days, fewer dispatches with a known outcome were real than the goal."),
        _rule("tocsin-dispatch-failing", "Dispatch failing", failing, 900, "gt", 0.5, wait="1m", severity="critical",
              why="More than half of the attempts of the last quarter of an hour did not arrive."),
    ]  # fmt: skip


def contact_point(hub: str, token: str = "") -> dict[str, Any]:
    """The hub as a webhook contact point; `token` is what the hub's `[grafana] alerts_token_file` holds."""
    settings: dict[str, Any] = {"url": f"{hub.rstrip('/')}/api/v1/alerts/grafana", "httpMethod": "POST"}
    if token:
        settings |= {"authorization_scheme": "Bearer", "authorization_credentials": token}
    return {
        "uid": "tocsin-hub",
        "name": CONTACT,
        "type": "webhook",
        "disableResolveMessage": False,
        "settings": settings,
    }


def provisioned(hub: str) -> dict[str, Any]:
    """Rules, contact point and policy as Grafana's file provisioning takes them, for a Grafana that has no others.

    The hub's token is read by Grafana itself from a secret's file.
    """
    keys = ("uid", "title", "condition", "data", "for", "noDataState", "execErrState", "labels", "annotations")
    contact = contact_point(hub, "$__file{/run/secrets/alerts_token}")
    receiver = {key: contact[key] for key in ("uid", "type", "settings", "disableResolveMessage")}
    group = {"orgId": 1, "name": GROUP, "folder": "Tocsin", "interval": "1m"}
    return {
        "apiVersion": 1,
        "groups": [{**group, "rules": [{key: rule[key] for key in keys} for rule in rules()]}],
        "contactPoints": [{"orgId": 1, "name": CONTACT, "receivers": [receiver]}],
        "policies": [{"orgId": 1, "receiver": CONTACT, "group_by": ["grafana_folder", "alertname"]}],
    }


def with_route(policies: dict[str, Any]) -> dict[str, Any] | None:
    """The tree of notification policies with a branch for these rules; None where it has one. Nothing is taken away."""
    routes: Sequence[dict[str, Any]] = policies.get("routes") or []
    if any(route.get("receiver") == CONTACT for route in routes):
        return None
    branch = {"receiver": CONTACT, "object_matchers": [[LABEL, "=", "true"]], "continue": True}
    return {**policies, "routes": [branch, *routes]}
