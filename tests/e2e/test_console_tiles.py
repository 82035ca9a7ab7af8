"""The ground of the map from an archive of tiles on another machine, vector or pictures; the grid where it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from hub.config import MapConfig

from .conftest import LATITUDE, LONGITUDE, City, OpenPage, configuration

pytestmark = pytest.mark.e2e

ZOOM = 14
GREEN = (60, 160, 60)
DRAWN = """(least) => [...document.querySelectorAll('.leaflet-tile-pane canvas')].filter((one) => {
  const pixels = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;
  return pixels.filter((value, at) => at % 4 === 3 && value === 255).length > least;
}).length"""


def _field(number: int, body: bytes) -> bytes:
    size = len(body)
    assert size < 1 << 14
    return bytes([number << 3 | 2]) + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + body


def _varints(*values: int) -> bytes:
    out = bytearray()
    for value in values:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def vector_tile() -> bytes:
    """A tile (Mapbox vector tile 2.1) that is land all over."""
    side = 4096
    turns = [9, 0, 0, 26, 2 * side, 0, 0, 2 * side, 2 * side - 1, 0, 15]
    feature = bytes([3 << 3, 3]) + _field(4, _varints(*turns))
    layer = _field(1, b"earth") + _field(2, feature) + _varints(5 << 3, side) + _varints(15 << 3, 2)
    return _field(3, layer)


def picture_tile() -> bytes:
    done, png = cv2.imencode(".png", np.full((256, 256, 3), GREEN, np.uint8))
    assert done
    return bytes(png)


def archive(path: Path, tile: bytes, kind: TileType) -> Path:
    """An archive with the tiles about the city."""
    x = int((LONGITUDE + 180) / 360 * 2**ZOOM)
    y = int((1 - np.arcsinh(np.tan(np.radians(LATITUDE))) / np.pi) / 2 * 2**ZOOM)
    with path.open("wb") as file:
        writer = Writer(file)
        for number in sorted(zxy_to_tileid(ZOOM, x + dx, y + dy) for dx in range(-4, 5) for dy in range(-4, 5)):
            writer.write_tile(number, tile)
        bounds = {"min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 90_000_000, "max_lat_e7": 500_000_000}
        centre = {"center_zoom": ZOOM, "center_lon_e7": 40_000_000, "center_lat_e7": 450_000_000}
        writer.finalize({"tile_type": kind, "tile_compression": Compression.NONE, **bounds, **centre}, {})
    return path


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """Another machine that serves the files of a folder in pieces, to pages of any origin."""
    folder = tmp_path / "tiles"
    folder.mkdir()

    async def share(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "ETag, Content-Range"

    app = web.Application()
    app.router.add_static("/", folder)
    app.on_response_prepare.append(share)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/")).rstrip("/"), folder
    await server.close()


@pytest.fixture
async def city_on(tmp_path: Path, elsewhere: tuple[str, Path]) -> AsyncIterator[Any]:
    """`await city_on("name.pmtiles")`: a city whose map stands on that archive of the other machine."""
    made: list[City] = []

    async def start(name: str) -> City:
        tiles = MapConfig(tiles_url=f"{elsewhere[0]}/{name}", attribution="© the city")
        city = City(msgspec.structs.replace(configuration(tmp_path / "data"), map=tiles))
        made.append(city)
        await city.start()
        await city.add_sensors()
        return city

    yield start
    for city in made:
        await city.stop()


async def test_the_map_stands_on_an_archive_of_vector_tiles(
    elsewhere: tuple[str, Path], city_on: Any, open_page: OpenPage, pictures: Path
) -> None:
    archive(elsewhere[1] / "city.pmtiles", vector_tile(), TileType.MVT)
    city = await city_on("city.pmtiles")
    page: Any = await open_page(city.url)
    await page.wait_for_selector(".leaflet-tile-pane canvas", state="attached")
    await page.wait_for_function(f"() => ({DRAWN})(60000) > 0")
    assert await page.locator("path.grid").count() == 0
    await page.click("[data-tool=theme]")
    await page.wait_for_function(f"() => ({DRAWN})(60000) > 0")
    await page.wait_for_selector("text=© the city")
    await page.screenshot(path=pictures / "console-archive.png")


async def test_the_map_stands_on_an_archive_of_pictures(
    elsewhere: tuple[str, Path], city_on: Any, open_page: OpenPage
) -> None:
    archive(elsewhere[1] / "photo.pmtiles", picture_tile(), TileType.PNG)
    city = await city_on("photo.pmtiles")
    page: Any = await open_page(city.url)
    await page.wait_for_selector(".leaflet-tile-pane img.leaflet-tile-loaded", state="attached")
    await page.wait_for_function(
        "() => [...document.querySelectorAll('.leaflet-tile-pane img')].some((one) => one.naturalWidth === 256)"
    )


async def test_where_the_archive_is_away_the_grid_stands_in(city_on: Any, open_page: OpenPage) -> None:
    city = await city_on("none.pmtiles")
    page: Any = await open_page(city.url)
    await page.wait_for_selector("path.grid", state="attached")
    await page.wait_for_selector(".pin-sensor")
