"""Map layers for another origin: fixed geometry without ids, for known origins and signed-in people alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.api.layers import NAMES, allowed_origins, covered, districts, origin_of
from hub.app import serving
from hub.config import GrafanaConfig, Http, HubConfig, MapConfig, PolicyConfig
from hub.keys import REGISTRY
from hub.registry import SensorRecord
from hub.sinks.endpoints import Endpoint

GRAFANA = "https://grafana.example"
SQUARE = ((45.43, 4.37), (45.43, 4.39), (45.44, 4.39), (45.44, 4.37))
DISTRICT = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": 7,
            "properties": {"name": "Centre", "mayor": "nobody's business"},
            "geometry": {"type": "Polygon", "coordinates": [[[4.3, 45.4], [4.4, 45.4], [4.4, 45.5], [4.3, 45.4]]]},
        },
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [4.3, 45.4]}},
    ],
}
Get = Callable[..., Awaitable[tuple[int, dict[str, str], Any]]]


@asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[tuple[str, Any]]:
    (folder / "districts.geojson").write_text(json.dumps(DISTRICT))
    lab = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")
    secret = "whsec_" + "A" * 43 + "="
    police = Endpoint(name="police", url="https://police.example", secret=secret, zones={"old-town": SQUARE})
    values: dict[str, Any] = {
        "grafana": GrafanaConfig(origins=(GRAFANA,)),
        "map": MapConfig(districts=folder / "districts.geojson"),
    }
    config = HubConfig(
        data_dir=folder / "data", http=Http(port=0), policy=lab, webhooks=(police,), **{**values, **changes}
    )
    async with serving(config) as (app, port):
        for index in range(6):
            await app[REGISTRY].add(
                SensorRecord(
                    id=f"mic-secret-{index}",
                    kind="microphone",
                    latitude=45.43 + index % 3 * 2e-3,
                    longitude=4.38 + index // 3 * 2e-3,
                    created_us=1,
                    public_key=bytes(32),
                )
            )
        await app[REGISTRY].add(
            SensorRecord(
                id="cam-secret", kind="camera", latitude=45.43, longitude=4.38, field_of_view=SQUARE, created_us=1
            )
        )
        yield f"http://127.0.0.1:{port}", app


@pytest.fixture
async def get(tmp_path: Path) -> AsyncIterator[Get]:
    async with running(tmp_path) as (url, _), aiohttp.ClientSession() as session:

        async def ask(name: str, origin: str | None = GRAFANA) -> tuple[int, dict[str, str], Any]:
            headers = {"Origin": origin} if origin else {}
            async with session.get(f"{url}/api/v1/layers/{name}.geojson", headers=headers) as answer:
                said = await answer.read()
                return answer.status, dict(answer.headers), json.loads(said)

        yield ask


@pytest.mark.parametrize("name", NAMES)
async def test_a_layer_has_geometry_and_names_nobody(get: Get, name: str) -> None:
    status, headers, said = await get(name)
    assert status == 200
    assert headers["Content-Type"].startswith("application/geo+json")
    assert headers["Access-Control-Allow-Origin"] == GRAFANA
    assert "Access-Control-Allow-Credentials" not in headers
    assert headers["Vary"] == "Origin"
    assert said["type"] == "FeatureCollection"
    assert said["features"]
    for feature in said["features"]:
        assert set(feature) == {"type", "geometry", "properties"}
        assert set(feature["properties"]) <= {"name"}
        (outline, *_) = feature["geometry"]["coordinates"]
        assert outline[0] == outline[-1]
        assert all(4.2 < longitude < 4.5 and 45.3 < latitude < 45.6 for longitude, latitude in outline)
    assert "secret" not in json.dumps(said)
    assert "mayor" not in json.dumps(said)


@pytest.mark.parametrize("origin", [None, "https://elsewhere.example", "null", "https://grafana.example.evil.example"])
async def test_strangers_and_other_origins_are_refused(get: Get, origin: str | None) -> None:
    status, headers, said = await get("coverage", origin)
    assert (status, said["code"]) == (403, "origin_refused")
    assert "Access-Control-Allow-Origin" not in headers


async def test_an_unknown_layer_is_not_found(get: Get) -> None:
    status, _, said = await get("incidents")
    assert (status, said["code"]) == (404, "layer_unknown")


async def test_districts_that_are_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "wrong.geojson").write_text("[1, 2]")
    broken = MapConfig(districts=tmp_path / "wrong.geojson")
    async with running(tmp_path, map=broken) as (url, _), aiohttp.ClientSession() as session:
        address = f"{url}/api/v1/layers/districts.geojson"
        async with session.get(address, headers={"Origin": GRAFANA}) as answer:
            assert answer.status == 503
            assert (await answer.json())["code"] == "districts_unusable"


@pytest.mark.parametrize("text", ["", "{}", '{"features": 3}', '{"features": [{"geometry": null}]}', "\udcff"])
def test_a_file_of_districts_that_can_not_be_used_is_an_error_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "d").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"can't be read|no GeoJSON"):
        districts(tmp_path / "d")


def test_coverage_is_told_in_blocks_and_stops_where_nothing_is_heard() -> None:
    assert covered((), 15.0) == []
    one = covered(((45.43, 4.38, 4.0, 50.0),), 15.0)
    many = covered(tuple((45.43 + k * 5e-4, 4.38, 4.0, 50.0) for k in range(8)), 15.0)
    assert len(many) > len(one)


def test_origins_are_those_of_the_configuration() -> None:
    config = HubConfig(grafana=GrafanaConfig(url="https://g.example:3000/sub/", origins=("http://other",)))
    assert allowed_origins(config) == {"https://g.example:3000", "http://other"}
    assert allowed_origins(HubConfig()) == frozenset()
    assert origin_of("nonsense") == ""
