"""Texts of the audit log go in their time and every proof stays; a head kept elsewhere finds a log that was cut."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from hub.commands.main import app
from hub.policy.audit import AuditLog, Record
from hub.policy.follower import AuditFollower
from hub.policy.gate import Gate
from hub.policy.verify import verify
from hub.store import Store, migrate_engine, open_engine
from hub.store.retention import purges

DAY_US = 86_400_000_000
NOW = 1_795_000_000_000_000


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'state.sqlite'}")
    await migrate_engine(made)
    yield made
    await made.dispose()


async def test_after_a_year_the_text_goes_and_the_root_stays(engine: AsyncEngine, complete: Any) -> None:
    audit = AuditLog(engine, Ed25519PrivateKey.generate())
    for age in (366, 364, 0):
        await audit.append(Record(NOW - age * DAY_US, "decision", "p-1", f"incident of {age} days"))
    before = await audit.sign_head(NOW)
    follower = AuditFollower(Store(engine), audit, Gate(complete("lab")))
    assert await follower.forget(NOW) == 1
    assert await follower.forget(NOW) == 0
    leaves = await audit.leaves()
    assert [leaf.record is None for leaf in leaves] == [True, False, False, False]
    assert (verify(leaves, [before]).sound, leaves[-1].kind) == (True, "erasure")
    assert [(proof.kind, proof.rows) for proof in await purges(engine)] == [("audit", 1)]


async def test_a_head_kept_elsewhere_finds_a_log_that_was_cut(engine: AsyncEngine, tmp_path: Path) -> None:
    import asyncio

    audit = AuditLog(engine, Ed25519PrivateKey.generate())
    for number in range(5):
        await audit.append(Record(NOW + number, "decision", "p-1", str(number)))
    await audit.sign_head(NOW)
    await engine.dispose()

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["audit", *arguments])

    def cut() -> None:
        with closing(sqlite3.connect(tmp_path / "state.sqlite")) as database:
            database.execute("DELETE FROM audit WHERE sequence >= 3")
            database.execute("DELETE FROM audit_head")
            database.commit()

    kept = tmp_path / "head.json"
    made = await asyncio.to_thread(run, "head", "--data-dir", str(tmp_path), "--out", str(kept))
    assert made.exit_code == 0
    whole = await asyncio.to_thread(run, "verify", str(tmp_path), "--head-file", str(kept))
    assert whole.exit_code == 0
    await asyncio.to_thread(cut)
    alone = await asyncio.to_thread(run, "verify", str(tmp_path))
    assert alone.exit_code == 0, "whoever kept nothing can't tell"
    found = await asyncio.to_thread(run, "verify", str(tmp_path), "--head-file", str(kept))
    assert (found.exit_code, "cut off" in found.output) == (1, True)
    nothing = await asyncio.to_thread(run, "head", "--data-dir", str(tmp_path), "--out", str(kept))
    assert nothing.exit_code == 1
