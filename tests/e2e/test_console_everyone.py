"""The console for everyone: French and English, dark and light, by ear and by keyboard, and when there is very much."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

MOST_ROWS_IN_PAGE = 60
"""A list of any length holds about a screen of rows."""


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1920, 390])
async def test_axe_finds_nothing(city: Any, open_page: Any, axe: Any, pictures: Any, scheme: str, width: int) -> None:
    shot = await city.incident()
    await city.incident("old", east=-150.0, age_s=900.0)
    height = 1080 if width == 1920 else 844
    page = await open_page(city.url, width, height, color_scheme=scheme, reduced_motion="reduce")
    await page.wait_for_selector(".row >> nth=1")
    assert await axe(page) == []
    for tab in ("history", "sensors"):
        await page.click(f"#tab-{tab}")
        await page.wait_for_selector(f"#body-{tab} .row")
        assert await axe(page) == []
        await page.screenshot(path=pictures / f"console-{tab}-{width}-{scheme}.png")
    await page.goto(f"{city.url}/incidents/{shot.id}")
    await page.wait_for_selector("[data-action=reject]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / f"console-{width}-{scheme}.png")
    await page.click("[data-action=reject]")
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog[open]")
    assert await axe(page) == []


async def test_the_sign_in_page_is_for_everyone_too(closed_city: Any, open_page: Any, axe: Any, pictures: Any) -> None:
    page = await open_page(closed_city.url, 390, 844)
    await page.wait_for_selector("[name=code]")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "console-first-start.png")


async def test_it_speaks_french_to_a_french_browser_and_remembers_another_choice(
    city: Any, open_page: Any, pictures: Any
) -> None:
    shot = await city.incident()
    page = await open_page(f"{city.url}/incidents/{shot.id}", 1280, 800, locale="fr-FR", color_scheme="light")
    await page.wait_for_selector(".reason")
    assert await page.get_attribute("html", "lang") == "fr"
    text = (await page.inner_text("body")).replace("\N{NO-BREAK SPACE}", " ")
    for said in ("Coup de feu", "probable, 87 %", "6 des 7 capteurs à portée", "Exercice", "Rejeter"):
        assert said in text
    await page.screenshot(path=pictures / "console-1280-fr.png")
    await page.select_option(".language", "en")
    await page.wait_for_selector("h2:has-text('Gunshot')")
    assert "6 of 7 sensors in range" in await page.inner_text(".reasons")
    await page.reload()
    await page.wait_for_selector("h2:has-text('Gunshot')")
    assert await page.get_attribute("html", "lang") == "en"


async def test_history_is_filtered_by_state_and_says_when_nothing_matches(city: Any, open_page: Any) -> None:
    await city.incident("one")
    await city.incident("two", east=-150.0, age_s=60.0)
    page = await open_page(city.url)
    await page.click("#tab-history")
    await page.wait_for_selector("#body-history .row >> nth=1")
    assert "2 incidents" in await page.inner_text("#body-history .empty")
    await page.select_option("select[name=state]", "rejected")
    await page.wait_for_selector("text=No incident matches.")
    await page.select_option("select[name=state]", "open")
    await page.wait_for_selector("#body-history .row >> nth=1")


async def test_times_are_the_citys_with_their_offset_on_hover(city: Any, open_page: Any) -> None:
    await city.incident()
    page = await open_page(city.url, timezone_id="America/New_York")
    title = await page.get_attribute(".row-time", "title")
    assert title.endswith(("UTC+01:00", "UTC+02:00"))
    shown, utc = await page.inner_text(".row-time"), await page.get_attribute(".row-time", "datetime")
    ahead_h = (int(shown[:2]) - int(utc[11:13])) % 24
    assert f"UTC+0{ahead_h}:00" in title


async def test_after_midnight_a_date_field_begins_with_the_citys_day(city: Any, open_page: Any) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector(".dot-live")
    days = await page.evaluate(
        "import(document.querySelector('script[type=module]').src.replace('app.js', 'format.js'))"
        ".then(({ isoDay, setClock }) => ['Europe/Paris', 'Europe/London', 'Pacific/Honolulu']"
        ".map((zone) => { setClock(zone, 0); return isoDay(Date.UTC(2026, 10, 22, 23, 15) * 1000); }))"
    )
    assert days == ["2026-11-23", "2026-11-22", "2026-11-22"]


async def _other_background(page: Any, before: str) -> bool:
    """True once the page is drawn in another colour; a switched theme may take a moment on a busy machine."""
    for _ in range(50):
        if await page.evaluate("getComputedStyle(document.body).backgroundColor") != before:
            return True
        await page.wait_for_timeout(100)
    return False


async def test_theme_and_sound_are_switched_and_remembered(city: Any, open_page: Any) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector("[data-tool=theme]")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.click("[data-tool=theme]")
    assert await _other_background(page, dark)
    await page.wait_for_selector(".sound-on")
    await page.keyboard.press("m")
    await page.wait_for_selector(".sound-off")
    await page.reload()
    await page.wait_for_selector(".sound-off")
    assert await page.get_attribute("html", "data-theme") == "light"


async def test_a_hub_that_fails_is_said_with_a_way_to_try_again(city: Any, open_page: Any) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector(".dot-live")
    await page.route("**/api/v1/status", lambda route: route.abort())
    await page.reload()
    await page.wait_for_selector("text=The hub does not answer")
    await page.unroute("**/api/v1/status")
    await page.click("text=Try again")
    await page.wait_for_selector(".dot-live")


async def test_a_thousand_sensors_and_ten_thousand_incidents_stay_a_page_that_answers(
    city: Any, open_page: Any, pictures: Any
) -> None:
    page = await open_page("about:blank")
    random.seed(7)
    template = await _one_view(city, open_page)
    await _serve_many(page, city, template, sensors=1_000, incidents=10_000)
    await page.goto(city.url)
    await page.wait_for_selector(".cluster-waiting")
    measured = {"clustered_ms": round(await page.evaluate("performance.now()"))}
    assert await page.inner_text("#tab-queue .count") == "10,000"
    assert await page.locator(".row").count() < MOST_ROWS_IN_PAGE
    await page.screenshot(path=pictures / "console-many.png")
    await page.locator(".queue .scroller").evaluate("one => { one.scrollTop = one.scrollHeight; }")
    await page.wait_for_selector("[aria-posinset='10000']")
    assert await page.locator(".row").count() < MOST_ROWS_IN_PAGE
    measured["chosen_ms"] = await page.evaluate(AFTER, ["j", "path.place"])
    measured["nearer_ms"] = await page.evaluate(AFTER, ["+", ".leaflet-marker-icon"])
    measured["heap_mib"] = round(await page.evaluate("performance.memory.usedJSHeapSize / 2 ** 20"))
    (pictures / "many.json").write_text(json.dumps(measured))
    print(measured)  # noqa: T201


AFTER = """async ([key, selector]) => {
  const begun = performance.now();
  if (key === '+') document.querySelector('.leaflet-control-zoom-in').click();
  else document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  while (!document.querySelector(selector)) await new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return Math.round(performance.now() - begun);
}"""
"""Milliseconds from a key (or a press on the map's +) until what it calls up is drawn."""


async def _one_view(city: Any, open_page: Any) -> dict[str, Any]:
    shot = await city.incident()
    page = await open_page(f"{city.url}/api/v1/incidents/{shot.id}")
    return json.loads(await page.inner_text("body"))


async def _serve_many(page: Any, city: Any, template: dict[str, Any], sensors: int, incidents: int) -> None:
    """Answer the page's questions with very much; the stream stays the hub's own."""
    many = []
    for k in range(incidents):
        place = {**template["place"]}
        place["latitude"] += random.uniform(-0.03, 0.03)
        place["longitude"] += random.uniform(-0.04, 0.04)
        onset = template["onset_us"] - k * 60_000_000
        many.append({**template, "id": f"00000000-0000-7000-8000-{k:012d}", "onset_us": onset, "created_us": onset})
        many[-1]["place"] = place
    crowd = [
        {
            "id": f"mic-{k:04d}",
            "kind": "microphone",
            "latitude": template["place"]["latitude"] + random.uniform(-0.03, 0.03),
            "longitude": template["place"]["longitude"] + random.uniform(-0.04, 0.04),
            "height_m": 4.0,
            "field_of_view": [],
            "zones": {},
            "state": "ok",
            "state_reason": "",
            "last_seen_us": template["onset_us"],
            "clock_sigma_us": 100,
            "laeq_db": 51.0,
        }
        for k in range(sensors)
    ]

    async def answer(route: Any) -> None:
        url = route.request.url
        if "/sensors" in url:
            await route.fulfill(json={"sensors": crowd})
        elif "state=acknowledged" in url:
            await route.fulfill(json={"incidents": [], "next": None})
        else:
            before = int(url.split("before=")[1].split("&")[0]) if "before=" in url else 2**60
            limit = int(url.split("limit=")[1].split("&")[0])
            found = [one for one in many if one["onset_us"] < before][:limit]
            await route.fulfill(
                json={"incidents": found, "next": found[-1]["onset_us"] if len(found) == limit else None}
            )

    await page.route("**/api/v1/incidents?*", answer)
    await page.route("**/api/v1/sensors", answer)
