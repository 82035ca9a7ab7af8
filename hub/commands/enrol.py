"""`tocsin enrol`: make this sensor's key and let it in at the hub."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

EXAMPLE = "Example: tocsin enrol --hub https://hub.example --code K7QF-3M9X-TR2P --key /var/lib/tocsin/mic-3.pem"


@app.command(epilog=EXAMPLE)
def enrol(
    hub: Annotated[str, typer.Option(help="The hub's address, such as https://hub.example.")],
    code: Annotated[str, typer.Option(help="The one-time code from `tocsin sensors add` or `tocsin sensors code`.")],
    key: Annotated[Path, typer.Option(help="Where the new private key goes; it never leaves this machine.")],
    kind: Annotated[
        str | None, typer.Option(help="microphone or camera: refuses a code that is meant for the other.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Make a key on this machine and enrol it at the hub with a one-time code.

    Exits 1 where the hub refuses the code, 2 where the key file or the address can't be used.
    """
    from sensors.enrolment import EnrolmentError
    from sensors.enrolment import enrol as enrol_at
    from sensors.identity import IdentityError

    if kind not in {None, "microphone", "camera"}:
        typer.echo(f"--kind is microphone or camera, not {kind!r}.", err=True)
        raise typer.Exit(2)
    try:
        identity = asyncio.run(enrol_at(hub, code, key, kind))
    except IdentityError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except EnrolmentError as error:
        typer.echo(f"{error} ({error.code})", err=True)
        raise typer.Exit(2 if error.code in {"hub_unreachable", "hub_unknown"} else 1) from None
    if as_json:
        typer.echo(json.dumps({"sensor": identity.sensor, "hub": identity.hub, "key": str(key)}))
    else:
        typer.echo(f"Enrolled as {identity.sensor} at {identity.hub}; the key is in {key}.")
