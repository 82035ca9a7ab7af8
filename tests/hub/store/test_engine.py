"""One code opens and migrates both databases, and a locked one is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store import engine as engine_module
from hub.store.engine import StoreBusy, StoreNewer, StoreUrlRefused, migrate, open_engine, reading, write
from hub.store.metadata import METADATA
from hub.store.migrations.__main__ import load_tables


async def test_the_chain_of_migrations_builds_exactly_the_declared_tables(engine: AsyncEngine) -> None:
    load_tables()
    async with reading(engine) as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )
    assert difference == [], 'run: python -m hub.store.migrations "what changes"'


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/state.sqlite"
    await migrate(url)
    before = (tmp_path / "deep/state.sqlite").read_bytes()
    await migrate(url)
    assert (tmp_path / "deep/state.sqlite").read_bytes() == before


async def test_a_commit_on_sqlite_is_on_disk(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/state.sqlite")
    async with reading(engine) as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar() == 1
    await engine.dispose()


async def test_a_locked_database_is_tried_again_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 1)
    engine = open_engine(f"sqlite:///{tmp_path}/state.sqlite")
    await write(engine, _make_table)
    lock = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(write(engine, _insert))
    await asyncio.sleep(0.1)
    assert not writing.done()
    lock.execute("COMMIT")
    lock.close()
    await writing
    async with reading(engine) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM thing"))).scalar() == 1
    await engine.dispose()


async def test_a_database_that_stays_locked_is_an_error_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 1)
    monkeypatch.setattr(engine_module, "WRITE_RETRIES_S", (0.01, 0.01))
    engine = open_engine(f"sqlite:///{tmp_path}/state.sqlite")
    await write(engine, _make_table)
    lock = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await write(engine, _insert)
    lock.close()
    await engine.dispose()


def test_another_kind_of_database_is_refused_with_what_to_use() -> None:
    with pytest.raises(StoreUrlRefused, match="sqlite:///FILE"):
        open_engine("mysql://root@localhost/tocsin")


async def _make_table(connection: AsyncConnection) -> None:
    await connection.execute(text("CREATE TABLE thing (id INTEGER)"))


async def _insert(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO thing VALUES (1)"))


async def test_the_state_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.sqlite"
    await migrate(url)
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(StoreNewer, match=r"schema 9999.*install that version again"):
        await migrate(url)
