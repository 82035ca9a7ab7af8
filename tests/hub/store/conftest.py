"""Both databases, as real servers, and incidents to put into them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.store.engine import async_url, migrate, open_engine


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/state.sqlite"
        await migrate(url)
        yield url
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"tocsin_{uuid4().hex}"
    administrator = create_async_engine(async_url(server), isolation_level="AUTOCOMMIT")
    async with administrator.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.replace("/postgres?", f"/{name}?")
    await migrate(url)
    yield url
    async with administrator.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await administrator.dispose()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty, migrated database, once of each kind."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()
