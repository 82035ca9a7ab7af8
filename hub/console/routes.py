"""The routes of the console: its pages, and the files that they name by digest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from hub.console import assets
from hub.console.headers import ALWAYS, page_headers

ASSETS: Final = web.AppKey("console_assets", assets.Assets)

PAGES: Final = {
    "/": "index.html",
    "/incidents/{id}": "index.html",
    "/technician": "technician.html",
    "/public": "public.html",
    "/desk": "desk.html",
    "/desk/{section}": "desk.html",
}
"""Each page by its path. `/incidents/ID` is the address that other systems link to; the page itself reads the id."""

APART: Final = ("technician.webmanifest", "technician-sw.js")
"""Files that stand at the top, not under a digest: a browser asks for a new version of them by their own name."""

READS_LABELS: Final = frozenset({"technician.html"})
"""Pages that may ask for the phone's camera: it reads the code on a box, in the page, and nothing of it is kept."""

A_YEAR_S: Final = 31_536_000


def add_routes(app: web.Application, *, tiles_url: str | None = None) -> None:
    """Serve the console on `app`. `tiles_url` is the configured address of map tiles; without one no tile is loaded.

    Raises ValueError where `tiles_url` is no usable address.
    """
    headers = {name: page_headers(tiles_url, reads_labels=name in READS_LABELS) for name in (*PAGES.values(), *APART)}

    async def read_assets(app: web.Application) -> None:
        app[ASSETS] = await asyncio.to_thread(assets.load)

    def page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request) -> web.StreamResponse:
            return answer(request, request.app[ASSETS].files[name], {**headers[name], "Cache-Control": "no-cache"})

        return show

    app.on_startup.append(read_assets)
    for path, name in (*PAGES.items(), *((f"/{name}", name) for name in APART)):
        app.router.add_get(path, page(name))
    app.router.add_get("/assets/{digest}/{path:.+}", asset)


async def asset(request: web.Request) -> web.StreamResponse:
    """One file; kept for a year under the present digest, and never under another (a page of an older version)."""
    found = request.app[ASSETS].files.get(request.match_info["path"])
    if found is None:
        raise web.HTTPNotFound(text="The console has no such file.")
    current = request.match_info["digest"] == request.app[ASSETS].digest
    caching = f"public, max-age={A_YEAR_S}, immutable" if current else "no-cache"
    return answer(request, found, {**ALWAYS, "Cache-Control": caching})


def answer(request: web.Request, found: assets.Asset, headers: dict[str, str]) -> web.StreamResponse:
    """The answer with `found`: 304 where the browser has it, gzip where the browser takes it."""
    headers = {**headers, "ETag": found.etag, "Vary": "Accept-Encoding"}
    if found.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = found.content_type
    if found.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=found.gzipped, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=found.body, headers=headers)
