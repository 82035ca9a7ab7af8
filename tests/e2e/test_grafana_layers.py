"""A real browser on another origin fetches every map layer that the dashboards name, as Grafana's Geomap does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dashboards.build import dashboards
from hub.config import GrafanaConfig

from .conftest import City, OpenPage, configuration

pytestmark = pytest.mark.e2e

FETCH = """async (address) => {
  return await new Promise((done) => {
    const request = new XMLHttpRequest();   // what OpenLayers, and so Geomap, loads a layer with
    request.open('GET', address);
    request.onload = () => done([request.status, request.responseText]);
    request.onerror = () => done([0, '']);
    request.send();
  });
}"""


@pytest.fixture
async def page_elsewhere() -> AsyncIterator[str]:
    """A page on an origin of its own."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Grafana</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/")).rstrip("/")
    await server.close()


@pytest.fixture
async def hub_for(page_elsewhere: str, tmp_path: Path) -> AsyncIterator[City]:
    """A hub that knows that origin, with sensors, and closed to strangers."""
    config = configuration(tmp_path, open_console=False)
    made = City(msgspec.structs.replace(config, grafana=GrafanaConfig(url=f"{page_elsewhere}/sub")))
    await made.start()
    try:
        await made.add_sensors()
        yield made
    finally:
        await made.stop()


def layers(hub: str) -> set[str]:
    """The addresses that the dashboards give to the browser."""
    return {
        layer["config"]["src"]
        for dashboard in dashboards("en", hub)
        for panel in dashboard["panels"]
        for layer in panel["options"].get("layers", ())
        if layer["type"] == "geojson"
    }


async def test_the_page_of_grafana_gets_every_layer(hub_for: City, page_elsewhere: str, open_page: OpenPage) -> None:
    page: Any = await open_page(page_elsewhere)
    addresses = layers(hub_for.url)
    assert len(addresses) == 4
    features = {}
    for address in sorted(addresses):
        status, text = await page.evaluate(FETCH, address)
        assert status == 200, address
        features[address.rsplit("/", 1)[1]] = len(msgspec.json.decode(text)["features"])
    assert features["fields-of-view.geojson"] == 3
    assert features["coverage.geojson"] > 10


async def test_the_page_of_another_origin_gets_nothing(hub_for: City, page_elsewhere: str, open_page: OpenPage) -> None:
    other = page_elsewhere.replace("127.0.0.1", "localhost")
    page: Any = await open_page(other)
    for address in layers(hub_for.url):
        assert await page.evaluate(FETCH, address) == [0, ""]
