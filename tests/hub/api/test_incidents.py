"""Incidents over HTTP: read, explained, decided upon by one person at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from hub.app import build_application
from hub.config import HubConfig
from hub.incident import Ellipse, Incident, Place
from hub.keys import STORE

GunshotMaker = Callable[..., Incident]
ADDRESS = "/api/v1/incidents/00000000-0000-0000-0000-000000000001"


async def _save(hub: Any, *incidents: Incident) -> None:
    await hub.app[STORE].save(incidents, 1_795_000_002_000_000)


async def _decide(client: Any, action: str, revision: int = 1, **more: Any) -> tuple[int, dict[str, Any]]:
    async with client.post(f"{ADDRESS}/decisions", json={"action": action, "revision": revision, **more}) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_an_incident_reads_like_an_explanation_in_both_languages(hub: Any, gunshot: GunshotMaker) -> None:
    await _save(hub, gunshot())
    client = await hub.session("operator")
    for language, word in (("fr", "très probable"), ("en", "very likely")):
        async with client.get(ADDRESS, headers={"Accept-Language": f"{language};q=0.9, de"}) as answer:
            view = await answer.json()
        assert view["probability_word"] == word
        assert "92 %" in view["summary"]
        assert view["state"] == "open"
        assert view["arrivals"][0]["distance_m"] == 102.0
        assert view["sentences"][0]["log_odds"] == 2.1


async def test_the_list_pages_from_the_newest_and_filters(hub: Any, gunshot: GunshotMaker) -> None:
    await _save(hub, *(gunshot(number) for number in range(1, 6)))
    client = await hub.session("supervisor")
    async with client.get("/api/v1/incidents?limit=2") as answer:
        page = await answer.json()
    async with client.get(f"/api/v1/incidents?limit=10&before={page['next']}") as answer:
        rest = await answer.json()
    onsets = [view["onset_us"] for view in page["incidents"] + rest["incidents"]]
    assert onsets == sorted(onsets, reverse=True)
    assert len(onsets) == 5
    async with client.get("/api/v1/incidents?state=confirmed") as answer:
        assert (await answer.json())["incidents"] == []


@pytest.mark.parametrize("query", ["state=nope", "limit=0", "limit=501", "limit=x", "before=1.5"])
async def test_a_wrong_question_says_what_is_wrong(hub: Any, query: str) -> None:
    client = await hub.session("operator")
    async with client.get(f"/api/v1/incidents?{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["code"] == "query_invalid"


async def test_geojson_has_the_point_and_a_closed_right_handed_ellipse(hub: Any, gunshot: GunshotMaker) -> None:
    await _save(hub, gunshot())
    client = await hub.session("operator")
    async with client.get("/api/v1/incidents.geojson") as answer:
        assert answer.content_type == "application/geo+json"
        feature = (await answer.json(content_type=None))["features"][0]
    point, polygon = feature["geometry"]["geometries"]
    assert point["coordinates"] == [4.378, 45.4361]
    ring = polygon["coordinates"][0]
    assert ring[0] == ring[-1]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring))
    assert area > 0


async def test_a_person_acknowledges_then_confirms_and_the_record_names_him(hub: Any, gunshot: GunshotMaker) -> None:
    await _save(hub, gunshot())
    client = await hub.session("operator")
    assert (await _decide(client, "acknowledge"))[0] == 200
    status, view = await _decide(client, "confirm")
    assert (status, view["state"]) == (200, "confirmed")
    assert [decision["action"] for decision in view["decisions"]] == ["acknowledge", "confirm"]
    assert view["decided_by"].startswith("operator")


async def test_a_rejection_says_why(hub: Any, gunshot: GunshotMaker) -> None:
    await _save(hub, gunshot())
    client = await hub.session("operator")
    status, problem = await _decide(client, "reject")
    assert (status, problem["code"]) == (422, "reason_needed")
    status, view = await _decide(client, "reject", reason="firework, seen from the window")
    assert (status, view["state"]) == (200, "rejected")
    status, problem = await _decide(client, "confirm")
    assert (status, problem["code"]) == (409, "transition_refused")


async def test_who_decides_on_an_older_picture_is_told_to_look_again(hub: Any, gunshot: GunshotMaker) -> None:
    moved = Place("ellipse", 45.4400, 4.3850, Ellipse(9.0, 4.0, 30.0))
    await _save(hub, gunshot(), gunshot(revision=2, place=moved, probability=0.4))
    client = await hub.session("operator")
    status, problem = await _decide(client, "confirm", revision=1)
    assert (status, problem["code"]) == (409, "stale_revision")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 422),
        (b"{}", 422),
        (b'{"action":"confirm_all","revision":1}', 422),
        (b'{"action":"confirm","revision":1,"default":true}', 422),
        (b'{"action":"confirm","revision":-1}', 422),
    ],
)
async def test_a_decision_that_is_none_is_refused_cleanly(
    hub: Any, gunshot: GunshotMaker, body: bytes, status: int
) -> None:
    await _save(hub, gunshot())
    client = await hub.session("operator")
    async with client.post(f"{ADDRESS}/decisions", data=body) as answer:
        assert answer.status == status
        text = await answer.text()
    assert "Traceback" not in text
    async with client.get(ADDRESS) as answer:
        assert (await answer.json())["state"] == "open"


async def test_an_unknown_incident_is_a_plain_404(hub: Any) -> None:
    client = await hub.session("operator")
    for path in (ADDRESS, "/api/v1/incidents/not-an-id"):
        async with client.get(path) as answer:
            assert answer.status == 404
    assert (await _decide(client, "confirm"))[0] == 404


def test_no_route_decides_for_several_incidents_or_without_a_person() -> None:
    app = build_application(HubConfig())
    deciding = [
        resource.canonical
        for resource in app.router.resources()
        for route in resource
        if route.method == "POST" and "decision" in resource.canonical
    ]
    assert deciding == ["/api/v1/incidents/{id}/decisions"]
