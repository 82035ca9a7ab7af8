"""A night of simulation viewed in every page.

It looks for what overflows, what is said without sense, what axe-core finds, and how soon a page is of use.

    python tests/checks/night.py                         every page, three widths, both lights, both languages
    python tests/checks/night.py --short                 a short night and fewer looks: the test
    python tests/checks/night.py --only incident queue   the pages so named

Ends with 1 where a look finds something wrong. Pictures lie in artifacts/night (or `--out`); where `influxd` is
installed, the hub writes the night to it, and every query of every dashboard is asked there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.resources
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from night_city import PASSWORD, PEOPLE, Night, configuration, fill
from night_hub import dispatched, panels, papers, receivers, stay_well, tour_of, version_two, written
from night_pages import BROKEN, EMPTY, STOPS, Tour
from night_tour import Looks, View, look, sign_in
from playwright.async_api import async_playwright

from hub.access.guard import now_us
from hub.app import serving
from hub.config import Http, HubConfig, SiteConfig
from hub.keys import ACCOUNTS, STORE
from hub.tasks import running
from tests.dashboards.influxd import Influx

ROOT: Final = Path(__file__).resolve().parents[2]
CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
SHORT: Final[list[View]] = [(1280, "dark", "fr"), (390, "light", "en")]
LONG: Final[list[View]] = list(itertools.product((1920, 1280, 390), ("dark", "light"), ("fr", "en")))
DAY_US: Final = 86_400_000_000


def say(text: str) -> None:
    """To whoever runs this."""
    print(text, flush=True)  # noqa: T201


async def main(options: argparse.Namespace, folder: Path) -> int:
    """Simulate, look, report; the exit status."""
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
    looks = Looks(options.out, axe.read_text(encoding="utf-8"))
    only = frozenset(options.only)
    views = [(int(width), light, said) for width, light, said in (one.split("-") for one in options.view)]
    views = views or (SHORT if options.short else LONG)
    night = Night(now_us(), 2.0 if options.short else 9.0, options.seed)
    async with contextlib.AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receivers())
        influx, address = None, ""
        if program := shutil.which("influxd"):
            (folder / "influx").mkdir()
            influx = Influx(program, folder / "influx")
            stack.callback(influx.stop)
            influx.query('CREATE DATABASE "tocsin"', method="POST")
            address = await stack.enter_async_context(version_two(influx))
        config = configuration(folder / "night", receiver, address)
        begun = time.monotonic()
        await fill(config, night)
        took = time.monotonic() - begun
        incidents, messages = len(night.incidents), night.messages
        say(f"night: {incidents} incidents and {messages} messages, simulated and stored in {took:.0f} s")
        app, port = await stack.enter_async_context(serving(config))
        url = f"http://127.0.0.1:{port}"
        await stack.enter_async_context(running("sensors", stay_well(app, night)))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.push_async_callback(browser.close)
        writer = await browser.new_context()
        await sign_in(writer, url, "supervisor")
        await papers(writer, url, night)
        await dispatched(app)
        tour = await tour_of(app, url, night)
        if influx is not None:
            looks.faults += await dashboards_of(app, influx, tour, night)
        await look(browser, tour, STOPS, looks, views, only)
        await look(browser, tour, BROKEN, looks, views[-1:], only, broken=True)
        await empty(folder / "empty", browser, looks, [*views[:1], *views[-1:]], only)
    report(looks)
    return 1 if looks.faults else 0


async def dashboards_of(app: Any, influx: Influx, tour: Tour, night: Night) -> list[str]:
    """What the dashboards' queries lack on the night that the hub itself has written."""
    await written(app)
    (incident,) = [one for one in await app[STORE].several([one.id for one in night.incidents])
                   if str(one.incident.id) == tour.dispatched]  # fmt: skip
    since_us, until_us = night.start_us - 3 * DAY_US, now_us() + DAY_US
    asked, faults = await asyncio.to_thread(panels, influx, incident, since_us, until_us)
    say(f"dashboards: {asked} queries asked of a real InfluxDB, {len(faults)} without an answer")
    return faults


async def empty(data: Path, browser: Any, looks: Looks, views: Sequence[View], only: frozenset[str]) -> None:
    """The same pages of a hub on its first day."""
    config = HubConfig(data_dir=data, http=Http(port=0), site=SiteConfig("Saint-Étienne", 45.4335, 4.3795))
    async with serving(config) as (app, port):
        for name, role in PEOPLE.items():
            await app[ACCOUNTS].create(name, role, PASSWORD, now_us())
        await look(browser, Tour(f"http://127.0.0.1:{port}", "", "", "", ""), EMPTY, looks, views, only)


def report(looks: Looks) -> None:
    """Print what was found, and keep the figures beside the pictures."""
    for fault in looks.faults:
        say(f"  {fault}")
    (looks.out / "bare-numbers.txt").write_text("\n".join(sorted(looks.bare)), encoding="utf-8")
    told = {
        name: {"looks": len(times), "median_ms": round(median(times)), "worst_ms": round(max(times))}
        for name, times in sorted(looks.useful.items())
    }
    (looks.out / "useful.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    for name, one in told.items():
        say(f"useful, {name}: median {one['median_ms']} ms, worst {one['worst_ms']} ms of {one['looks']}")
    say(f"{looks.count} looks, faults: {len(looks.faults)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two hours, two views")
    parser.add_argument("--only", nargs="*", default=[], help="names of pages")
    parser.add_argument("--view", nargs="*", default=[], help="such as 390-dark-fr")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "artifacts" / "night")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        sys.exit(asyncio.run(main(chosen, Path(made))))
