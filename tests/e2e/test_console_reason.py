"""Who does not work with incidents says why he reads them: the form, what it remembers, and what the log keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.keys import AUDIT

pytestmark = pytest.mark.e2e

SECRET = "a-long-enough-secret"
REASONS = ["audit", "complaint", "data_subject_request", "incident_review", "maintenance", "judicial"]


async def sign_in(page: Any, name: str) -> None:
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", SECRET)
    await page.keyboard.press("Enter")


async def told(city: Any) -> list[tuple[str, str]]:
    """(subject, reason) of every consultation in the audit log, in order."""
    leaves = await city.app[AUDIT].leaves()
    kept = [json.loads(leaf.record) for leaf in leaves if leaf.kind == "read" and leaf.record]
    return [(one["subject"], one["reason"]) for one in kept]


@pytest.mark.parametrize(("locale", "scheme", "width"), [("fr-FR", "dark", 1920), ("en-GB", "light", 390)])
async def test_an_auditor_says_why_with_the_keyboard_and_then_reads_list_stream_and_one_incident(
    closed_city: Any, open_page: Any, axe: Any, pictures: Any, locale: str, scheme: str, width: int
) -> None:
    await closed_city.account("Lea Noir", "auditor", SECRET)
    shot = await closed_city.incident()
    height = 1080 if width == 1920 else 844
    page = await open_page(closed_city.url, width, height, locale=locale, color_scheme=scheme)
    await sign_in(page, "Lea Noir")
    await page.wait_for_selector("dialog[open] [name=why] >> nth=5")
    assert await page.eval_on_selector_all("[name=why]", "boxes => boxes.map((box) => box.value)") == REASONS
    assert await page.locator("[name=why]:checked").count() == 0, "no reason is chosen for anybody"
    assert await page.locator(".row").count() == 0
    assert await told(closed_city) == []
    assert await axe(page) == []
    await page.screenshot(path=pictures / f"console-reason-{width}-{locale[:2]}.png")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".row")
    await page.wait_for_selector("dialog[open]", state="detached")
    said = "réclamation" if locale == "fr-FR" else "complaint"
    assert said in (await page.inner_text(".why")).lower()
    later = await closed_city.incident("later", east=-120.0, age_s=5.0)
    await page.wait_for_selector(".row >> nth=1")
    kept = await told(closed_city)
    assert {"incidents: list", "incidents: live"} <= {subject for subject, _ in kept}
    assert {reason for _, reason in kept} == {"complaint"}
    # It is remembered over a reload: an incident that a colleague's address names opens at once.
    await page.goto(f"{closed_city.url}/incidents/{shot.id}")
    await page.wait_for_selector(".reason")
    assert await page.locator("dialog[open]").count() == 0
    # An incident that no list has comes by itself, and so does its line in the log.
    answer = await page.evaluate(f"fetch('/api/v1/incidents/{later.id}?reason=audit').then((a) => a.status)")
    assert answer == 200
    assert (f"incident {later.id}", "audit") in await told(closed_city)
    assert await axe(page) == []


async def test_who_rather_does_not_read_is_told_and_may_try_again(closed_city: Any, open_page: Any) -> None:
    await closed_city.account("Paul Ade", "administrator", SECRET)
    await closed_city.incident()
    page = await open_page(closed_city.url)
    await sign_in(page, "Paul Ade")
    await page.wait_for_selector("dialog[open]")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[role=alert] >> text=say why")
    assert await told(closed_city) == []
    await page.click("text=Again")
    await page.check("[value=maintenance]")
    await page.click("[data-action=why]")
    await page.wait_for_selector(".row")
    assert {reason for _, reason in await told(closed_city)} == {"maintenance"}


async def test_another_reason_may_be_given_and_signing_out_forgets_it(closed_city: Any, open_page: Any) -> None:
    await closed_city.account("Lea Noir", "auditor", SECRET)
    await closed_city.incident()
    page = await open_page(closed_city.url)
    await sign_in(page, "Lea Noir")
    await page.check("[value=audit]")
    await page.click("[data-action=why]")
    await page.wait_for_selector(".row")
    await page.click("text=Another reason")
    await page.check("[value=judicial]")
    await page.click("[data-action=why]")
    await page.wait_for_selector("text=You read for: Demand of a court or prosecutor.")
    await page.wait_for_selector(".row")
    assert {reason for _, reason in await told(closed_city)} == {"audit", "judicial"}
    await page.click(".sign-out")
    await page.wait_for_selector("[name=password]")
    assert await page.evaluate("sessionStorage.length") == 0
    await sign_in(page, "Lea Noir")
    await page.wait_for_selector("dialog[open]")


async def test_an_operator_is_never_asked(closed_city: Any, open_page: Any) -> None:
    await closed_city.account("Nora Petit", "operator", SECRET)
    await closed_city.incident()
    page = await open_page(closed_city.url)
    await sign_in(page, "Nora Petit")
    await page.wait_for_selector(".row")
    assert await page.locator("dialog[open]").count() == 0
    assert await told(closed_city) == []
