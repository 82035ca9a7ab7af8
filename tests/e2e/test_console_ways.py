"""Each person's way, from signing in to being done, with what the screen looked like on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SECRET = "a-long-enough-secret"


async def sign_in(page: Any, name: str) -> None:
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", SECRET)
    await page.keyboard.press("Enter")


@pytest.mark.parametrize(("width", "height", "scheme"), [(1920, 1080, "dark"), (390, 844, "light")])
async def test_the_operator_s_way(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any, width: int, height: int, scheme: str
) -> None:
    await closed_city.add_sensors()
    await closed_city.account("Noa Petit", "operator", SECRET)
    shot = await closed_city.incident()
    page = await open_page(closed_city.url, width, height, color_scheme=scheme, reduced_motion="reduce")
    await page.wait_for_selector("[name=name]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / f"way-operator-1-sign-in-{width}.png")
    await sign_in(page, "Noa Petit")
    await page.click(f".row[data-incident='{shot.id}']")
    await page.click("[data-action=acknowledge]")
    await page.wait_for_selector(".badge.is-acknowledged")
    await page.screenshot(path=pictures / f"way-operator-2-looks-{width}.png")
    await page.click("[data-action=confirm]")
    await page.wait_for_selector("[data-action=confirm-final]")
    await page.screenshot(path=pictures / f"way-operator-3-asks-once-more-{width}.png")
    await page.click("[data-action=confirm-final]")
    await page.wait_for_selector(".badge.is-confirmed")
    await page.click(".ways a[href='/desk']")
    await page.fill("textarea", "One exercise confirmed at the square.")
    await page.click("text=Leave the note")
    await page.wait_for_selector(".note")
    await page.screenshot(path=pictures / f"way-operator-4-hands-over-{width}.png")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert [action for action, _ in await closed_city.reasons(shot)] == ["acknowledge", "confirm"]


async def test_the_supervisor_s_way(closed_city: Any, open_page: Any, axe: Any, pictures: Any) -> None:
    await closed_city.add_sensors()
    await closed_city.account("Lou Martin", "supervisor", SECRET)
    page = await open_page(f"{closed_city.url}/desk/roster", 1280, 800)
    await sign_in(page, "Lou Martin")
    await page.wait_for_selector("text=Nobody is on duty")
    await page.fill("[name=start] >> nth=0", "00:00")
    await page.fill("[name=end] >> nth=0", "00:00")
    for number in (5, 6):
        await page.locator("[name=weekday]").nth(number).check()
    await page.click("form:has([name=since]) button[type=submit]")
    await page.wait_for_selector(".on-duty:not(.is-nobody):has-text('Lou Martin')")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "way-supervisor-roster.png")
    await page.click("a[href='/desk/alerts']")
    await page.select_option("[name=name]", "clamor")
    await page.fill("[name=reason]", "the fair is in town")
    await page.click("text=Stop it")
    await page.wait_for_selector("[data-action=resume]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "way-supervisor-alerts.png")
    await page.click("[data-action=resume]")
    await page.fill(".reason-form input", "the fair is over")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Nothing is stopped.")


async def test_the_auditor_s_way(closed_city: Any, open_page: Any, axe: Any, pictures: Any) -> None:
    await closed_city.add_sensors()
    await closed_city.account("Ada Blanc", "auditor", SECRET)
    shot = await closed_city.incident()
    page = await open_page(f"{closed_city.url}/incidents/{shot.id}", 1280, 800)
    await sign_in(page, "Ada Blanc")
    await page.wait_for_selector("dialog[open] [value=audit]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "way-auditor-1-why.png")
    await page.check("[value=audit]")
    await page.click("[data-action=why]")
    await page.wait_for_selector(".detail h2:has-text('Gunshot')")
    assert await page.locator("[data-action=confirm]").count() == 0
    assert await page.locator("[data-action=report]").count() == 0
    await page.screenshot(path=pictures / "way-auditor-2-reads.png")
    await page.click(".ways a[href='/desk']")
    await page.wait_for_selector(".section")
    sections = await page.locator(".sections a").all_inner_texts()
    assert "Requests" in sections
    assert "Handover" not in sections
    await page.click("a[href='/desk/quality']")
    await page.wait_for_selector("text=Nothing was dispatched")
    await page.screenshot(path=pictures / "way-auditor-3-quality.png")


async def test_the_administrator_s_way(closed_city: Any, open_page: Any, axe: Any, pictures: Any) -> None:
    await closed_city.account("Root Admin", "administrator", SECRET)
    page = await open_page(f"{closed_city.url}/desk/people", 1280, 800, color_scheme="light")
    await sign_in(page, "Root Admin")
    await page.wait_for_selector("td:has-text('Root Admin')")
    await page.fill("[name=name]", "Noa Petit")
    await page.fill("[name=password]", SECRET)
    await page.click("form button[type=submit]")
    await page.wait_for_selector("td:has-text('Noa Petit')")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "way-administrator-accounts.png")
    await page.click("[data-action=close]")
    await page.wait_for_selector("tr:has-text('Noa Petit') [data-action=close]", state="detached")


async def test_what_everybody_sees_is_linked_and_fits_and_is_for_everyone(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any
) -> None:
    for width, scheme, locale in ((390, "light", "fr-FR"), (1280, "dark", "en-GB")):
        page = await open_page(f"{closed_city.url}/public", width, 844, color_scheme=scheme, locale=locale)
        await page.wait_for_selector("#statistics")
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        await page.screenshot(path=pictures / f"public-{width}.png", full_page=True)
    await page.click("nav a[href^='/register']")
    await page.wait_for_url("**/register**")


async def test_the_page_is_useful_soon(city: Any, open_page: Any, pictures: Any) -> None:
    """First paint and the first row of the queue are measured and kept; a bound of seconds only finds what hangs."""
    await city.incident()
    page = await open_page("about:blank")
    measured: dict[str, float] = {}
    for name in ("cold", "warm"):
        await page.goto(city.url)
        await page.wait_for_selector(".row")
        row_ms = await page.evaluate("performance.now()")
        paint_ms = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        measured |= {f"{name}_first_paint_ms": round(paint_ms, 1), f"{name}_first_row_ms": round(row_ms, 1)}
    (pictures / "first-paint.json").write_text(json.dumps(measured))
    print(measured)  # noqa: T201
    assert 0 < measured["warm_first_row_ms"] < 60_000
