"""Every page of the hub as a person opens it, and what a look at it finds wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SECTIONS: Final = ("handover", "calendar", "drill", "roster", "messages", "alerts", "quality", "requests")

HERE: Final = Path(__file__).parent
LOOK: Final = (HERE / "night_look.js").read_text(encoding="utf-8").partition("\n")[2]
"""What is wrong with the page as it stands: a list of sentences, empty where nothing is."""
BARE: Final = (HERE / "night_bare.js").read_text(encoding="utf-8").partition("\n")[2]
"""Numbers that stand alone, each with the head of its column or the words beside it, for a person to judge."""

Step = Callable[[Any, "Tour"], Awaitable[None]]


@dataclass(frozen=True)
class Tour:
    """What the stops need to know: the hub's address, and one incident of each kind that has a page of its own."""

    url: str
    dispatched: str
    waiting: str
    microphone: str
    camera: str


@dataclass(frozen=True)
class Stop:
    """One thing to look at: as whom, under which name, and how one gets there; `ready` says that it is drawn."""

    role: str
    name: str
    path: str
    ready: str
    step: Step | None = None


async def _history(page: Any, _: Tour) -> None:
    await page.click("#tab-history")
    await page.wait_for_selector("#body-history .row")


async def _sensors(page: Any, _: Tour) -> None:
    await page.click("#tab-sensors")
    await page.wait_for_selector("#body-sensors .row")


async def _help(page: Any, _: Tour) -> None:
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog[open]")


async def _reject(page: Any, _: Tour) -> None:
    await page.click("[data-action=reject]")
    await page.wait_for_selector(".ask")


async def _confirm(page: Any, _: Tour) -> None:
    await page.click("[data-action=confirm]")
    await page.wait_for_selector("[data-action=confirm-final]")


async def _below(page: Any, _: Tour) -> None:
    await page.evaluate("document.querySelector('.detail-body').scrollTop = 1e6")


async def _message(page: Any, _: Tour) -> None:
    await page.evaluate("document.querySelectorAll('.section details').forEach((one) => { one.open = true; })")


async def _microphone(page: Any, tour: Tour) -> None:
    await page.click(f"[data-sensor-row={tour.microphone}]")
    await page.wait_for_selector("[data-card=past] li, [data-card=past] p")


async def _camera(page: Any, tour: Tour) -> None:
    await page.click(f"[data-sensor-row={tour.camera}]")
    await page.wait_for_selector("[data-card=sketch]")


async def _label(page: Any, tour: Tour) -> None:
    await _microphone(page, tour)
    await page.click("[data-card=label] summary")
    await page.wait_for_selector("[data-card=label] .qr")


async def _scan(page: Any, _: Tour) -> None:
    await page.click("[data-action=scan]")
    await page.wait_for_selector("dialog.scan[open] [name=label]")


async def _add(page: Any, _: Tour) -> None:
    await page.click("[data-action=add]")
    await page.wait_for_selector("form.card")


STOPS: Final = (
    Stop("", "sign-in", "/", "[name=password]"),
    Stop("", "public", "/public", "#statistics table, #statistics dl"),
    Stop("", "register", "/register", "h1"),
    Stop("operator", "queue", "/", ".row"),
    Stop("operator", "history", "/", ".row", _history),
    Stop("operator", "sensors", "/", ".row", _sensors),
    Stop("operator", "help", "/", ".row", _help),
    Stop("operator", "incident", "/incidents/{dispatched}", ".detail-body .reasons"),
    Stop("operator", "incident-below", "/incidents/{dispatched}", ".detail-body .reasons", _below),
    Stop("operator", "waiting", "/incidents/{waiting}", "[data-action=reject]"),
    Stop("operator", "reject", "/incidents/{waiting}", "[data-action=reject]", _reject),
    Stop("operator", "confirm", "/incidents/{waiting}", "[data-action=confirm]", _confirm),
    *(Stop("supervisor", f"desk-{name}", f"/desk/{name}", ".section") for name in SECTIONS),
    Stop("supervisor", "desk-messages-open", "/desk/messages", ".section details", _message),
    Stop("administrator", "desk-people", "/desk/people", ".section"),
    Stop("auditor", "why", "/", "dialog[open]"),
    Stop("technician", "technician", "/technician", "[data-sensor-row]"),
    Stop("technician", "technician-microphone", "/technician", "[data-sensor-row]", _microphone),
    Stop("technician", "technician-camera", "/technician", "[data-sensor-row]", _camera),
    Stop("technician", "technician-label", "/technician", "[data-sensor-row]", _label),
    Stop("technician", "technician-scan", "/technician", "[data-sensor-row]", _scan),
    Stop("technician", "technician-add", "/technician", "[data-sensor-row]", _add),
)
"""The night in every page."""

EMPTY: Final = (
    Stop("", "empty-public", "/public", "#statistics"),
    Stop("", "empty-register", "/register", "h1"),
    Stop("operator", "empty-queue", "/", ".empty"),
    *(Stop("supervisor", f"empty-desk-{name}", f"/desk/{name}", ".section") for name in SECTIONS),
    Stop("technician", "empty-technician", "/technician", ".list-head"),
)
"""The same pages of a hub that has seen nothing yet."""

BROKEN: Final = (
    Stop("operator", "broken-queue", "/", "[data-view=failed], .lost, .notice"),
    Stop("supervisor", "broken-desk", "/desk/messages", "[role=alert]"),
    Stop("technician", "broken-technician", "/technician", "[role=alert], [data-view=failed], .list-head"),
    Stop("", "broken-public", "/public", "[role=alert]"),
)
"""The same pages where the hub answers no question."""
