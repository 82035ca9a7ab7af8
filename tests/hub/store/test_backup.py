"""A backup of a working hub is whole and can be put back; a damaged one is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.commands.backup import app as backup_app
from hub.commands.restore import app as restore_app
from hub.incident import Incident
from hub.store import Store, migrate, open_engine
from hub.store.backup import BackupRefused, back_up, put_back, verify

MADE = datetime(2026, 11, 22, 15, 45, tzinfo=UTC)
NOW = 1_790_000_001_000_000
Maker = Callable[..., Incident]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    await migrate(f"sqlite:///{folder}/state.sqlite")
    (folder / "audit").mkdir()
    (folder / "audit" / "key.pem").write_text("a key")
    return folder


async def test_a_backup_taken_while_the_hub_writes_is_one_consistent_state(
    data: Path, tmp_path: Path, make_incident: Maker
) -> None:
    engine = open_engine(f"sqlite:///{data}/state.sqlite")
    store = Store(engine)

    async def write_on() -> None:
        for index in range(60):
            await store.save([make_incident(f"n{index}")], NOW)

    writing = asyncio.create_task(write_on())
    await store.save([make_incident("before")], NOW)
    folder = await asyncio.to_thread(back_up, data, tmp_path / "backups", MADE)
    await writing
    await engine.dispose()
    await asyncio.to_thread(put_back, folder, tmp_path / "again")
    restored = Store(open_engine(f"sqlite:///{tmp_path}/again/state.sqlite"))
    found = await restored.incidents(limit=1_000)
    assert make_incident("before") in [stored.incident for stored in found]
    assert len(found) == await restored.newest_change()
    await restored.engine.dispose()
    assert (tmp_path / "again" / "audit" / "key.pem").read_text() == "a key"


def test_a_damaged_backup_is_refused_and_the_data_stays(data: Path, tmp_path: Path) -> None:
    folder = back_up(data, tmp_path / "backups", MADE)
    copy = folder / "state.sqlite"
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 0xFF
    copy.write_bytes(content)
    before = (data / "state.sqlite").read_bytes()
    with pytest.raises(BackupRefused) as refusal:
        put_back(folder, data, replace=True)
    assert refusal.value.code == "damaged"
    assert (data / "state.sqlite").read_bytes() == before


def test_a_torn_backup_is_none(data: Path, tmp_path: Path) -> None:
    folder = back_up(data, tmp_path / "backups", MADE)
    (folder / "manifest.json").unlink()
    with pytest.raises(BackupRefused, match="no finished backup"):
        verify(folder)


def test_data_is_replaced_only_when_told_and_is_moved_aside(data: Path, tmp_path: Path) -> None:
    folder = back_up(data, tmp_path / "backups", MADE)
    (data / "audit" / "key.pem").write_text("a newer key")
    with pytest.raises(BackupRefused) as refusal:
        put_back(folder, data)
    assert refusal.value.code == "data_exists"
    put_back(folder, data, replace=True)
    assert (data / "audit" / "key.pem").read_text() == "a key"
    assert (tmp_path / "data.before-restore-1" / "audit" / "key.pem").read_text() == "a newer key"


def test_a_running_hub_is_not_pulled_away(data: Path, tmp_path: Path) -> None:
    folder = back_up(data, tmp_path / "backups", MADE)
    hub = sqlite3.connect(data / "state.sqlite")
    hub.execute("SELECT count(*) FROM incident").fetchone()
    with pytest.raises(BackupRefused) as refusal:
        put_back(folder, data, replace=True)
    hub.close()
    assert refusal.value.code == "in_use"
    put_back(folder, data, replace=True)


def test_a_backup_inside_the_data_is_refused(data: Path) -> None:
    with pytest.raises(BackupRefused) as refusal:
        back_up(data, data / "backups", MADE)
    assert refusal.value.code == "target_inside"


def test_the_commands_say_what_they_did_and_exit_by_it(data: Path, tmp_path: Path) -> None:
    command = CliRunner()
    made = command.invoke(backup_app, [str(tmp_path / "backups"), "--data-dir", str(data), "--json"])
    assert made.exit_code == 0
    folder = json.loads(made.stdout)["backup"]
    assert command.invoke(backup_app, [folder, "--verify"]).exit_code == 0
    assert command.invoke(restore_app, [folder, "--data-dir", str(data)]).exit_code == 2
    assert command.invoke(restore_app, [folder, "--data-dir", str(tmp_path / "new")]).exit_code == 0
    (Path(folder) / "state.sqlite").write_bytes(b"nothing")
    assert command.invoke(backup_app, [folder, "--verify"]).exit_code == 1
    assert command.invoke(backup_app, [str(tmp_path / "b"), "--data-dir", str(tmp_path / "none")]).exit_code == 2
