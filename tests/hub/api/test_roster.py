"""The roster over HTTP: who may change it, what is refused, and what the audit log keeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.keys import ACCOUNTS, AUDIT

SHIFT = {"person": "Ana", "weekdays": [1, 2, 3, 4, 5, 6, 7], "start": "22:00", "end": "06:00", "since": "2026-01-01"}
AWAY = {"person": "Ana", "on": False, "starts": "2026-03-28T23:00", "ends": "2026-03-29T04:00"}


@pytest.fixture
async def desk(hub: Any) -> Any:
    await hub.app[ACCOUNTS].create("Ana", "operator", "the bell of the old town", 1)
    await hub.app[ACCOUNTS].create("Thea", "technician", "the bell of the old town", 1)
    return await hub.session("supervisor")


async def test_a_supervisor_makes_a_night_and_a_leave_and_everybody_reads_it(hub: Any, desk: Any) -> None:
    async with desk.post("/api/v1/roster/shifts", json=SHIFT) as answer:
        assert answer.status == 201
    async with desk.post("/api/v1/roster/exceptions", json=AWAY) as answer:
        assert answer.status == 201
    reader = await hub.session("operator")
    async with reader.get("/api/v1/roster", params={"from": "2026-03-28", "days": "1"}) as answer:
        seen = await answer.json()
    assert (seen["time_zone"], seen["may_change"], seen["people"]) == ("Europe/Paris", False, [])
    assert [(turn["starts"], turn["ends"]) for turn in seen["turns"]] == [
        ("2026-03-27T22:00", "2026-03-28T06:00"),
        ("2026-03-28T22:00", "2026-03-28T23:00"),
    ]
    assert len(seen["gaps"]) == 2
    assert (seen["exceptions"][0]["starts"], seen["exceptions"][0]["on"]) == ("2026-03-28T23:00", False)


async def test_entries_are_taken_out_by_their_number(desk: Any) -> None:
    for what, body in (("shifts", SHIFT), ("exceptions", AWAY)):
        async with desk.post(f"/api/v1/roster/{what}", json=body) as answer:
            number = (await answer.json())[what][0]["number"]
        async with desk.delete(f"/api/v1/roster/{what}/{number}") as answer:
            assert (answer.status, (await answer.json())[what]) == (200, [])
        async with desk.delete(f"/api/v1/roster/{what}/{number}") as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "roster_entry_unknown")


@pytest.mark.parametrize(
    ("what", "change", "code"),
    [
        ("shifts", {"person": "Nobody"}, "duty_person_refused"),
        ("shifts", {"person": "Thea"}, "duty_person_refused"),
        ("shifts", {"since": "2026-02-30"}, "duty_time_invalid"),
        ("shifts", {"since": "2027-02-01", "until": "2026-12-31"}, "duty_time_invalid"),
        ("shifts", {"start": "24:00"}, "body_invalid"),
        ("shifts", {"weekdays": [8]}, "body_invalid"),
        ("exceptions", {"ends": "2026-03-28T23:00"}, "duty_time_invalid"),
        ("exceptions", {"ends": "2028-03-28T23:00"}, "duty_time_invalid"),
        ("exceptions", {"starts": "2026-02-30T23:00"}, "duty_time_invalid"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_reason(
    desk: Any, what: str, change: dict[str, Any], code: str
) -> None:
    body = {**(SHIFT if what == "shifts" else AWAY), **change}
    async with desk.post(f"/api/v1/roster/{what}", json=body) as answer:
        assert answer.status == 422
        assert (await answer.json(content_type=None))["code"] == code


@pytest.mark.parametrize("query", ["from=yesterday", "days=0", "days=36", "from=2026-02-30"])
async def test_a_span_that_makes_no_sense_is_refused(desk: Any, query: str) -> None:
    async with desk.get(f"/api/v1/roster?{query}") as answer:
        assert answer.status == 400


async def test_each_change_is_in_the_audit_log_without_a_name(hub: Any, desk: Any) -> None:
    async with desk.post("/api/v1/roster/shifts", json=SHIFT):
        pass
    async with desk.delete("/api/v1/roster/shifts/1"):
        pass
    records = [msgspec.json.decode(leaf.record) for leaf in await hub.app[AUDIT].leaves() if leaf.record]
    told = [record["values"] for record in records if record["subject"] == "roster"]
    assert [set(values) for values in told] == [{"entered", "person"}, {"removed", "person"}]
    assert "Ana" not in str(told)
