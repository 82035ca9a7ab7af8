"""Both databases, as real servers, and incidents to put into them."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.store.engine import async_url, migrate, open_engine


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a private PostgreSQL cluster on a free port; skipped where its programs are not installed."""
    pytest.importorskip("asyncpg", reason="asyncpg is not installed: pip install tocsin[cluster]")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = Path(initdb).parent
    with tempfile.TemporaryDirectory(prefix="tocsin-pg-") as name:
        folder = Path(name)
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def execute(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)

        execute(str(programs / "initdb"), "-D", f"{folder}/data", "-U", "tocsin", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        server = [str(programs / "pg_ctl"), "-D", f"{folder}/data", "-w"]
        execute(*server, "-o", options, "-l", f"{folder}/log", "start")
        try:
            # Told so, the driver looks for no password file and no certificate, which it would do in the event loop.
            yield f"postgresql://tocsin:trusted@127.0.0.1:{port}/postgres?ssl=disable"
        finally:
            execute(*server, "-m", "immediate", "stop")


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
