"""Beside a sensor with a phone: compass, zones on the sketch, the clap, no network, and taking a sensor out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uuid6

from hub.keys import LOG, REGISTRY
from sensors.protocol import Detection

pytestmark = pytest.mark.e2e

SECRET = "a-long-enough-secret"
PHONE = {"has_touch": True, "is_mobile": True}
SKETCH = {
    "format": "tocsin-sketch/1",
    "aspect": 0.5625,
    "made_us": 1,
    "lines": [[[0.0, 0.6], [0.4, 0.5], [1.0, 0.55]], [[0.1, 0.6], [0.1, 0.2], [0.3, 0.18]]],
    "zones": {"lawn": [[0.0, 0.6], [0.5, 0.6], [0.5, 1.0]]},
    "masks": [[[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]]],
}


async def beside(city: Any, open_page: Any, sensor: str, **settings: Any) -> Any:
    """A technician's phone that looks at one sensor."""
    await city.add_sensors()
    await city.account("Ines Faure", "technician", SECRET)
    page = await open_page(f"{city.url}/technician", 390, 844, **PHONE, **settings)
    await page.fill("[name=name]", "Ines Faure")
    await page.fill("[name=password]", SECRET)
    await page.keyboard.press("Enter")
    await page.tap(f"[data-sensor-row={sensor}]")
    await page.wait_for_selector("[data-card=past]")
    return page


async def test_the_fan_of_a_camera_is_turned_by_the_phone_s_compass(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any
) -> None:
    page = await beside(closed_city, open_page, "cam-01")
    assert await page.input_value("[name=heading]") == "110"
    # A compass that goes on telling, as a phone's does: whenever the page begins to listen it hears it.
    await page.evaluate(
        "() => { let turn = 0; setInterval(() => dispatchEvent(new DeviceOrientationEvent('deviceorientationabsolute',"
        " { absolute: true, alpha: 315 + (turn++ % 2), beta: 0, gamma: 0 })), 20); }"
    )
    await page.tap("[data-action=heading]")
    await page.wait_for_selector("text=steady to")
    assert await page.input_value("[name=heading]") in ("44", "45")
    await page.fill("[name=reach]", "80")
    await page.tap("text=Save the field of view")
    await page.wait_for_selector("[data-card=view] .says:has-text('Saved.')")
    record = await closed_city.app[REGISTRY].sensor("cam-01")
    assert max(corner[0] for corner in record.field_of_view) > record.latitude + 60 / 111_320
    assert await axe(page) == []
    await page.locator("[data-card=view]").scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "technician-view-390.png")


async def test_zones_and_masks_are_drawn_on_the_sketch_and_never_on_a_picture(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any, tmp_path: Path
) -> None:
    page = await beside(closed_city, open_page, "cam-02")
    wrong, right = tmp_path / "photo.sketch.json", tmp_path / "square.sketch.json"
    wrong.write_text(json.dumps({"format": "jpeg", "lines": []}))
    right.write_text(json.dumps(SKETCH))
    await page.set_input_files("input[type=file]", wrong)
    await page.wait_for_selector("text=This file is no sketch of the form")
    await page.set_input_files("input[type=file]", right)
    await page.wait_for_selector(".shape-mask")
    await page.locator(".sketch-board").scroll_into_view_if_needed()
    box = await page.locator(".sketch-board").bounding_box()
    for x, y in ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9)):
        await page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
    await page.fill("[name=zone]", "kerb")
    await page.tap("[data-action=close-shape]")
    await page.wait_for_selector(".shapes li:has-text('kerb')")
    assert await axe(page) == []
    await page.screenshot(path=pictures / "technician-sketch-390.png")
    await page.tap("[data-action=save-zones]")
    await page.wait_for_selector("[data-card=sketch] .says:has-text('Zones saved')")
    zones = (await closed_city.app[REGISTRY].sensor("cam-02")).zones
    assert set(zones) == {"lawn", "kerb"}
    assert zones["kerb"][0] == pytest.approx((0.6, 0.6), abs=0.01)
    settings = await page.input_value(".settings")
    assert settings.startswith("masks = [")
    assert 'name = "kerb"' in settings


async def test_a_clap_is_seen_by_the_microphone_and_its_neighbour(
    closed_city: Any, open_page: Any, pictures: Any
) -> None:
    page = await beside(closed_city, open_page, "mic-06")
    await page.tap("[data-action=clap]")
    await page.wait_for_selector("text=Clap now")
    onset = time.time_ns() // 1_000
    claps = [
        Detection(
            id=UUID(bytes=uuid6.uuid7().bytes),
            sensor=sensor,
            sent=onset,
            event="loud_unknown",
            onset=onset + after,
            duration_s=0.1,
            score=0.4,
            clock_sigma_us=200,
            peak_db=101.0,
            snr_db=30.0,
            model="tocsin-acoustic@00000000",
        )
        for sensor, after in (("mic-06", 0), ("mic-07", 560_000))
    ]
    await closed_city.app[LOG].append(claps)
    await page.wait_for_selector("text=This microphone heard 1")
    await page.wait_for_selector("[data-card=trials] li:has-text('mic-07')")
    await page.locator("[data-card=trials]").scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "technician-clap-390.png")


async def test_a_place_shows_what_it_adds_before_it_is_saved(closed_city: Any, open_page: Any, pictures: Any) -> None:
    page = await beside(closed_city, open_page, "mic-01")
    await page.fill("[name=latitude]", "45.4300")
    await page.tap("[data-action=coverage]")
    await page.wait_for_selector(".coverage .mini-map .square-kept", state="attached")
    assert " ha" in (await page.inner_text(".coverage")).replace("\N{NO-BREAK SPACE}", " ")
    await page.locator(".coverage").scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "technician-coverage-390.png")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_without_a_network_a_change_waits_on_the_phone_and_the_page_still_opens(
    closed_city: Any, open_page: Any, pictures: Any
) -> None:
    page = await beside(closed_city, open_page, "mic-01")
    await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    await page.reload()
    await page.tap("[data-sensor-row=mic-01]")
    await page.wait_for_selector("[name=height_m]")
    await closed_city.stop()
    await page.fill("[name=height_m]", "7.5")
    await page.tap("text=Save the place")
    await page.wait_for_selector(".kept:has-text('1 change waits')")
    await page.reload()
    await page.wait_for_selector("[data-sensor-row=mic-01]")
    await page.wait_for_selector(".kept:has-text('1 change waits')")
    await page.screenshot(path=pictures / "technician-offline-390.png")
    await closed_city.start()
    await page.wait_for_selector("[data-sent=mic-01]:has-text('was taken over')", timeout=60_000)
    await page.tap("[data-sent=mic-01] >> text=Put it away")
    await page.wait_for_selector(".kept", state="hidden")
    assert (await closed_city.app[REGISTRY].sensor("mic-01")).height_m == 7.5


async def test_a_sensor_is_taken_out_with_a_reason(closed_city: Any, open_page: Any) -> None:
    page = await beside(closed_city, open_page, "mic-01")
    await page.tap("[data-action=revoke]")
    await page.fill("[name=why]", "the wall comes down")
    await page.tap("[data-action=revoke-final]")
    await page.wait_for_selector(".list-head")
    record = await closed_city.app[REGISTRY].sensor("mic-01")
    assert record.revoked_us is not None
    assert record.revoked_reason == "the wall comes down"
