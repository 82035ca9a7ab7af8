"""The desk beside the map: each paper is written, read by the next person, and taken back; and incidents by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.config import VideoConfig
from hub.keys import CONFIG, STORE

pytestmark = pytest.mark.e2e

SECTIONS = ("handover", "calendar", "drill", "roster", "messages", "alerts", "quality", "requests")


async def at_section(page: Any, city: Any, name: str) -> None:
    await page.goto(f"{city.url}/desk/{name}")
    await page.wait_for_selector(".section")


@pytest.mark.parametrize(("width", "scheme"), [(1920, "dark"), (1280, "light"), (390, "light")])
async def test_every_section_is_for_everyone_and_fits(
    city: Any, open_page: Any, axe: Any, pictures: Any, width: int, scheme: str
) -> None:
    page = await open_page(f"{city.url}/desk", width, 844 if width == 390 else 900, color_scheme=scheme)
    for name in SECTIONS:
        await at_section(page, city, name)
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        await page.screenshot(path=pictures / f"desk-{name}-{width}.png")


async def test_a_note_waits_for_the_next_shift(city: Any, open_page: Any) -> None:
    page = await open_page(f"{city.url}/desk/handover")
    await page.wait_for_selector("text=No note has been left.")
    await page.fill("textarea", "Mic 4 hums; the technician knows.")
    await page.click("text=Leave the note")
    await page.wait_for_selector(".note.is-waiting:has-text('Mic 4 hums')")
    assert await page.input_value("textarea") == ""


async def test_a_known_source_is_declared_on_the_map_and_ended_with_a_reason(city: Any, open_page: Any) -> None:
    page = await open_page(f"{city.url}/desk/calendar")
    await page.wait_for_selector(".mini-map .sensor-dot >> nth=14", state="attached")
    await page.select_option("[name=kind]", "works")
    await page.fill("[name=name]", "Rue Gambetta")
    await page.click("text=Declare it")
    await page.wait_for_selector(".says-bad:has-text('Click the map first')")
    await page.click(".mini-map", position={"x": 200, "y": 150})
    await page.wait_for_selector(".mini-map path.place", state="attached")
    await page.click("text=Declare it")
    await page.wait_for_selector(".declaration.is-now:has-text('Rue Gambetta')")
    await page.click("[data-action=end]")
    await page.fill(".reason-form input", "finished early")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".declaration.is-ended:has-text('finished early')")


async def test_a_drill_is_seen_on_every_page_until_it_ends(city: Any, open_page: Any, axe: Any, pictures: Any) -> None:
    page = await open_page(f"{city.url}/desk/drill")
    await page.fill("[name=purpose]", "first drill of the night shift")
    await page.click("text=Begin the drill")
    await page.wait_for_selector(".drill-band:has-text('first drill of the night shift')")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "desk-drill-runs.png")
    await city.incident(exercise=False)
    await page.goto(city.url)
    await page.wait_for_selector(".app.is-drill")
    await page.wait_for_selector(".row .real")
    await page.screenshot(path=pictures / "console-drill.png")
    assert await axe(page) == []
    other = await open_page(f"{city.url}/desk/drill")
    await other.click("[data-action=end-drill]")
    await page.wait_for_selector(".drill-band", state="hidden")


async def test_an_incident_is_reported_by_pointing_at_the_map_and_calls_nobody(
    city: Any, open_page: Any, axe: Any, pictures: Any
) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector(".pin-sensor")
    await page.click("[data-action=report]")
    await page.wait_for_selector(".hint")
    await page.click(".map", position={"x": 300, "y": 700})
    await page.wait_for_selector("dialog[open] [name=event]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "console-report.png")
    await page.select_option("[name=event]", "fire")
    await page.fill("[name=reason]", "call 17, two callers")
    await page.click("[data-action=report-send]")
    await page.wait_for_selector(".detail:has-text('call 17, two callers')")
    (stored,) = await city.app[STORE].incidents()
    assert (stored.state, stored.incident.event, stored.deliveries) == ("open", "fire", ())
    await page.keyboard.press("n")
    await page.wait_for_selector(".hint")
    await page.keyboard.press("Escape")
    await page.wait_for_selector(".hint", state="hidden")


async def test_cameras_that_look_at_a_place_are_links_into_the_city_s_own_video_system(
    city: Any, open_page: Any
) -> None:
    video = VideoConfig("https://video.example/live?camera={camera}&at={time}", {"cam-02": "Place Jean Jaurès"})
    await city.stop()
    city.config = msgspec.structs.replace(city.config, video=video)
    await city.start()
    assert city.app[CONFIG].video == video
    shot = await city.incident(east=110.0, north=-100.0)
    page = await open_page(f"{city.url}/incidents/{shot.id}")
    await page.wait_for_selector("[data-key=video-cam-02]")
    link = page.locator("[data-key=video-cam-02]")
    assert (await link.get_attribute("href")).startswith(
        "https://video.example/live?camera=Place%20Jean%20Jaur%C3%A8s&at=20"
    )
    assert await link.get_attribute("rel") == "noopener noreferrer"
