"""Two desks without names: a request has one month, a missed event is counted where everybody sees it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.keys import AUDIT
from hub.policy.desks import one_month_after

HEARD = {"source": "call", "reference": "1"}


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-22", "2026-12-22"),
        ("2026-12-22", "2027-01-22"),
        ("2027-01-31", "2027-02-28"),
        ("2028-01-31", "2028-02-29"),
    ],
)
def test_a_month_is_the_same_day_of_the_next_or_its_last(received: str, due: str) -> None:
    assert one_month_after(dt.datetime.fromisoformat(received)) == dt.datetime.fromisoformat(due)


@given(st.datetimes(timezones=st.just(dt.UTC)).filter(lambda at: 1 < at.year < 9_999))
def test_a_month_is_28_to_31_days(received: dt.datetime) -> None:
    assert 28 <= (one_month_after(received) - received).days <= 31


async def test_a_request_is_taken_in_answered_once_and_counted_in_public(hub: Any) -> None:
    client = await hub.session("supervisor")
    body = {"kind": "access", "reference": "2026-114"}
    async with client.post("/api/v1/requests", json=body) as answer:
        assert answer.status == 201
        made = (await answer.json())["request"]
    assert (made["due_us"] - made["received_us"]) // 86_400_000_000 in {27, 28, 29, 30, 31}
    address = f"/api/v1/requests/{made['number']}/answer"
    for status in (200, 404):
        async with client.post(address, json={"answer": "no_data"}) as answer:
            assert answer.status == status
    async with client.get("/register.json") as answer:
        assert (await answer.json())["requests"] == {"received": 1, "answered": 1, "late": 0}
    kept = [leaf for leaf in await hub.app[AUDIT].leaves() if leaf.kind == "request"]
    assert len(kept) == 2


async def test_a_missed_event_stands_on_the_public_page(hub: Any) -> None:
    client = await hub.session("operator")
    body = {"event": "gunshot", "happened_us": 1_790_000_000_000_000, "source": "call", "reference": "2026-118"}
    async with client.post("/api/v1/missed", json=body) as answer:
        assert answer.status == 201
    async with client.get("/api/v1/missed") as answer:
        assert [one["event"] for one in (await answer.json())["missed"]] == ["gunshot"]
    async with client.get("/register.json") as answer:
        assert (await answer.json())["results"]["missed_reported_by_others"] == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("requests", {"kind": "gossip", "reference": "1"}, "body_invalid"),
        ("requests", {"kind": "access", "reference": "Mme Fabre <lucie@fabre.test>"}, "body_invalid"),
        ("requests", {"kind": "access", "reference": "1", "name": "Lucie"}, "body_invalid"),
        ("missed", {"event": "anger", "happened_us": 1} | HEARD, "event_unknown"),
        ("missed", {"event": "fire", "happened_us": 9_000_000_000_000_000} | HEARD, "event_in_the_future"),
        ("requests/x/answer", {"answer": "given"}, "request_unknown"),
        ("requests/99/answer", {"answer": "given"}, "request_unknown"),
    ],
)  # fmt: skip
async def test_what_a_desk_can_t_take_is_refused_with_its_code(hub: Any, path: str, body: Any, code: str) -> None:
    client = await hub.session("supervisor")
    async with client.post(f"/api/v1/{path}", json=body) as answer:
        assert answer.status in {404, 422}
        assert (await answer.json(content_type=None))["code"] == code
