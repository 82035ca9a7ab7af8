"""The operator at the console: sees what happened, decides by keyboard, by button and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.e2e


def unbroken(text: str) -> str:
    """The text with the spaces that keep a figure and its unit together as ordinary ones."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


async def test_the_map_shows_sensors_their_state_fields_of_view_and_the_incident_with_its_ellipse(
    city: Any, open_page: Any, pictures: Any
) -> None:
    shot = await city.incident()
    page = await open_page(city.url)
    await page.wait_for_selector(".pin-sensor")
    assert await page.locator(".pin-sensor").count() == 15
    assert await page.locator(".pin-sensor.sensor-degraded").get_attribute("title") == "mic-04: microphone, degraded"
    assert await page.locator("path.view").count() == 3
    await page.wait_for_selector(f".pin-incident[data-incident='{shot.id}']")
    assert await page.locator("path.outline").count() == 1
    await page.keyboard.press("j")
    await page.wait_for_selector("path.place-ellipse")
    assert await page.locator("path.arrival").count() == 6
    text = unbroken(await page.inner_text(".detail-body"))
    for said in (
        "Gunshot",
        "3 rounds",
        "likely, 87 %",
        "Exercise",
        "6 of 7 sensors in range heard it",
        "343 m/s",
        "semi-axes 11 m × 6.2 m",
        "×30",
        "÷1.8",
    ):
        assert said in text
    assert page.url.endswith(f"/incidents/{shot.id}")
    await page.wait_for_timeout(600)
    await page.screenshot(path=pictures / "console-1920.png")


async def test_confirming_takes_c_and_then_enter_and_never_enter_alone(city: Any, open_page: Any) -> None:
    shot = await city.incident()
    page = await open_page(city.url)
    await page.wait_for_selector("[role=option]")
    await page.keyboard.press("j")
    await page.wait_for_selector("[data-action=confirm]")
    await page.keyboard.press("Enter")
    assert await city.state(shot) == "open"
    await page.keyboard.press("a")
    await page.wait_for_selector(".badge.is-acknowledged")
    await page.keyboard.press("c")
    await page.wait_for_selector("[data-action=confirm-final]")
    assert await city.state(shot) == "acknowledged"
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".badge.is-confirmed")
    assert [action for action, _ in await city.reasons(shot)] == ["acknowledge", "confirm"]


async def test_confirming_by_button_asks_once_more_and_escape_leaves_it_undecided(city: Any, open_page: Any) -> None:
    shot = await city.incident()
    page = await open_page(f"{city.url}/incidents/{shot.id}")
    await page.click("[data-action=confirm]")
    await page.keyboard.press("Escape")
    await page.click("[data-action=confirm]")
    assert "Only exercise endpoints are called" in await page.inner_text(".decide")
    assert await city.state(shot) == "open"
    await page.click("[data-action=confirm-final]")
    await page.wait_for_selector(".badge.is-confirmed")
    assert await city.state(shot) == "confirmed"


async def test_rejecting_is_as_short_as_confirming_and_keeps_the_reason(city: Any, open_page: Any) -> None:
    shot = await city.incident()
    other = await city.incident("other", east=-120.0, age_s=10.0)
    page = await open_page(f"{city.url}/incidents/{shot.id}")
    await page.wait_for_selector("[data-action=reject]")
    await page.keyboard.press("r")
    await page.wait_for_selector("[data-reason]")
    await page.keyboard.press("1")
    await page.wait_for_selector(".badge.is-rejected")
    assert await city.reasons(shot) == [("reject", "firework")]
    await page.keyboard.press("k")
    await page.wait_for_url(f"**/incidents/{other.id}")
    await page.click("[data-action=reject]")
    await page.fill("input[name=reason]", "a skip was emptied")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".badge.is-rejected")
    assert await city.reasons(other) == [("reject", "a skip was emptied")]
    assert "Nothing waits for you" in await page.inner_text(".queue")


async def test_a_revision_that_arrives_while_one_confirms_is_looked_at_first(city: Any, open_page: Any) -> None:
    shot = await city.incident()
    page = await open_page(f"{city.url}/incidents/{shot.id}")
    await page.wait_for_selector("[data-action=confirm]")
    await page.keyboard.press("c")
    await page.wait_for_selector("[data-action=confirm-final]")
    await city.incident(revision=2, probability=0.4)
    await page.wait_for_selector("text=The incident changed while you looked")
    await page.keyboard.press("Enter")
    assert await city.state(shot) == "open"
    assert "40 %" in unbroken(await page.inner_text(".facts"))


async def test_the_queue_is_in_order_of_arrival_and_unsure_leaves_it(city: Any, open_page: Any) -> None:
    first = await city.incident("first", age_s=90.0)
    await city.incident("second", east=-150.0, age_s=30.0)
    page = await open_page(city.url)
    await page.wait_for_selector(".row.is-waiting >> nth=1")
    rows = await page.locator(".row.is-waiting").evaluate_all("rows => rows.map((row) => row.dataset.incident)")
    assert rows[0] == str(first.id)
    upper, lower = [await page.locator(".row.is-waiting").nth(k).bounding_box() for k in (0, 1)]
    assert upper["y"] + upper["height"] == lower["y"]
    await page.keyboard.press("j")
    await page.wait_for_selector("[data-action=unsure]")
    await page.keyboard.press("u")
    await page.wait_for_selector(".badge.is-unsure")
    assert await page.inner_text("#tab-queue .count") == "1"


async def test_a_new_incident_comes_by_itself_with_its_sentence_and_the_count_in_the_title(
    city: Any, open_page: Any
) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector("text=Nothing waits for you")
    await page.wait_for_selector(".dot-live")
    await city.incident(age_s=1.0)
    await page.wait_for_selector(".row.is-fresh")
    await page.wait_for_selector("[role=alert]:has-text('New incident: Gunshot')", state="attached")
    assert await page.title() == "(1) waiting · Saint-Étienne"


async def test_a_lost_connection_is_said_with_the_age_and_what_was_missed_is_there_after_it(
    city: Any, open_page: Any, pictures: Any
) -> None:
    page = await open_page(city.url)
    await page.wait_for_selector(".dot-live")
    await city.stop()
    await page.wait_for_selector(".lost:not([hidden])")
    said = unbroken(await page.inner_text(".lost"))
    assert "what you see is not live" in said
    assert " s old" in said
    await page.screenshot(path=pictures / "console-lost.png")
    await city.start()
    shot = await city.incident()
    await page.wait_for_selector(".dot-live", timeout=30_000)
    await page.wait_for_selector(f".row[data-incident='{shot.id}']")
    assert await page.locator(".lost").is_hidden()


async def test_an_operator_signs_in_and_a_wrong_password_is_said(closed_city: Any, open_page: Any) -> None:
    await closed_city.account("Camille Roux", "operator", "a-long-enough-secret")
    page = await open_page(closed_city.url)
    await page.fill("[name=name]", "Camille Roux")
    await page.fill("[name=password]", "wrong")
    await page.click("button[type=submit]")
    await page.wait_for_selector(".says-bad:not([hidden])")
    await page.fill("[name=password]", "a-long-enough-secret")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Nothing waits for you")
    assert "Camille Roux" in await page.inner_text(".head")


async def test_who_may_only_look_is_told_so_instead_of_being_given_buttons(closed_city: Any, open_page: Any) -> None:
    await closed_city.account("Noor Haddad", "auditor", "a-long-enough-secret")
    shot = await closed_city.incident()
    page = await open_page(f"{closed_city.url}/incidents/{shot.id}")
    await page.fill("[name=name]", "Noor Haddad")
    await page.fill("[name=password]", "a-long-enough-secret")
    await page.keyboard.press("Enter")
    await page.check("[value=audit]")
    await page.click("[data-action=why]")
    await page.wait_for_selector(".decide")
    assert "You may look, not decide" in await page.inner_text(".decide")
    assert await page.locator(".app [data-action]").count() == 0


async def test_a_decision_works_on_a_phone_with_the_map_above_and_nothing_overflows(
    city: Any, open_page: Any, pictures: Any
) -> None:
    shot = await city.incident()
    page = await open_page(city.url, 390, 844, has_touch=True, is_mobile=True)
    await page.wait_for_selector(".row")
    await page.tap(".row")
    await page.wait_for_selector("[data-action=confirm]")
    await page.wait_for_timeout(500)
    await page.screenshot(path=pictures / "console-390.png")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    small = await page.locator("button:visible, select:visible").evaluate_all(
        "found => found.filter((one) => !one.classList.contains('link') && one.getBoundingClientRect().height < 44)"
        ".map((one) => one.outerHTML)"
    )
    assert small == []
    frame, sheet = await page.locator(".frame").bounding_box(), await page.locator(".detail").bounding_box()
    assert frame["y"] + frame["height"] <= sheet["y"] + 1
    await page.tap("[data-action=acknowledge]")
    await page.wait_for_selector(".badge.is-acknowledged")
    assert await city.state(shot) == "acknowledged"
