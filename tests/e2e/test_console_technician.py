"""A technician in the street with a phone: health, place, and letting a sensor in."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hub.keys import REGISTRY

pytestmark = pytest.mark.e2e

SECRET = "a-long-enough-secret"
PHONE = {"has_touch": True, "is_mobile": True}


async def sign_in(page: Any, name: str) -> None:
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", SECRET)
    await page.keyboard.press("Enter")


async def test_a_new_sensor_is_registered_and_let_in_with_the_code_on_the_phone(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any
) -> None:
    await closed_city.account("Ines Faure", "technician", SECRET)
    place = {"latitude": 45.4341, "longitude": 4.3812, "accuracy": 4.0}
    phone = {**PHONE, "geolocation": place, "permissions": ["geolocation"]}
    page = await open_page(f"{closed_city.url}/technician", 390, 844, **phone)
    await sign_in(page, "Ines Faure")
    await page.wait_for_selector("text=No sensor is enrolled yet")
    await page.click("text=Add a sensor")
    await page.fill("[name=id]", "mic-77")
    await page.click("text=Take this phone’s position")
    await page.wait_for_selector("text=Position to ±4 m")
    assert await axe(page) == []
    await page.click("text=Register and make a code")
    await page.wait_for_selector(".qr")
    assert "mic-77" in await page.inner_text(".box-head")
    assert await axe(page) == []
    await page.locator(".qr").scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "technician-code-390.png")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    code = await page.inner_text(".code")
    registry = closed_city.app[REGISTRY]
    await registry.enrol(code, bytes(32), "microphone", "0.1.0", time.time_ns() // 1_000)
    record = await registry.sensor("mic-77")
    assert (record.latitude, record.longitude) == (place["latitude"], place["longitude"])


async def test_the_self_test_names_what_is_wrong_and_a_place_is_corrected(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any
) -> None:
    await closed_city.add_sensors()
    await closed_city.account("Ines Faure", "technician", SECRET)
    page = await open_page(f"{closed_city.url}/technician", 390, 844, **PHONE)
    await sign_in(page, "Ines Faure")
    await page.wait_for_selector(".row-sensor")
    assert "13 of 15 well" in await page.inner_text(".sensors")
    await page.screenshot(path=pictures / "technician-390.png")
    assert await axe(page) == []
    await page.tap("[data-sensor-row=mic-04]")
    await page.wait_for_selector(".check-bad")
    assert "Clock" in await page.inner_text(".check-bad")
    assert "±60\N{NO-BREAK SPACE}ms" in await page.inner_text(".check-bad")
    await page.fill("[name=height_m]", "6.5")
    await page.click("text=Save the place")
    await page.wait_for_selector("text=Saved.")
    assert (await closed_city.app[REGISTRY].sensor("mic-04")).height_m == 6.5
    await page.evaluate("document.querySelector('.technician').scrollTop = 0")
    await page.screenshot(path=pictures / "technician-box-390.png")
    assert await axe(page) == []


async def test_who_is_no_technician_sees_the_sensors_and_no_button(city: Any, open_page: Any) -> None:
    page = await open_page(f"{city.url}/technician", locale="fr-FR")
    await page.wait_for_selector("text=Vous pouvez voir, non modifier")
    await page.click("[data-sensor-row=mic-01]")
    await page.wait_for_selector(".check")
    assert await page.locator("text=Enregistrer").count() == 0
    assert await page.locator("[name=latitude]").is_disabled()
