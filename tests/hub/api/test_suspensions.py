"""The stop: one act, in force at once, over a restart, in the audit log; and the log verifies without the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.app import serving
from hub.commands.main import app as command_line
from hub.config import Http, HubConfig, PolicyConfig
from hub.incident import Incident
from hub.keys import AUDIT, GATE, STORE
from hub.policy.audit import Record
from hub.store import Decision
from hub.store.changes import committed_position

NOW = 1_795_000_000_000_000
LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")


async def _records(app: Any) -> list[Record]:
    import msgspec

    return [msgspec.json.decode(leaf.record, type=Record) for leaf in await app[AUDIT].leaves() if leaf.record]


async def test_an_operator_stops_everything_at_once_and_only_a_supervisor_opens_it_again(hub: Any) -> None:
    operator, supervisor = await hub.session("operator"), await hub.session("supervisor")
    assert hub.app[GATE].assessment(NOW).mode == "dispatch"
    async with operator.post("/api/v1/suspensions", json={"name": "*", "reason": "order of the prefect"}) as answer:
        assert answer.status == 201
    assert hub.app[GATE].assessment(NOW).mode == "off"
    async with operator.get("/api/v1/status", headers={"Accept-Language": "fr"}) as answer:
        status = await answer.json()
    assert status["mode"] == "off"
    assert [reason["code"] for reason in status["mode_reasons"]] == ["LEGAL_SUSPENDED"]
    async with operator.delete("/api/v1/suspensions/*", json={"reason": "over"}) as answer:
        assert answer.status == 403
    async with supervisor.delete("/api/v1/suspensions/*", json={"reason": "order withdrawn"}) as answer:
        assert answer.status == 200
    assert hub.app[GATE].assessment(NOW).mode == "dispatch"
    told = [(r.subject, r.reason, r.values["stopped"]) for r in await _records(hub.app) if r.kind == "suspension"]
    assert told == [("*", "order of the prefect", True), ("*", "order withdrawn", False)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "mic-nowhere", "reason": "why not"}, 404),
        ({"name": "gunshot"}, 422),
        ({"name": "*", "reason": "x"}, 422),
    ],
)
async def test_a_stop_of_nothing_or_without_a_reason_is_refused(hub: Any, body: dict[str, str], status: int) -> None:
    client = await hub.session("operator")
    async with client.post("/api/v1/suspensions", json=body) as answer:
        assert answer.status == status


async def test_a_stop_holds_over_a_restart(tmp_path: Path) -> None:
    config = HubConfig(data_dir=tmp_path, http=Http(port=0), policy=LAB)
    async with serving(config) as (app, _):
        from hub.keys import SUSPENSIONS

        await app[SUSPENSIONS].suspend("gunshot", "Ana", "too many false ones", NOW)
    async with serving(config) as (app, _):
        assert "gunshot" not in app[GATE].assessment(NOW).classes


async def test_every_decision_is_a_record_once_and_names_nobody(
    tmp_path: Path, gunshot: Callable[..., Incident]
) -> None:
    config = HubConfig(data_dir=tmp_path, http=Http(port=0), policy=LAB)
    async with serving(config) as (app, _):
        await app[STORE].save([gunshot()], NOW)
        await app[STORE].decide(gunshot().id, Decision("Ana Martin", "reject", "firework", NOW, 1))
        await _followed(app)
    async with serving(config) as (app, _):
        await _followed(app)
        decisions = [record for record in await _records(app) if record.kind == "decision"]
    assert [(one.values["action"], one.reason) for one in decisions] == [("reject", "firework")]
    assert "Ana" not in repr(decisions)
    command = ["audit", "verify", str(tmp_path), "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, command_line, command)
    assert result.exit_code == 0
    verdict = json.loads(result.output)
    assert verdict["sound"]
    assert verdict["size"] >= 5


async def _followed(app: Any) -> None:
    """Until the audit log has reached the newest change."""
    for _ in range(500):
        if await committed_position(app[STORE].engine, "audit") >= await app[STORE].newest_change():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the audit log did not follow")


def test_an_exported_log_verifies_elsewhere_and_a_changed_one_does_not(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(HubConfig(data_dir=tmp_path / "data", http=Http(port=0), policy=LAB)):
            pass

    asyncio.run(run())
    out = tmp_path / "audit.jsonl"
    runner = CliRunner()
    assert (
        runner.invoke(
            command_line, ["audit", "export", "--data-dir", str(tmp_path / "data"), "--out", str(out)]
        ).exit_code
        == 0
    )
    assert runner.invoke(command_line, ["audit", "verify", str(out)]).exit_code == 0
    lines = out.read_text().splitlines()
    row = json.loads(lines[0])
    row["record"] = row["record"][:-4] + "AAAA"
    out.write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    changed = runner.invoke(command_line, ["audit", "verify", str(out)])
    assert changed.exit_code == 1
    assert "record 0 was changed" in changed.output
    out.write_text("no log\n")
    assert runner.invoke(command_line, ["audit", "verify", str(out)]).exit_code == 2
    proof = runner.invoke(command_line, ["audit", "proof", "0", "--data-dir", str(tmp_path / "data")])
    assert proof.exit_code == 0
    assert json.loads(proof.output)["leaf"]["sequence"] == 0
