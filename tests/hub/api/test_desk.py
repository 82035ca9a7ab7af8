"""The control room's own papers over HTTP: notes, calendar, drills, and what a person reports."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hub.desk.handover import HANDOVER_DAYS, Handover
from hub.incident import needs_second_look
from hub.keys import AUDIT, ENGINE, GATE, RUNNER, STORE

DAY_US = 86_400_000_000
PLACE = {"latitude": 45.4361, "longitude": 4.3780}


def now_us() -> int:
    return time.time_ns() // 1_000


async def asked(client: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1/{path}", json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def kept(hub: Any, kind: str) -> list[Any]:
    """Records of one kind of the audit log."""
    return [msgspec.json.decode(leaf.record) for leaf in await hub.app[AUDIT].leaves() if leaf.kind == kind]


async def test_a_note_is_left_to_the_next_shift_which_takes_it_over(hub: Any) -> None:
    late, early = await hub.session("operator"), await hub.session("supervisor")
    status, left = await asked(late, "POST", "handover", {"text": " Mic 4 hums; the technician knows. "})
    assert status == 201
    assert left["notes"][0]["text"] == "Mic 4 hums; the technician knows."
    assert left["shift"]["began_us"] <= left["notes"][0]["at_us"] < left["shift"]["ends_us"]
    assert (await asked(late, "POST", "handover/take"))[1]["taken"] == 0, "nobody takes over from himself"
    _, taken = await asked(early, "POST", "handover/take")
    assert taken["taken"] == 1
    assert taken["notes"][0]["taken_by"].startswith("supervisor")
    records = await kept(hub, "desk")
    assert [record["values"]["act"] for record in records] == ["written", "taken_over"]
    assert "hums" not in str(records), "the audit log keeps that there was a note and not what it says"


async def test_an_empty_note_is_none(hub: Any) -> None:
    client = await hub.session("operator")
    for text in ("", "   ", "x" * 4_001):
        assert (await asked(client, "POST", "handover", {"text": text}))[0] == 422


async def test_notes_go_after_a_month(hub: Any) -> None:
    papers = Handover(hub.app[ENGINE], hub.app[AUDIT])
    old_us = now_us() - (HANDOVER_DAYS + 1) * DAY_US
    await papers.write("long ago", old_us, "Ana", old_us)
    assert await papers.notes(now_us()) == []
    await papers.write("today", now_us(), "Ana", now_us())
    assert [note.text for note in await papers.notes(old_us)] == ["today"], "the old one is deleted, not hidden"


def declaration(**changes: Any) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    values = {
        "kind": "works",
        "name": "Rue Gambetta",
        "first_day": (today - timedelta(days=1)).isoformat(),
        "last_day": (today + timedelta(days=30)).isoformat(),
    }
    return values | changes


async def test_a_declared_source_is_weighed_by_fusion_until_somebody_ends_it(hub: Any) -> None:
    client = await hub.session("technician")
    status, view = await asked(client, "POST", "calendar", declaration())
    assert status == 201
    (one,) = view["declarations"]
    assert one["state"] == "now"
    assert one["log_odds"] < 0.0
    runner = hub.app[RUNNER]
    await runner._refresh_sites()
    terms = runner._engine.context.terms(45.4361, 4.3780, now_us())
    assert [term.words for term in terms] == ["evidence_context_works"]
    status, view = await asked(client, "POST", f"calendar/{one['number']}/end", {"reason": "finished early"})
    assert (status, view["declarations"][0]["state"]) == (200, "ended")
    await runner._refresh_sites()
    assert runner._engine.context.terms(45.4361, 4.3780, now_us()) == ()
    assert (await asked(client, "POST", f"calendar/{one['number']}/end", {"reason": "again"}))[0] == 404
    reasons = [record["reason"] for record in await kept(hub, "configuration")]
    assert reasons[-2:] == ["declared", "ended: finished early"]


async def test_a_declaration_that_makes_no_sense_is_refused_with_the_mend(hub: Any) -> None:
    client = await hub.session("operator")
    for wrong, code in (
        (declaration(last_day="2020-01-01", first_day="2020-01-01"), "declaration_over"),
        (declaration(first_day="2099-01-01"), "declaration_unusable"),
        (declaration(zone=[[45.0, 4.0], [45.1, 4.1]]), "declaration_unusable"),
    ):
        status, told = await asked(client, "POST", "calendar", wrong)
        assert (status, told["code"]) == (422, code)
    assert (await asked(client, "POST", "calendar", declaration(kind="anything")))[0] == 422


async def test_what_a_person_reports_waits_for_a_decision_and_sends_nothing(hub: Any) -> None:
    client = await hub.session("operator")
    status, view = await asked(
        client, "POST", "incidents?lang=en", {"event": "fire", "reason": "call 17, two callers", **PLACE}
    )
    assert status == 201
    assert (view["state"], view["deliveries"], view["decisions"]) == ("open", [], [])
    assert view["place"]["ellipse"]["semi_major_m"] == 30.0
    assert view["sentences"][0]["text"].endswith("call 17, two callers")
    stored = (await hub.app[STORE].incidents())[0]
    assert not needs_second_look(stored.incident), "a person saw it: it is no camera's guess"
    assert (await kept(hub, "desk"))[-1]["values"]["event"] == "fire"


async def test_a_report_passes_the_gate(hub: Any) -> None:
    client = await hub.session("operator")
    gate = hub.app[GATE]
    for profile in ("statistics-only", "noise-levels"):
        gate.policy = msgspec.structs.replace(gate.policy, profile=profile)
        gate.suspend(())
        status, told = await asked(client, "POST", "incidents", {"event": "gunshot", "reason": "a call", **PLACE})
        assert status == 403
        assert told["code"].startswith("LEGAL_")
    assert sum(gate.refused.values()) == 2
    assert await hub.app[STORE].incidents() == []


async def test_what_was_stopped_is_not_reported_either(hub: Any) -> None:
    client = await hub.session("operator")
    await asked(client, "POST", "suspensions", {"name": "gunshot", "reason": "too many false ones"})
    assert (await asked(client, "POST", "incidents", {"event": "gunshot", "reason": "a call", **PLACE}))[0] == 403
    assert (await asked(client, "POST", "incidents", {"event": "fire", "reason": "a call", **PLACE}))[0] == 201


async def test_reports_of_the_future_of_last_week_and_of_no_class_are_refused(hub: Any) -> None:
    client = await hub.session("operator")
    for wrong, code in (
        ({"happened_us": now_us() + DAY_US}, "moment_refused"),
        ({"happened_us": now_us() - 7 * DAY_US}, "moment_refused"),
        ({"event": "suspicious_person"}, "event_unknown"),
    ):
        body = {"event": "gunshot", "reason": "a call", **PLACE, **wrong}
        status, told = await asked(client, "POST", "incidents", body)
        assert (status, told["code"]) == (422, code)


async def test_one_drill_runs_at_a_time_and_everyone_signed_in_sees_it(hub: Any) -> None:
    lead, operator, stranger = [await hub.session(role) for role in ("supervisor", "operator", None)]
    assert (await asked(lead, "GET", "drill"))[1] == {"drill": None}
    status, begun = await asked(lead, "POST", "drill", {"purpose": "night shift, first drill"})
    assert status == 201
    assert (await asked(lead, "POST", "drill", {"purpose": "another"}))[1]["code"] == "drill_runs"
    assert (await asked(operator, "GET", "status"))[1]["drill"] == begun["drill"]
    assert "drill" not in (await asked(stranger, "GET", "status"))[1]
    assert (await asked(operator, "DELETE", "drill"))[0] == 403
    assert (await asked(lead, "DELETE", "drill"))[0] == 200
    assert (await asked(lead, "DELETE", "drill"))[1]["code"] == "no_drill"
    assert (await asked(operator, "GET", "status"))[1]["drill"] is None


async def test_an_exercise_outside_the_laboratory_needs_a_drill(real_hub: Any) -> None:
    lead = await real_hub.session("supervisor")
    body = {"event": "gunshot", "reason": "drill card 3", "exercise": True, **PLACE}
    status, told = await asked(lead, "POST", "incidents", body)
    assert (status, told["code"]) == (409, "no_drill")
    await asked(lead, "POST", "drill", {"purpose": "night shift, first drill"})
    status, view = await asked(lead, "POST", "incidents", body)
    assert (status, view["exercise"]) == (201, True)
    _, real = await asked(lead, "POST", "incidents", body | {"exercise": False, "reason": "call 17"})
    assert real["exercise"] is False, "what is real stays real while a drill runs"
