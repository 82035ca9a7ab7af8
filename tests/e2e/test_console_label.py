"""The code on a box: read by the phone's camera in the page, or typed; and a new box registered without a network."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import segno

from hub.keys import REGISTRY
from hub.registry import SensorRecord

from .conftest import ARGUMENTS, CHROMIUM

pytestmark = pytest.mark.e2e

SECRET = "a-long-enough-secret"
WIDTH, HEIGHT = 640, 480
HELD = 60
"""Frames of a hand that does not shake any more."""


def filmed(text: str, path: Path) -> Path:
    """A film of a label in front of a phone: turned by 9 degrees, seen from the side, in poor light."""
    cells = np.array([list(row) for row in segno.make(text, error="m").matrix_iter(border=4)], np.uint8)
    label = cv2.resize(255 - 255 * cells, (300, 300), interpolation=cv2.INTER_NEAREST)
    corners = np.array([[0, 0], [300, 0], [300, 300], [0, 300]], np.float32)
    turned = cv2.boxPoints(((330.0, 235.0), (300.0, 300.0), 9.0))[[1, 2, 3, 0]]
    turned += np.array([[0, 8], [0, 0], [0, 0], [0, -8]], np.float32)
    seen = cv2.getPerspectiveTransform(corners, turned.astype(np.float32))
    scene = cv2.warpPerspective(label, seen, (WIDTH, HEIGHT), borderValue=90)
    chance = np.random.default_rng(5)
    grey_planes = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip C420jpeg\n".encode())
        for _ in range(HELD):
            noisy = np.clip(40 + 0.6 * scene + chance.normal(0, 8, scene.shape), 0, 255).astype(np.uint8)
            film.write(b"FRAME\n" + noisy.tobytes() + grey_planes)
    return path


@pytest.fixture
async def phone() -> AsyncIterator[Callable[..., Any]]:
    """`await phone(url, film)`: the page on a phone whose camera sees that film; without one it has no camera."""
    playwright_api = pytest.importorskip("playwright.async_api")
    async with contextlib.AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(playwright_api.async_playwright())

        async def take(url: str, film: Path | None = None) -> Any:
            eye = ["--use-fake-ui-for-media-stream"]
            if film is not None:
                eye += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
            browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*ARGUMENTS, *eye])
            stack.push_async_callback(browser.close)
            size = {"width": 390, "height": 844}
            context = await browser.new_context(viewport=size, has_touch=True, is_mobile=True, locale="en-GB")
            page = await context.new_page()
            page.set_default_timeout(30_000)
            await page.goto(url)
            await page.fill("[name=name]", "Ines Faure")
            await page.fill("[name=password]", SECRET)
            await page.keyboard.press("Enter")
            return page

        yield take


@pytest.fixture
async def street(closed_city: Any) -> Any:
    """A hub with its sensors and a technician."""
    await closed_city.add_sensors()
    await closed_city.account("Ines Faure", "technician", SECRET)
    return closed_city


async def test_the_camera_reads_the_label_in_the_page_and_keeps_and_sends_nothing(
    street: Any, phone: Any, axe: Any, pictures: Any, tmp_path: Path
) -> None:
    film = filmed("https://another-hub.example/technician?sensor=mic-06&kind=microphone", tmp_path / "label.y4m")
    page = await phone(f"{street.url}/technician", film)
    await page.wait_for_selector("[data-sensor-row=mic-06]")
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    await page.tap("[data-action=scan]")
    await page.wait_for_selector(".box-head h2:has-text('mic-06')")
    assert page.url == f"{street.url}/technician"
    # Its own files and the health of the sensor that was found: nothing goes up, nothing goes elsewhere.
    assert {method for method, _ in asked} <= {"GET"}
    assert all(url.startswith((f"{street.url}/assets/", f"{street.url}/api/v1/sensors")) for _, url in asked)
    await page.wait_for_function("() => document.querySelector('video').srcObject === null")
    assert await page.evaluate("Object.keys(localStorage).filter((name) => !name.startsWith('tocsin.'))") == []
    assert await page.evaluate("localStorage.getItem('tocsin.pending')") is None


async def test_the_view_of_the_camera_is_for_everyone_and_a_foreign_code_is_told(
    street: Any, phone: Any, axe: Any, pictures: Any, tmp_path: Path
) -> None:
    page = await phone(f"{street.url}/technician", filmed("https://example.com/menu", tmp_path / "menu.y4m"))
    await page.tap("[data-action=scan]")
    await page.wait_for_selector("text=This code is not a sensor’s")
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.screenshot(path=pictures / "technician-scan-390.png")
    await page.tap("[data-action=scan-close]")
    await page.wait_for_selector("dialog.scan:not([open])", state="attached")
    await page.wait_for_function("() => document.querySelector('video').srcObject === null")


async def test_where_there_is_no_camera_the_label_is_typed(street: Any, phone: Any) -> None:
    page = await phone(f"{street.url}/technician")
    await page.tap("[data-action=scan]")
    await page.wait_for_selector("text=The phone gave no camera")
    await page.fill("[name=label]", "Not a name!")
    await page.tap("[data-action=typed]")
    await page.wait_for_selector("text=This code is not a sensor’s")
    await page.fill("[name=label]", " MIC-03 ")
    await page.tap("[data-action=typed]")
    await page.wait_for_selector(".box-head h2:has-text('mic-03')")


async def test_a_new_box_is_registered_without_a_network_and_its_outcome_is_told(
    street: Any, phone: Any, axe: Any, pictures: Any
) -> None:
    page = await phone(f"{street.url}/technician?sensor=cam-31&kind=camera")
    await page.wait_for_selector("form.card")
    assert await page.input_value("[name=id]") == "cam-31"
    assert await page.input_value("[name=kind]") == "camera"
    await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    await street.stop()
    await page.fill("[name=height_m]", "6.5")
    await page.tap("text=Register and make a code")
    await page.wait_for_selector(".kept:has-text('1 change waits')")
    await page.screenshot(path=pictures / "technician-registration-waits-390.png")
    await street.start()
    await page.wait_for_selector("[data-sent=cam-31]:has-text('is registered')", timeout=90_000)
    assert await axe(page) == []
    await page.screenshot(path=pictures / "technician-registration-sent-390.png")
    await page.tap("[data-sent=cam-31] >> text=Open it")
    await page.wait_for_selector(".qr")
    record = await street.app[REGISTRY].sensor("cam-31")
    assert (record.kind, record.height_m) == ("camera", 6.5)


async def test_a_registration_that_the_hub_refuses_later_is_told_too(street: Any, phone: Any) -> None:
    page = await phone(f"{street.url}/technician?sensor=mic-31")
    await page.wait_for_selector("form.card")
    await street.stop()
    await page.tap("text=Register and make a code")
    await page.wait_for_selector(".kept:has-text('1 change waits')")
    await street.start()
    await street.app[REGISTRY].add(SensorRecord(id="mic-31", kind="microphone", latitude=45.0, longitude=4.0))
    await page.wait_for_selector(".kept .bad:has-text('There is a sensor named')", timeout=90_000)
    await page.tap("text=Put it away")
    await page.wait_for_selector(".kept", state="hidden")


async def test_the_label_to_print_holds_what_the_camera_reads(street: Any, phone: Any, pictures: Any) -> None:
    page = await phone(f"{street.url}/technician?sensor=mic-02")
    await page.tap("[data-card=label] summary")
    await page.wait_for_selector("[data-card=label] .qr")
    rows = await page.evaluate(
        "import(document.querySelector('script[type=module]').src.replace('technician.js', 'field/label.js'))"
        ".then(({ qrRows }) => qrRows('mic-02'))"
    )
    code = np.array([[0 if cell == "1" else 255 for cell in row] for row in rows], np.uint8)
    sheet = cv2.resize(np.pad(code, 4, constant_values=255), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert cv2.QRCodeDetector().detectAndDecode(sheet)[0] == "mic-02"
