"""The queries of the dashboards as Grafana sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dashboards.build import dashboards

__all__ = ["columns", "dashboards", "filled", "targets"]


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            if "query" in target:
                yield f"{panel['title']} / {target['refId']}", target


def chosen(dashboard: dict[str, Any]) -> dict[str, str]:
    """The value of each variable as a reader finds it at the start."""
    values = {}
    for variable in dashboard["templating"]["list"]:
        current = variable["current"].get("value", "")
        values[variable["name"]] = variable["allValue"] if current == ["$__all"] else current
    return values


def filled(query: str, dashboard: dict[str, Any], incident: str, revision: int, since_us: int, until_us: int) -> str:
    """What Grafana makes of a query from `since_us` to `until_us`, with that incident chosen."""
    values = {**chosen(dashboard), "incident": incident, "revision": str(revision)}
    values |= {
        "timeFilter": f"time >= {since_us // 1_000}ms and time <= {until_us // 1_000}ms",
        "__interval": "10m",
    }
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${{{name}:raw}}", values[name]).replace(f"${{{name}}}", values[name])
        query = query.replace(f"${name}", values[name])
    assert not re.search(r"\$(?!/)", query), f"a variable that the dashboard does not have: {query}"
    return query


def columns(query: str) -> set[str]:
    """The names that the outermost SELECT of a query gives its columns."""
    said = re.match(r"SELECT (.*?) FROM ", query, re.DOTALL)
    assert said, query
    return set(re.findall(r'AS "([^"]+)"', said[1])) | set(re.findall(r'(?:^|, )"(\w+)"(?=,|$)', said[1]))
