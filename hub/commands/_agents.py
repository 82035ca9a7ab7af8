"""What every agent's command begins with: its key, its folder, the way to its hub, the time of a recording."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sensors.identity import Identity
    from sensors.spool import Spool
    from sensors.uplink import Uplink


def fail(code: str, detail: str) -> typer.Exit:
    """Say what is wrong on standard error, with its stable code; to be raised."""
    typer.echo(f"{detail} [{code}]", err=True)
    return typer.Exit(2)


def start_us(start: str) -> int | None:
    """UTC in µs of `--start`, None where it was not given; exits with `start_unusable`."""
    if not start:
        return None
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise fail("start_unusable", f"{start!r} is not a time like 2026-11-22T20:00:00Z.") from None
    if moment.tzinfo is None:
        raise fail("start_unusable", f"{start!r} has no offset from UTC: end it with Z, or +01:00.")
    return round(moment.timestamp() * 1e6)


def is_paced(identity: Path | None, start: str, *, real_time: bool) -> bool:
    """True where a recording takes its time: the hub refuses what lies in its future, as one that is played as though
    it were now would soon do."""
    return real_time or (identity is not None and not start)


def is_exercise(file: Path | None, *, exercise: bool) -> bool:
    """True where all is told as an exercise: a recording is not the street of now, and nobody is called to it."""
    return exercise or file is not None


def stop_on_terminate() -> None:
    """Let SIGTERM cancel the task that runs now, as Ctrl-C does; the second one must not disturb the closing."""
    task = asyncio.current_task()
    assert task is not None
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    with contextlib.suppress(NotImplementedError):  # no such handlers on Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)


def state_folder(state: Path | None, kind: str) -> Path:
    """The folder of spool and state, made where it is missing; `kind` names the default one."""
    folder = state or Path.home() / ".local" / "share" / "tocsin" / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail(
            "state_unwritable", f"{folder} can't be made: {error.strerror}. Give another with --state."
        ) from None
    return folder


def load_identity(path: Path) -> Identity:
    """The key file of a sensor; exits with the code of what is wrong with it."""
    from sensors.identity import Identity, IdentityError

    try:
        return Identity.load(path)
    except IdentityError as error:
        raise fail(error.code, str(error)) from None


def hub_of(key: Identity, path: Path, hub: str) -> str:
    """The address of the hub: what was asked for, else where the key in `path` was enrolled."""
    address = hub or key.hub
    if not address:
        raise fail("hub_missing", f"{path} was not enrolled at a hub: give its address with --hub.")
    return address


def uplink_to(address: str, key: Identity, spool: Spool) -> Uplink:
    """The way to the hub at `address`; exits with `hub_unusable`."""
    from sensors.uplink import Uplink

    try:
        return Uplink(address, key, spool)
    except ValueError as error:
        raise fail("hub_unusable", str(error)) from None
