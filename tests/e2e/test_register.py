"""The public register in a real browser: readable by everybody, on a wall and on a telephone, dark and light."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1920, 390])
async def test_a_stranger_reads_the_register_without_signing_in(
    closed_city: Any,
    open_page: Callable[..., Awaitable[Any]],
    axe: Callable[[Any], Awaitable[list[str]]],
    pictures: Path,
    width: int,
    scheme: str,
) -> None:
    await closed_city.add_sensors()
    page = await open_page(f"{closed_city.url}/register", width, 1080, color_scheme=scheme)
    assert await page.locator("h1").inner_text() == "Registre public : Saint-Étienne".replace(" :", "\u00a0:")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.locator("h2").count() == 11
    assert await page.locator("script").count() == 0
    assert await axe(page) == []
    await page.screenshot(path=pictures / f"register-{width}-{scheme}.png", full_page=True)
    await page.get_by_role("link", name="English").click()
    assert (await page.locator("h1").inner_text()).startswith("Public register")
