"""Pushing to a Grafana: twice is once, a person's work stays, a dry run only reads, refusals are told in words."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dashboards.alerts import contact_point, rules
from dashboards.build import dashboards
from dashboards.grafana import Grafana, GrafanaAway, GrafanaRefused
from dashboards.library import elements
from dashboards.push import Change, Push, TooOld, Wanted, data_source, differences

from .recorder import TOKEN, RecordedGrafana

HUB = "https://hub.example"


@pytest.fixture
def recorded() -> RecordedGrafana:
    return RecordedGrafana()


@pytest.fixture
async def grafana(recorded: RecordedGrafana) -> AsyncIterator[Grafana]:
    server = TestServer(recorded.application())
    await server.start_server()
    yield Grafana(str(server.make_url("/grafana")), TOKEN)
    await server.close()


def wanted() -> Wanted:
    source = data_source("http://influxdb:8086", "tocsin", "secret")
    built = dashboards("en", HUB)
    return Wanted(source, built, rules(), contact_point(HUB, "alert-token"), library=elements(built))


def acts(changes: list[Change]) -> dict[str, str]:
    return {f"{change.kind} {change.name}": change.act for change in changes}


async def test_everything_is_made_once_and_stays_the_same(recorded: RecordedGrafana, grafana: Grafana) -> None:
    first = await Push(grafana).run(wanted())
    assert set(acts(first).values()) == {"create"}
    assert len(first) == 2 + 6 + 3 + 5 + 2
    assert len(recorded.writes) == len(first)
    recorded.calls.clear()
    again = await Push(grafana).run(wanted())
    assert set(acts(again).values()) == {"same"}
    assert recorded.writes == []


async def test_the_data_source_asks_influxql_with_the_token_kept_secret(
    recorded: RecordedGrafana, grafana: Grafana
) -> None:
    await Push(grafana).run(wanted())
    sent = next(call.body for call in recorded.writes if call.path == "/datasources")
    assert (sent["type"], sent["uid"], sent["access"]) == ("influxdb", "tocsin-influx", "proxy")
    assert sent["jsonData"]["version"] == "InfluxQL"
    assert sent["jsonData"]["dbName"] == sent["database"] == "tocsin"
    assert sent["jsonData"]["httpHeaderName1"] == "Authorization"
    assert "secret" not in str(sent["jsonData"])


async def test_what_is_provisioned_stays_editable_on_the_pages(recorded: RecordedGrafana, grafana: Grafana) -> None:
    await Push(grafana).run(wanted())
    provisioned = [call for call in recorded.writes if "/provisioning/" in call.path]
    assert provisioned
    assert all(call.headers.get("X-Disable-Provenance") == "true" for call in provisioned)


@pytest.mark.parametrize("version", ["9.3.0", "10.4.1", "11.2.0", "12.1.0", "13.0.1"])
async def test_our_own_older_dashboard_is_brought_up_to_date(
    recorded: RecordedGrafana, grafana: Grafana, version: str
) -> None:
    recorded.version = version
    await Push(grafana).run(wanted())
    newer = wanted()
    newer.dashboards[0]["panels"][0]["title"] = "Waiting now"
    changes = await Push(grafana).run(newer)
    assert [change.name for change in changes if change.act == "update"] == ["Tocsin · Control room"]
    assert recorded.dashboards["tocsin-control-room"][-1]["dashboard"]["panels"][0]["title"] == "Waiting now"


async def test_what_a_person_changed_is_kept_and_said_until_forced(recorded: RecordedGrafana, grafana: Grafana) -> None:
    await Push(grafana).run(wanted())
    mine = copy.deepcopy(recorded.dashboards["tocsin-fleet"][-1]["dashboard"])
    mine["panels"][0]["title"] = "Meine Sensoren"
    recorded.save(mine)
    recorded.rules["tocsin-clock-bad"]["for"] = "1h"
    recorded.sources["tocsin-influx"]["url"] = "http://elsewhere:8086"
    recorded.calls.clear()
    changes = await Push(grafana).run(wanted())
    kept = {change.name: change.lines for change in changes if change.act == "kept"}
    assert set(kept) == {"Tocsin · Fleet", "Clock bad", "Tocsin"}
    assert kept["Tocsin · Fleet"] == ('panels[0].title: "Meine Sensoren" -> "Sensors heard"',)
    assert recorded.writes == []
    forced = await Push(grafana, force=True).run(wanted())
    assert {change.name for change in forced if change.act == "update"} >= set(kept)
    assert recorded.dashboards["tocsin-fleet"][-1]["dashboard"]["panels"][0]["title"] == "Sensors heard"
    assert recorded.rules["tocsin-clock-bad"]["for"] == "5m"


async def test_our_own_older_rule_and_source_are_brought_up_to_date(
    recorded: RecordedGrafana, grafana: Grafana
) -> None:
    await Push(grafana).run(wanted())
    newer_rules = rules()
    newer_rules[1]["for"] = "7m"
    newer = Wanted(data_source("http://influxdb-2:8086", "tocsin", "secret"), wanted().dashboards, newer_rules)
    changes = acts(await Push(grafana).run(newer))
    assert changes["alert rule Clock bad"] == changes["data source Tocsin"] == "update"
    assert recorded.sources["tocsin-influx"]["url"] == "http://influxdb-2:8086"


async def test_a_dry_run_shows_the_difference_and_writes_nothing(recorded: RecordedGrafana, grafana: Grafana) -> None:
    changes = await Push(grafana, dry_run=True).run(wanted())
    assert set(acts(changes).values()) == {"create"}
    assert recorded.writes == []
    await Push(grafana).run(wanted())
    recorded.calls.clear()
    newer = wanted()
    newer.dashboards[0]["refresh"] = "10s"
    changes = await Push(grafana, dry_run=True).run(newer)
    assert [change.lines for change in changes if change.act == "update"] == [('refresh: "5s" -> "10s"',)]
    assert recorded.writes == []


async def test_the_tree_of_notification_policies_only_grows(recorded: RecordedGrafana, grafana: Grafana) -> None:
    theirs = {"receiver": "pager", "object_matchers": [["team", "=", "night"]]}
    recorded.policies = {"receiver": "mail", "group_by": ["alertname"], "routes": [theirs]}
    await Push(grafana).run(wanted())
    assert recorded.policies["receiver"] == "mail"
    assert recorded.policies["group_by"] == ["alertname"]
    assert theirs in recorded.policies["routes"]
    (ours,) = [route for route in recorded.policies["routes"] if route is not theirs and route != theirs]
    assert ours["receiver"] == "Tocsin hub"
    assert ours["continue"] is True


async def test_a_grafana_that_is_too_old_is_left_alone(recorded: RecordedGrafana, grafana: Grafana) -> None:
    recorded.version = "9.2.15"
    with pytest.raises(TooOld, match=r"9\.2\.15"):
        await Push(grafana).run(wanted())
    assert recorded.writes == []


async def test_a_newer_one_is_tried_and_said(recorded: RecordedGrafana, grafana: Grafana) -> None:
    recorded.version = "14.0.0-beta1"
    push = Push(grafana)
    await push.run(wanted())
    assert len(push.notes) == 1


async def test_a_wrong_token_is_a_refusal(recorded: RecordedGrafana, grafana: Grafana) -> None:
    stranger = Grafana(grafana.url, "wrong")
    with pytest.raises(GrafanaRefused) as caught:
        await Push(stranger).run(wanted())
    assert caught.value.status == 401
    assert "wrong" not in str(caught.value)
    assert "wrong" not in repr(stranger)


async def test_a_fault_of_the_server_is_told_with_its_words(recorded: RecordedGrafana, grafana: Grafana) -> None:
    recorded.broken = ("/dashboards/db",)
    with pytest.raises(GrafanaRefused, match="the database is locked"):
        await Push(grafana).run(wanted())
    recorded.broken = ()
    assert "create" in acts(await Push(grafana).run(wanted())).values(), "the next push finishes what the first began"


async def test_nothing_there_something_else_and_a_redirect_are_away(unused_tcp_port: int) -> None:
    with pytest.raises(GrafanaAway):
        await Grafana(f"http://127.0.0.1:{unused_tcp_port}", TOKEN).version()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>a shop</html>", content_type="text/html")

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("/elsewhere")

    app = web.Application()
    app.router.add_get("/api/health", page)
    app.router.add_get("/moved/api/health", moved)
    server = TestServer(app)
    await server.start_server()
    try:
        with pytest.raises(GrafanaAway, match="does not say that it is a Grafana"):
            await Grafana(str(server.make_url("/")), TOKEN).version()
        with pytest.raises(GrafanaAway, match="TooManyRedirects"):
            await Grafana(str(server.make_url("/moved")), TOKEN).version()
    finally:
        await server.close()


async def test_a_verb_that_http_does_not_have_never_leaves(recorded: RecordedGrafana, grafana: Grafana) -> None:
    mistyped: Any = "PSOT"
    with pytest.raises(ValueError, match="PSOT"):
        await grafana.call(mistyped, "/folders", {})
    assert recorded.calls == []


@pytest.mark.parametrize("address", ["ftp://grafana", "grafana:3000", "http://"])
def test_an_address_that_is_none_is_told_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is no http or https address"):
        Grafana(address, TOKEN)


def test_defaults_of_the_server_are_no_difference() -> None:
    assert list(differences({"a": 1, "b": {"c": 2, "more": 3}, "d": None}, {"a": 1, "b": {"c": 2}, "d": []})) == []
    assert list(differences({"a": [1, 2]}, {"a": [1, 3]})) == ["a[1]: 2 -> 3"]


async def test_a_library_element_that_a_person_changed_stays_unless_forced(
    recorded: RecordedGrafana, grafana: Grafana
) -> None:
    await Push(grafana).run(wanted())
    assert set(recorded.elements) == {"tocsin-library-map", "tocsin-library-queue", "tocsin-library-health"}
    assert all("gridPos" not in one["model"] for one in recorded.elements.values())
    recorded.elements["tocsin-library-map"]["model"]["title"] = "Our town"
    made = acts(await Push(grafana).run(wanted()))
    assert made["library element Tocsin · Where"] == "kept"
    assert recorded.elements["tocsin-library-map"]["model"]["title"] == "Our town"
    forced = acts(await Push(grafana, force=True).run(wanted()))
    assert forced["library element Tocsin · Where"] == "update"
    assert recorded.elements["tocsin-library-map"]["model"]["title"] == "Where"


async def test_our_own_older_library_element_is_brought_up_to_date(recorded: RecordedGrafana, grafana: Grafana) -> None:
    before = wanted()
    older = [{**one, "model": {**one["model"], "description": "of an older version"}} for one in before.library]
    await Push(grafana).run(Wanted(before.source, before.dashboards, library=older))
    made = acts(await Push(grafana).run(wanted()))
    assert made["library element Tocsin · Where"] == "update"
    assert recorded.elements["tocsin-library-map"]["version"] == 2
