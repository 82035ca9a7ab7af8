"""The console's pages and files, as a browser gets them from a real server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hub.console import assets
from hub.console.headers import page_headers, tile_origin
from hub.console.routes import APART, PAGES, add_routes

STATIC = assets.STATIC


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    app = web.Application()
    add_routes(app)
    return await aiohttp_client(app)


def policy(headers: Any) -> dict[str, str]:
    directives = (directive.partition(" ") for directive in headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in directives}


@pytest.mark.parametrize("path", [path.replace("{id}", "abc").replace("{section}", "drill") for path in PAGES])
async def test_a_page_may_load_only_from_the_hub_and_be_framed_by_nobody(client: Any, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "microphone=()" in answer.headers["Permissions-Policy"]
    rules = policy(answer.headers)
    assert rules["default-src"] == "'self'"
    assert rules["img-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [path.replace("{id}", "abc").replace("{section}", "drill") for path in PAGES])
async def test_every_file_that_a_page_names_is_there_and_kept_for_good(client: Any, path: str) -> None:
    text = await (await client.get(path)).text()
    assert "{{" not in text
    named = [name for name in re.findall(r'(?:src|href)="(/[^"]+)"', text) if name != "/register"]
    assert any(name.endswith(".js") for name in named)
    for name in named:
        answer = await client.get(name)
        assert answer.status == 200, name
        kept = "no-cache" if name.strip("/") in APART else "immutable"
        assert kept in answer.headers["Cache-Control"]


async def test_what_is_kept_on_a_phone_is_all_there(client: Any) -> None:
    worker = await (await client.get("/technician-sw.js")).text()
    assert "{{" not in worker
    kept = json.loads(worker.split("const FILES = ")[1].split(";\n")[0])
    assert any(name.endswith("/js/technician.js") for name in kept)
    assert any(name.endswith("/words/fr.json") for name in kept)
    manifest = json.loads(await (await client.get("/technician.webmanifest")).text())
    for name in [*kept, *(icon["src"] for icon in manifest["icons"])]:
        assert (await client.get(name)).status == 200, name
    assert manifest["start_url"].startswith(manifest["scope"])


async def test_a_page_has_no_script_nor_style_of_its_own(client: Any) -> None:
    for path in STATIC.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), path.name


async def test_what_the_browser_has_is_not_sent_again(client: Any) -> None:
    first = await client.get("/")
    again = await client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert await again.read() == b""
    assert "Content-Security-Policy" in again.headers


async def test_a_file_of_an_older_version_is_never_kept(client: Any) -> None:
    answer = await client.get("/assets/0123456789abcdef/js/app.js")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["../routes.py", "%2e%2e/routes.py", "js/none.js", "vendor/leaflet/LICENSE"])
async def test_nothing_else_can_be_read(client: Any, path: str) -> None:
    answer = await client.get(f"/assets/0123456789abcdef/{path}")
    assert answer.status == 404


async def test_what_is_worth_it_travels_compressed(client: Any) -> None:
    name = "/assets/x/vendor/leaflet/leaflet.js"
    packed = await client.get(name, headers={"Accept-Encoding": "gzip"})
    plain = await client.get(name, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert await packed.read() == await plain.read() == (STATIC / "vendor/leaflet/leaflet.js").read_bytes()


def test_the_digest_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="{{assets}}/a.js"></script>')
    (tmp_path / "a.js").write_text("1;")
    first = assets.load(tmp_path)
    assert assets.load(tmp_path).digest == first.digest
    assert f"/assets/{first.digest}/a.js".encode() in first.files["index.html"].body
    (tmp_path / "a.js").write_text("2;")
    assert assets.load(tmp_path).digest != first.digest


def test_a_configured_tile_server_widens_the_images_and_nothing_else() -> None:
    bare, tiled = page_headers(None), page_headers("https://{s}.tiles.example/{z}/{x}/{y}.png")
    assert policy(tiled)["img-src"] == "'self' data: https://*.tiles.example"
    assert {**policy(tiled), "img-src": ""} == {**policy(bare), "img-src": ""}
    assert page_headers("/tiles/{z}/{x}/{y}.png")["Content-Security-Policy"] == bare["Content-Security-Policy"]


def test_an_archive_of_tiles_may_be_asked_for_pieces_and_nothing_else_may() -> None:
    bare, cut = policy(page_headers(None)), policy(page_headers("https://tiles.example/city.pmtiles"))
    assert cut["connect-src"] == "'self' https://tiles.example"
    assert cut["img-src"] == "'self' data: blob:"
    assert {**cut, "img-src": "", "connect-src": ""} == {**bare, "img-src": "", "connect-src": ""}
    assert "connect-src" not in policy(page_headers("/city.pmtiles"))


@pytest.mark.parametrize("address", ["ftp://a/b", "https://", "https://a;script-src *", "https://u@a/", "tiles"])
def test_an_address_that_is_no_tile_server_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address of map tiles"):
        tile_origin(address)


def test_both_languages_say_everything_and_name_the_same_values() -> None:
    french, english = (json.loads((STATIC / f"words/{name}.json").read_text(encoding="utf-8")) for name in ("fr", "en"))
    assert french.keys() == english.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"\{(\w+)\}", sentence)) == set(re.findall(r"\{(\w+)\}", french[key])), key
        assert french[key].strip(), key


def test_every_sentence_that_the_modules_ask_for_exists() -> None:
    english = json.loads((STATIC / "words/en.json").read_text(encoding="utf-8"))
    for path in sorted((STATIC / "js").glob("*.js")):
        for key in re.findall(r'\bt\("([a-z0-9_.]+)"', path.read_text(encoding="utf-8")):
            assert key in english or f"{key}.one" in english, f"{path.name} asks for {key}"


async def test_only_the_technician_s_page_may_ask_for_the_phone_s_camera_and_none_for_a_microphone(client: Any) -> None:
    for path in PAGES:
        answer = await client.get(path.replace("{id}", "abc").replace("{section}", "drill"))
        allowed = answer.headers["Permissions-Policy"]
        assert ("camera=(self)" in allowed) == (path == "/technician")
        assert "microphone=()" in allowed
        assert "display-capture=()" in allowed
