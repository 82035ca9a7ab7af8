"""Databases, policies, mappings and roll-ups are made once: on a real InfluxDB 1, and as 2.x and 3 document it."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dashboards.influx import InfluxRefused, Keeper, Storage, continuous_query, task
from dashboards.push import Change

from .conftest import HOUR_US, START_US, Influx, Night


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def acts(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.name, change.act) for change in changes]


async def test_version_one_gets_database_policy_and_roll_ups_once(
    influx: Influx, session: aiohttp.ClientSession
) -> None:
    storage = Storage(influx.url, "city-1", days=30)
    looked = acts(await Keeper(session, storage, dry_run=True).run())
    assert {act for _, _, act in looked} == {"create"}
    assert acts(await Keeper(session, storage).run()) == looked
    keeper = Keeper(session, storage)
    assert {act for _, _, act in acts(await keeper.run())} == {"same"}
    assert keeper.notes == []


async def test_retention_is_never_shortened_but_said(influx: Influx, session: aiohttp.ClientSession) -> None:
    await Keeper(session, Storage(influx.url, "city-2", days=90)).run()
    keeper = Keeper(session, Storage(influx.url, "city-2", days=7))
    await keeper.run()
    (note,) = keeper.notes
    assert "2160h" in note


def test_the_roll_up_of_an_hour_is_its_energy_mean(night: Night) -> None:
    """The continuous query's own SELECT, run over the night as the server runs it."""
    night.server.query('CREATE RETENTION POLICY "long" ON "tocsin" DURATION INF REPLICATION 1', method="POST")
    body = continuous_query("tocsin", "hour").partition(" BEGIN ")[2].removesuffix(" END")
    span = f"WHERE time >= {START_US}u AND time < {START_US + 48 * HOUR_US}u"
    night.server.query(body.replace(" GROUP BY", f" {span} GROUP BY"), method="POST")
    one = f"\"sensor\" = 'mic-01' AND time >= {START_US}u AND time < {START_US + HOUR_US}u"
    (raw,) = night.server.query(f'SELECT "laeq" FROM "sound_level" WHERE {one}')
    (rolled,) = night.server.query(
        f'SELECT "laeq", "laeq_den", "hour", "latitude" FROM "long"."sound_level_hour" WHERE {one}'
    )
    mean = 10 * math.log10(sum(10 ** (row[1] / 10) for row in raw["values"]) / len(raw["values"]))
    ((_, laeq, laeq_den, hour, latitude),) = rolled["values"]
    assert laeq == pytest.approx(mean)
    assert laeq_den == pytest.approx(mean + 10)
    assert (hour, latitude) == (2, 45.43)


class Recorder:
    """An InfluxDB 2 or 3 as its documentation says: it keeps what is posted and lists it."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.kept: dict[str, list[dict[str, Any]]] = {
            "orgs": [{"id": "0a", "name": "city"}], "buckets": [], "dbrps": [], "tasks": [], "database": [],
        }  # fmt: skip
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.tokens: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("Authorization", ""))
        if request.path == "/ping":
            return web.Response(status=204, headers={"X-Influxdb-Version": self.version})
        kind = request.path.rsplit("/", 1)[1]
        if request.method == "POST":
            body = await request.json()
            self.posted.append((request.path, body))
            made = {"id": f"{len(self.posted)}", **body}
            if kind == "tasks":
                made["name"] = body["flux"].partition('name: "')[2].partition('"')[0]
            if kind == "database":
                made = {"iox::database": body["db"]}
            self.kept[kind].append(made)
            return web.json_response(made, status=200 if kind == "database" else 201)
        if kind == "database":
            return web.json_response(self.kept[kind])
        name = request.query.get("name")
        found = [one for one in self.kept[kind] if name is None or one["name"] == name]
        if kind == "orgs":
            found = [one for one in found if one["name"] == request.query["org"]]
        return web.json_response({"content" if kind == "dbrps" else kind: found})


async def serve(recorder: Recorder) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", recorder.answer)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_version_two_gets_buckets_mappings_and_tasks_once(session: aiohttp.ClientSession) -> None:
    recorder = Recorder("v2.7.11")
    server = await serve(recorder)
    storage = Storage(str(server.make_url("")), "tocsin", "city", "secret", days=30)
    try:
        assert {act for *_, act in acts(await Keeper(session, storage, dry_run=True).run())} == {"create"}
        assert recorder.posted == []
        first = acts(await Keeper(session, storage).run())
        again = acts(await Keeper(session, storage).run())
    finally:
        await server.close()
    assert [name for _, name, _ in first[:4]] == ["tocsin", "tocsin.autogen", "tocsin/long", "tocsin.long"]
    assert {act for *_, act in again} == {"same"}
    assert len(recorder.posted) == 7
    buckets = [body for path, body in recorder.posted if path.endswith("buckets")]
    assert [bucket["retentionRules"] for bucket in buckets] == [[{"type": "expire", "everySeconds": 2_592_000}], []]
    mapped = {body["retention_policy"]: body for path, body in recorder.posted if path.endswith("dbrps")}
    assert (mapped["autogen"]["default"], mapped["long"]["default"]) == (True, False)
    assert recorder.tokens == {"Token secret"}
    assert "secret" not in repr(storage)


async def test_version_three_gets_its_database_and_says_what_it_lacks(session: aiohttp.ClientSession) -> None:
    recorder = Recorder("3.2.1")
    server = await serve(recorder)
    storage = Storage(str(server.make_url("")), "tocsin", "city", "secret")
    try:
        keeper = Keeper(session, storage)
        assert acts(await keeper.run()) == [("database", "tocsin", "create")]
        assert "no roll-ups" in keeper.notes[0]
        assert acts(await Keeper(session, storage).run()) == [("database", "tocsin", "same")]
    finally:
        await server.close()


async def test_an_unknown_organisation_and_no_influxdb_are_refusals(
    session: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    server = await serve(Recorder("v2.7.11"))
    try:
        with pytest.raises(InfluxRefused, match="no organisation 'village'"):
            await Keeper(session, Storage(str(server.make_url("")), org="village")).run()
    finally:
        await server.close()
    with pytest.raises(InfluxRefused, match="does not answer"):
        await Keeper(session, Storage(f"http://127.0.0.1:{unused_tcp_port}")).run()


@pytest.mark.parametrize("name", ["", 'x"; DROP DATABASE y', "a b", "a/b"])
def test_a_database_name_can_carry_no_query(name: str) -> None:
    with pytest.raises(ValueError, match="a database is named"):
        Storage("http://x", name)


@pytest.mark.parametrize("step", ["minute", "hour", "day"])
def test_a_task_writes_every_field_of_the_roll_up(step: str) -> None:
    flux = task("tocsin", step)
    for name in ("laeq", "laeq_den", "lafmax", "lcpeak", "l10", "l50", "l90", "latitude", "longitude", "hour"):
        assert f'r._field == "{name}"' in flux
    assert json.dumps(f"sound_level_{step}") in flux
    assert flux.count("(") == flux.count(")")
    assert flux.count("{") == flux.count("}")
