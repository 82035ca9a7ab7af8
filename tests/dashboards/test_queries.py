"""Every query of every panel, variable and annotation runs on a real InfluxDB and brings rows with its fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.alerts import rules
from dashboards.build import dashboards

from . import asked
from .asked import columns, targets
from .conftest import END_US, START_US, Night

ALL = [
    pytest.param(dashboard, target, id=f"{dashboard['uid'].removeprefix('tocsin-')}: {name}")
    for dashboard in dashboards()
    for name, target in targets(dashboard)
]


def filled(query: str, dashboard: dict[str, Any], night: Night) -> str:
    """What Grafana makes of a query on that night."""
    return asked.filled(query, dashboard, str(night.incident), night.revision, START_US, END_US)


@pytest.mark.parametrize(("dashboard", "target"), ALL)
def test_a_panel_is_filled(dashboard: dict[str, Any], target: dict[str, Any], night: Night) -> None:
    query = filled(target["query"], dashboard, night)
    series = night.server.query(query)
    assert series, f"no rows: {query}"
    rows = [row for one in series for row in one["values"]]
    assert any(any(value is not None for value in row[1:]) for row in rows), query
    given = {name for one in series for name in one["columns"]} | {tag for one in series for tag in one.get("tags", {})}
    assert columns(query) <= given
    for tag in re.findall(r"\$tag_(\w+)", target.get("alias", "")):
        assert all(tag in one["tags"] for one in series)


def test_every_panel_asks_influxql_but_for_texts_and_the_live_one() -> None:
    kinds = {
        (panel["title"], panel["datasource"]["type"])
        for dashboard in dashboards()
        for panel in dashboard["panels"]
        if panel["datasource"]["type"] != "influxdb"
    }
    assert {kind for _, kind in kinds} == {"datasource"}
    asked = {panel["type"] for dashboard in dashboards() for panel in dashboard["panels"] if not panel["targets"]}
    assert asked == {"text"}
    assert len(ALL) > 80


VARIABLES = [
    pytest.param(dashboard, variable, id=f"{dashboard['uid']}: {variable['name']}")
    for dashboard in dashboards()
    for variable in dashboard["templating"]["list"]
    if variable["type"] == "query"
]


@pytest.mark.parametrize(("dashboard", "variable"), VARIABLES)
def test_a_variable_has_values(dashboard: dict[str, Any], variable: dict[str, Any], night: Night) -> None:
    series = night.server.query(filled(variable["query"], dashboard, night))
    assert [row[1] for one in series for row in one["values"]]


def test_the_confirmed_incidents_are_annotated(night: Night) -> None:
    dashboard = dashboards()[0]
    (annotation,) = dashboard["annotations"]["list"]
    (series,) = night.server.query(filled(annotation["query"], dashboard, night))
    assert series["columns"] == ["time", "event", "state", "id"]
    assert len(series["values"]) == 54


def value(night: Night, dashboard: dict[str, Any], title: str) -> Any:
    """The number that a panel shows."""
    panel = next(panel for panel in dashboard["panels"] if panel["title"] == title)
    (series,) = night.server.query(filled(panel["targets"][0]["query"], dashboard, night))
    return series["values"][-1][1]


def test_the_numbers_are_right(night: Night) -> None:
    by_uid = {dashboard["uid"]: dashboard for dashboard in dashboards()}
    room, quality, fleet = by_uid["tocsin-control-room"], by_uid["tocsin-quality"], by_uid["tocsin-fleet"]
    assert value(night, room, "Waiting for a decision") == 18
    assert value(night, room, "Confirmed") == 54
    assert value(night, room, "Sensors heard") == 8
    assert value(night, room, "Sensors in trouble") == 1
    assert value(night, fleet, "Worst clock") == 60_000
    assert value(night, quality, "Dispatched") == 27
    assert value(night, quality, "Real, of all dispatched") == pytest.approx(9 / 27)
    assert value(night, quality, "Real, of those with a known outcome") == pytest.approx(9 / 18)
    assert value(night, quality, "Nobody knows") == pytest.approx(9 / 27)
    assert value(night, quality, "Person-time in vain") == pytest.approx(9 * 45 / 60)


def test_levels_are_averaged_by_energy(night: Night) -> None:
    import math

    noise = next(dashboard for dashboard in dashboards() if dashboard["uid"] == "tocsin-noise")
    (series,) = night.server.query('SELECT "laeq", "laeq_den", "hour" FROM "sound_level"')
    rows = [row[1:] for row in series["values"]]
    mean = 10 * math.log10(sum(10 ** (level / 10) for level, _, _ in rows) / len(rows))
    assert value(night, noise, "LAeq") == pytest.approx(mean, abs=1e-6)
    parts = {"d": range(6, 18), "e": range(18, 22)}
    lden = []
    for level, _, hour in rows:
        lden.append(level + (0 if hour in parts["d"] else 5 if hour in parts["e"] else 10))
    assert value(night, noise, "Lden") == pytest.approx(10 * math.log10(sum(10 ** (x / 10) for x in lden) / len(lden)))


def moment(text: str) -> str:
    """`now()` set to the end of the night."""
    end = datetime.fromtimestamp(END_US / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.replace("now()", f"'{end}'")


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["uid"]) for rule in rules()])
def test_an_alert_rule_has_something_to_compare(rule: dict[str, Any], night: Night) -> None:
    model = rule["data"][0]["model"]
    assert model["resultFormat"] == "time_series"
    query = model["query"].replace("$timeFilter", f"time >= {START_US // 1_000}ms and time <= {END_US // 1_000}ms")
    series = night.server.query(moment(query))
    assert series
    assert all(len(one["columns"]) == 2 for one in series), "an alert compares one number a series"
    assert any(row[1] is not None for one in series for row in one["values"])


def test_a_sensor_that_falls_silent_shows_as_zero(night: Night) -> None:
    query = moment(rules()[0]["data"][0]["model"]["query"])
    counts = {one["tags"]["sensor"]: [row[1] for row in one["values"]] for one in night.server.query(query)}
    assert len(counts) == 8
    late = query.replace(
        f"{datetime.fromtimestamp(END_US / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"{datetime.fromtimestamp(END_US / 1e6 + 1_200, UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
    last = [one["values"][-1][1] for one in night.server.query(late)]
    assert last == [0] * 8
