"""The walk through the pages: a session for each role and view, a picture and a judgement at every stop."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from night_city import PASSWORD, PEOPLE
from night_pages import BARE, LOOK, Stop, Tour
from playwright.async_api import Error

HEIGHTS: Final = {1920: 1080, 1280: 800, 390: 844}
PATIENCE_MS: Final = 60_000
REST_MS: Final = 150
TALLEST: Final = 8_000
LOCALES: Final = {"fr": "fr-FR", "en": "en-GB"}
HIDDEN: Final = """() => [document.documentElement, ...document.querySelectorAll('main, .detail-body')]
  .map((one) => one.scrollHeight - one.clientHeight).reduce((a, b) => Math.max(a, b), 0)"""
"""Pixels of the page that one scrolls to."""
USEFUL: Final = """() => Math.max(performance.now(),
  performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)"""
"""Milliseconds since the address was entered; asked once what the page is for stands on it."""

BARRIERS: Final = (Path(__file__).parent / "night_axe.js").read_text(encoding="utf-8").partition("\n")[2]
"""What axe-core finds against WCAG 2.2 AA."""

View = tuple[int, str, str]
"""Width in pixels, dark or light, language."""


class Looks:
    """What was looked at, what was found, and how soon each page was of use (milliseconds)."""

    def __init__(self, out: Path, axe: str) -> None:
        """`axe` is the source of axe-core."""
        self.out, self.axe = out, axe
        self.faults: list[str] = []
        self.bare: set[str] = set()
        self.useful: dict[str, list[float]] = {}
        self.count = 0

    async def take(self, page: Any, stop: Stop, view: str) -> None:
        """Judgement and pictures of one page that is drawn: as it opens, and the whole where one has to scroll."""
        self.count += 1
        self.faults += [f"{stop.name} {view}: {fault}" for fault in await page.evaluate(LOOK)]
        self.bare |= {f"{stop.name}: {one}" for one in await page.evaluate(BARE)}
        await page.evaluate(self.axe)
        self.faults += [f"{stop.name} {view}: {one}" for one in await page.evaluate(BARRIERS)]
        await page.screenshot(path=self.out / f"{stop.name}-{view}.png")
        if more := await page.evaluate(HIDDEN):
            size = page.viewport_size
            await page.set_viewport_size({**size, "height": min(size["height"] + more, TALLEST)})
            await page.screenshot(path=self.out / f"{stop.name}-{view}-whole.png")
            await page.set_viewport_size(size)


async def sign_in(context: Any, url: str, role: str) -> None:
    """Give the browser the session of the person who has that role."""
    name = next(name for name, its in PEOPLE.items() if its == role)
    body, headers = {"name": name, "password": PASSWORD}, {"X-Tocsin": "1"}
    answer = await context.request.post(f"{url}/api/v1/session", data=body, headers=headers)
    if not answer.ok:
        raise SystemExit(f"{name} can't sign in: {answer.status} {await answer.text()}")


async def _visit(page: Any, stop: Stop, tour: Tour, looks: Looks, view: str) -> None:
    try:
        await page.goto(tour.url + stop.path.format(dispatched=tour.dispatched, waiting=tour.waiting))
        await page.wait_for_selector(stop.ready)
        useful = await page.evaluate(USEFUL)
        looks.useful.setdefault(stop.path.split("/")[1] or "console", []).append(useful)
        if stop.step:
            await stop.step(page, tour)
        await page.wait_for_timeout(REST_MS)  # what slides or fades has come to rest
        await looks.take(page, stop, view)
    except Error as error:  # one page that fails must not hide the others
        looks.faults.append(f"{stop.name} {view}: {str(error).splitlines()[0]}")


async def _silence(page: Any) -> None:
    """The hub answers nothing any more, but that it is there."""

    async def answer(route: Any) -> None:
        await (route.continue_() if "/status" in route.request.url else route.abort())

    await page.route("**/api/v1/**", answer)
    await page.route("**/public/*.json*", lambda route: route.abort())


async def look(
    browser: Any,
    tour: Tour,
    stops: Sequence[Stop],
    looks: Looks,
    views: Sequence[View],
    only: frozenset[str] = frozenset(),
    *,
    broken: bool = False,
) -> None:
    """Every stop (or those named) in every view; `broken` with a hub that does not answer."""
    for (width, scheme, language), (role, group) in itertools.product(
        views, [(role, list(group)) for role, group in itertools.groupby(stops, key=lambda stop: stop.role)]
    ):
        wanted = [stop for stop in group if not only or stop.name in only]
        if not wanted:
            continue
        context = await browser.new_context(
            viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=scheme, locale=LOCALES[language],
            timezone_id="Europe/Paris", reduced_motion="reduce", has_touch=width == 390, service_workers="block",
        )  # fmt: skip
        if role:
            await sign_in(context, tour.url, role)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: looks.faults.append(f"a script failed: {error}"))
        if broken:
            await _silence(page)
        for stop in wanted:
            await _visit(page, stop, tour, looks, f"{width}-{scheme}-{language}")
        await context.close()
