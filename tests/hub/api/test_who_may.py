"""Who may confirm, and who says why before he reads: the law's answers over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hub.access.tokens import new_token
from hub.incident import Incident
from hub.keys import AUDIT, ENGINE, GATE, STORE
from hub.policy.basis import Operator
from hub.policy.gate import Gate

ADDRESS = "/api/v1/incidents/00000000-0000-0000-0000-000000000001"


def of_now(**changes: Any) -> dict[str, Any]:
    """What happened this moment; an incident of another day expires beside the test."""
    now_us = time.time_ns() // 1_000
    return {"onset_us": now_us, "end_us": now_us, "updated_us": now_us, **changes}


async def test_under_a_prefect_s_order_only_a_designated_person_confirms(
    hub: Any, gunshot: Callable[..., Incident]
) -> None:
    await hub.app[STORE].save([gunshot(**of_now(event="intrusion", exercise=False))], 1)
    client = await hub.session("operator")
    gate: Gate = hub.app[GATE]
    gate.policy = msgspec.structs.replace(gate.policy, profile="fr-2023-380")
    for action, status in (("acknowledge", 200), ("confirm", 403), ("reject", 200)):
        body = {"action": action, "revision": 1, "reason": "un pétard"}
        async with client.post(f"{ADDRESS}/decisions?lang=fr", json=body) as answer:
            assert answer.status == status
            if status == 403:
                told = await answer.json(content_type=None)
                assert told["code"] == "LEGAL_NOT_HABILITATED"
                assert "habilité" in told["detail"]
    assert gate.refused["LEGAL_NOT_HABILITATED"] == 1


async def test_a_designated_person_confirms_by_her_own_name(hub: Any, gunshot: Callable[..., Incident]) -> None:
    await hub.app[STORE].save([gunshot(**of_now(event="intrusion", exercise=False))], 1)
    client = await hub.session("operator")
    name = f"operator {id(client)}"
    gate: Gate = hub.app[GATE]
    operators = (Operator(name, "police municipale", "2020-01-01", "2100-01-01"),)
    gate.policy = msgspec.structs.replace(gate.policy, profile="fr-2023-380", operators=operators)
    async with client.post(f"{ADDRESS}/decisions", json={"action": "confirm", "revision": 1}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("role", ["auditor", "technician", "administrator"])
async def test_who_does_not_work_with_incidents_says_why_he_reads_one(
    hub: Any, gunshot: Callable[..., Incident], role: Any
) -> None:
    await hub.app[STORE].save([gunshot()], 1)
    client = await hub.session(role)
    for asked in ("", "?reason=", "?reason=curiosity"):
        async with client.get(ADDRESS + asked) as answer:
            assert answer.status == 400
            told = await answer.json(content_type=None)
            assert told["code"] == "LEGAL_READ_WITHOUT_REASON"
            assert "audit" in told["reasons"]
    async with client.get(f"{ADDRESS}?reason=complaint") as answer:
        assert answer.status == 200
    kept = [leaf.record or b"" for leaf in await hub.app[AUDIT].leaves() if leaf.kind == "read"]
    assert len(kept) == 1
    assert b"complaint" in kept[0]
    assert role.encode() + b" " not in kept[0], "the log names people by pseudonym"


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/api/v1/incidents.geojson", "/api/v1/events"])
async def test_no_view_is_a_way_around_the_reason_and_an_open_page_is_one_consultation(hub: Any, path: str) -> None:
    for role in ("auditor", "technician", "administrator"):
        client = await hub.session(role)
        async with client.get(path) as answer:
            assert answer.status == 400
            assert (await answer.json(content_type=None))["code"] == "LEGAL_READ_WITHOUT_REASON"
        for _ in range(3):
            async with client.get(f"{path}?reason=audit") as answer:
                assert answer.status == 200
    records = [msgspec.json.decode(leaf.record or b"") for leaf in await hub.app[AUDIT].leaves() if leaf.kind == "read"]
    assert [one["values"]["role"] for one in records] == ["auditor", "technician", "administrator"]


async def test_a_program_states_its_reason_too_and_is_named(hub: Any) -> None:
    token = await new_token(hub.app[ENGINE], "city platform", "read", 30, time.time_ns() // 1_000)
    client = await hub.session(None)
    headers = {"Authorization": f"Bearer {token}"}
    async with client.get("/api/v1/incidents", headers=headers) as answer:
        assert answer.status == 400
    async with client.get("/api/v1/incidents?reason=incident_review", headers=headers) as answer:
        assert answer.status == 200
    (record,) = [
        msgspec.json.decode(leaf.record or b"") for leaf in await hub.app[AUDIT].leaves() if leaf.kind == "read"
    ]
    assert (record["actor"], record["reason"]) == ("program city platform", "incident_review")


async def test_an_operator_reads_what_he_works_with_without_a_word(hub: Any, gunshot: Callable[..., Incident]) -> None:
    await hub.app[STORE].save([gunshot()], 1)
    for role in ("operator", "supervisor"):
        async with (await hub.session(role)).get(ADDRESS) as answer:
            assert answer.status == 200
