"""What every agent's command begins with: its key, its folder, the way to its hub, the time of a recording."""

from __future__ import annotations

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
