"""A hub's state for commands: its configuration with the data folder, and work on it beside a hub that may run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.config import HubConfig
    from hub.policy.audit import AuditLog
    from hub.words import Language

T = TypeVar("T")

COMMAND_LINE = "command line"
"""Who did it, in the audit log: whoever may write the hub's files."""

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The hub's TOML; else hub.toml of the data.")]
DataOption = Annotated[Path | None, typer.Option("--data-dir", help="The hub's data; else the configuration's.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable.")]


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def refused(words: str, status: int = 2) -> typer.Exit:
    """Say `words` as an error; what to raise."""
    typer.echo(words, err=True)
    return typer.Exit(status)


def language_of(asked: str | None, default: Language = "fr") -> Language:
    """`fr` or `en`; exits 2 for any other."""
    match asked:
        case None:
            return default
        case "fr":
            return "fr"
        case "en":
            return "en"
    raise refused(f"--lang is fr or en, not {asked!r}.")


def configured(config: Path | None, data_dir: Path | None, *, make: bool = False) -> HubConfig:
    """The configuration with its data folder; exits 2 where it is wrong, or holds no state and none may be made.

    `make` makes a state only where somebody named it: else a command in the wrong folder would begin a second hub.
    """
    import msgspec

    from hub.config import ConfigError, load_config

    near = [folder / "hub.toml" for folder in (data_dir, data_dir.parent)] if data_dir is not None else []
    path = config or next((place for place in near if place.exists()), None)
    try:
        loaded = load_config(path)
    except ConfigError as error:
        raise refused(f"Configuration: {error}") from None
    if data_dir is not None:
        loaded = msgspec.structs.replace(loaded, data_dir=data_dir)
    may_make = make and (path is not None or data_dir is not None)
    if not may_make and not loaded.state_url and not (loaded.data_dir / "state.sqlite").is_file():
        raise refused(f"There is no hub's state in {loaded.data_dir}; name it with --data-dir or --config.")
    return loaded


def on_state(config: HubConfig, work: Callable[[AsyncEngine], Awaitable[T]], *, reading: bool = False) -> T:
    """Run `work` on the state; exits 2 where the state can't be used.

    It is brought to this version first, but not for `reading` alone: the hub beside may be an older one.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from hub.store import StoreBusy, migrate, open_engine
    from hub.store.engine import StoreNewer, StoreUrlRefused

    async def run() -> T:
        if not reading:
            await migrate(config.database_url)
        engine = open_engine(config.database_url)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    try:
        return asyncio.run(run())
    except (SQLAlchemyError, OSError, StoreBusy, StoreNewer, StoreUrlRefused) as error:
        raise refused(f"The hub's state can't be used: {str(error).splitlines()[0]} [state_unusable]") from None


async def audit_of(engine: AsyncEngine, config: HubConfig) -> AuditLog:
    """The hub's audit log, so that what is done here stands in it too."""
    from hub.policy.audit import AuditLog, load_audit_key

    return AuditLog(engine, await asyncio.to_thread(load_audit_key, config.data_dir / "audit.key"))
