"""Opens the database and brings it to the newest schema: SQLite embedded, PostgreSQL for several hubs, one code.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned is on disk. A transaction that will write takes
its lock at the start (`BEGIN IMMEDIATE`), because a reader that turns into a writer can only fail, never wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, event, func, inspect, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from hub.salvage import is_damage
from hub.twin import Mended, Twin
from hub.twin import heal as heal_file

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5_000
"""How long SQLite itself waits for a lock; past it the write is tried again from the start."""

WRITE_RETRIES_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between the tries of one write. With the busy time-out a lock may be held for half a minute."""

_RETRIED_SQLSTATES: Final = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization failure, deadlock, lock not available."""

_MIGRATING: Final = 7_067_000
"""Number of the lock that a migration takes."""

_ASYNC_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class StoreUrlRefused(ValueError):
    """The database address is of a kind that the hub cannot use."""

    code = "store_url_refused"


class StoreNewer(RuntimeError):
    """The state was brought to a schema that this version does not know yet."""

    code = "store_newer"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the state was made by a newer Tocsin (schema {revision}, this one knows {_newest_revision()}): "
            "install that version again, or put back a backup that this one made [store_newer]"
        )


class StoreBusy(RuntimeError):
    """The database stayed locked through every try; the caller may answer 503 and the sender tries again."""

    code = "store_busy"


def async_url(url: str) -> URL:
    """The address with the driver that this program uses; accepts `sqlite:///path`, `sqlite://` and `postgresql://`."""
    parsed = make_url(url)
    driver = _ASYNC_DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise StoreUrlRefused(
            f"database {parsed.get_backend_name()!r} is not supported: use sqlite:///FILE or postgresql://USER@HOST/NAME"
        )
    return parsed.set(drivername=driver)


async def heal(url: str, now_us: int) -> Mended | None:
    """Where the SQLite file at `url` is damaged, mend it from its second copy; nobody may have it open.

    Where there is no copy, what can be read is saved; SalvageFailed where nothing can: a hub that began with an empty
    state would let a stranger be its first administrator, so a person has to put a backup back.
    """
    path = file_of(url)
    return None if path is None else await asyncio.to_thread(heal_file, path, now_us)


def twin_of(engine: AsyncEngine) -> Twin | None:
    """The second copy beside the file of `engine`; None where it is no file of SQLite's."""
    twin: Twin | None = engine.get_execution_options().get("tocsin_twin")
    return twin


async def close_copied(engine: AsyncEngine) -> None:
    """Close the engine, its file and the second copy being the same."""
    if (twin := twin_of(engine)) is not None:
        with contextlib.suppress(sqlite3.Error):
            await asyncio.to_thread(twin.checkpoint)
    await engine.dispose()
    if twin is not None:
        await asyncio.to_thread(twin.close)


def file_of(url: str) -> Path | None:
    """The file of a SQLite address; None for another database."""
    parsed = async_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def on_damage(engine: AsyncEngine, tell: Callable[[], None]) -> None:
    """Call `tell` each time SQLite finds that the file of `engine` is damaged."""

    def look(context: ExceptionContext) -> None:
        if is_damage(context.original_exception):
            tell()

    event.listen(engine.sync_engine, "handle_error", look)


def open_engine(url: str) -> AsyncEngine:
    """An engine on `url`; nothing is connected yet. Close it with `await engine.dispose()`."""
    parsed = async_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_async_engine(parsed, pool_pre_ping=True, pool_size=8)
    if parsed.database in (None, "", ":memory:"):
        engine = create_async_engine(parsed, poolclass=StaticPool)
    else:
        twin = Twin(Path(str(parsed.database)))
        # As a URI the path reaches SQLite as it is; otherwise SQLAlchemy asks the file system, in the event loop.
        parsed = parsed.set(database=f"file:{quote(str(parsed.database))}", query={"uri": "true"})
        # Four threads: one writes, the others serve readers, which WAL never blocks.
        engine = create_async_engine(
            parsed, pool_size=4, max_overflow=0, pool_timeout=60, execution_options={"tocsin_twin": twin}
        )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # The second copy must have what a checkpoint puts into the file.
    cursor.execute("PRAGMA wal_autocheckpoint = 0")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tocsin_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection with one consistent view."""
    async with engine.connect() as connection, connection.begin():
        yield connection


async def write(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` in one transaction and commit it; the whole of it again while the database is locked.

    `work` may run several times, so it must change nothing outside the database. Raises `StoreBusy` after the last try.
    """
    for pause_s in (*WRITE_RETRIES_S, None):
        try:
            async with engine.connect() as connection:
                connection = await connection.execution_options(tocsin_writes=True)
                async with connection.begin():
                    done = await work(connection)
            await _keep_copy(engine)
            return done
        except DBAPIError as error:
            if not is_busy(error):
                raise
            if pause_s is None:
                raise StoreBusy("the database stayed locked; another program holds it") from error
        await asyncio.sleep(pause_s)
    raise AssertionError("the last try returns or raises")


async def _keep_copy(engine: AsyncEngine) -> None:
    """What was committed goes to the second copy too, before anybody is told that it is kept."""
    twin = twin_of(engine)
    if twin is not None and await asyncio.to_thread(twin.follow):
        with contextlib.suppress(sqlite3.Error):
            await asyncio.to_thread(twin.checkpoint)


def is_busy(error: DBAPIError) -> bool:
    """True for an error that goes away by itself: locked SQLite, deadlock or serialization failure on PostgreSQL."""
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        code = cause.sqlite_errorcode & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(cause, "sqlstate", None) in _RETRIED_SQLSTATES


async def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema; costs one query where it already is there."""
    if (path := file_of(url)) is not None:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    engine = open_engine(url)
    try:
        await migrate_engine(engine)
    finally:
        await engine.dispose()


async def migrate_engine(engine: AsyncEngine) -> None:
    """The same for an open engine: the way for a database in memory, which lives as long as its engine."""
    async with reading(engine) as connection:
        current = await connection.run_sync(_revision)
    if current == await asyncio.to_thread(_newest_revision):
        return

    async def upgrade(connection: AsyncConnection) -> None:
        if connection.dialect.name == "postgresql":
            # Several hubs may start at once: the others find it done.
            await connection.execute(func.pg_advisory_xact_lock(_MIGRATING).select())
        current = await connection.run_sync(_revision)
        steps = await asyncio.to_thread(_steps_from, current)
        await connection.run_sync(_run_steps, steps)

    await write(engine, upgrade)


def script_folder() -> Path:
    """Where the migrations lie: inside the package, so that an installed wheel has them."""
    return Path(__file__).parent / "migrations"


def _newest_revision() -> str:
    """The chain is linear and each file is named `NNNN_words.py` after its revision `NNNN`."""
    return max(path.name[:4] for path in (script_folder() / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _steps_from(revision: str | None) -> list[Any]:
    """The migrations from `revision` to the newest, read from their files: in a thread, unlike running them."""
    if revision is not None and revision > _newest_revision():
        raise StoreNewer(revision)
    # Alembic is loaded only when there is something to do: it would be a third of the start.
    from alembic.script import ScriptDirectory

    return list(ScriptDirectory(script_folder())._upgrade_revs("head", revision))  # type: ignore[arg-type]


def _run_steps(connection: Connection, steps: list[Any]) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"fn": lambda _revision, _context: steps})
    with Operations.context(context):
        context.run_migrations()
