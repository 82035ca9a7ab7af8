"""What the stream changes waits for the hand: no press is swallowed and no typed word is lost."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.e2e


async def press(page: Any, selector: str) -> None:
    """Put the mouse on it and hold the button down."""
    await page.wait_for_selector(selector)
    box = await page.locator(selector).first.bounding_box()
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()


async def revise(city: Any, page: Any, **changes: Any) -> None:
    """A revision of what is on show arrives, and another incident; both have been taken by the page."""
    await city.incident(revision=2, **changes)
    await city.incident("other", east=-150.0, age_s=10.0)
    await page.wait_for_selector("#tab-queue .count:text-is('2')")


async def opened(city: Any, open_page: Any, **settings: Any) -> tuple[Any, Any]:
    """A page that looks at one incident and is live."""
    shot = await city.incident()
    page = await open_page(f"{city.url}/incidents/{shot.id}", **settings)
    await page.wait_for_selector("[data-action=reject]")
    await page.wait_for_selector(".dot-live")
    return page, shot


@pytest.mark.parametrize(
    ("button", "after"),
    [
        ("[data-action=acknowledge]", ".badge.is-acknowledged"),
        ("[data-action=reject]", "[data-reason=firework]"),
        (".detail-close", ".detail[hidden]"),
        (".figures .link", "#tab-sensors[aria-selected=true]"),
        ("#tab-history", "#tab-history[aria-selected=true]"),
    ],
)
async def test_a_revision_between_press_and_release_swallows_no_click(
    city: Any, open_page: Any, button: str, after: str
) -> None:
    page, _ = await opened(city, open_page)
    await page.locator(button).first.scroll_into_view_if_needed()
    await press(page, button)
    await revise(city, page)
    await page.mouse.up()
    await page.wait_for_selector(after, state="attached")


async def test_a_row_that_is_pressed_is_the_row_that_opens(city: Any, open_page: Any) -> None:
    shot = await city.incident(age_s=5.0)
    page = await open_page(city.url)
    await page.wait_for_selector(".dot-live")
    await press(page, f".row[data-incident='{shot.id}']")
    await revise(city, page, age_s=5.0, probability=0.4)
    await page.mouse.up()
    await page.wait_for_url(f"**/incidents/{shot.id}")
    await page.wait_for_selector(".facts:has-text('40\N{NO-BREAK SPACE}%')")


async def test_a_pin_on_the_map_that_is_pressed_opens(city: Any, open_page: Any) -> None:
    shot = await city.incident()
    page = await open_page(city.url)
    await page.wait_for_selector(".dot-live")
    await press(page, f".pin-incident[data-incident='{shot.id}']")
    await revise(city, page)
    await page.mouse.up()
    await page.wait_for_url(f"**/incidents/{shot.id}")


async def test_a_reason_that_is_being_typed_survives_a_revision_and_is_sent_only_once_more_asked(
    city: Any, open_page: Any
) -> None:
    page, shot = await opened(city, open_page)
    await page.click("[data-action=reject]")
    await page.fill("input[name=reason]", "a skip was em")
    await revise(city, page, east=-120.0, probability=0.4)
    await page.wait_for_selector(".says-warn:has-text('The incident changed')")
    await page.type("input[name=reason]", "ptied")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".says-warn:has-text('The incident changed')")
    assert await page.input_value("input[name=reason]") == "a skip was emptied"
    assert await city.state(shot) == "open"
    await page.wait_for_selector("[data-reason=firework]")
    await page.focus("input[name=reason]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".badge.is-rejected")
    assert await city.reasons(shot) == [("reject", "a skip was emptied")]


async def test_the_way_back_on_the_technician_s_page_is_never_swallowed(city: Any, open_page: Any) -> None:
    page = await open_page(f"{city.url}/technician", 390, 844)
    await page.click("[data-sensor-row=mic-01]")
    await page.wait_for_selector(".check")
    await page.evaluate("document.querySelector('.box-head button').dataset.first = 'yes'")
    await press(page, ".box-head button")
    await city.heard("mic-02", 70_000)
    # The header's age line and the list behind are drawn by the same stream: once the state knows, the page was told.
    module = await page.evaluate(
        "document.querySelector('script[type=module]').src.replace('technician.js', 'state.js')"
    )
    asked = "module => import(module).then(({ state }) => state.sensors.get('mic-02').clock_sigma_us)"
    while await page.evaluate(asked, module) != 70_000:
        await page.wait_for_timeout(100)
    assert await page.locator(".box-head button[data-first]").count() == 1
    await page.mouse.up()
    await page.wait_for_selector(".list-head")
