"""`tocsin backup`: copy the hub's data while it runs, and prove that the copy is whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

EPILOG = """
Examples:\n
  tocsin backup /mnt/backup                              the data in ./tocsin-data\n
  tocsin backup /mnt/backup --config /etc/tocsin.toml    of a configured hub\n
  tocsin backup --verify /mnt/backup/tocsin-20261122T154500Z
"""


@app.command(epilog=EPILOG)
def backup(
    target: Annotated[Path, typer.Argument(help="Folder that gets the backup; with --verify, the backup itself.")],
    config: Annotated[Path | None, typer.Option(help="TOML file of the hub; without it the defaults.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where log and state are kept.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Only check an existing backup.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Back up log, state and keys; the hub may run. It holds keys: keep it as safe as the hub.

    Exits 1 where a backup is not whole, 2 where it cannot be made.
    """
    from hub.config import ConfigError, load_config
    from hub.store.backup import BackupRefused, back_up
    from hub.store.backup import verify as check

    try:
        if verify:
            folder, manifest = target, check(target)
        else:
            loaded = load_config(config)
            if not loaded.database_url.startswith("sqlite"):
                typer.echo("The state is on PostgreSQL: back it up with pg_dump; this copies the rest.", err=True)
            folder = back_up(data_dir or loaded.data_dir, target, datetime.now(UTC))
            manifest = check(folder)
    except ConfigError as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    except BackupRefused as refused:
        typer.echo(f"{refused.code}: {refused}", err=True)
        raise typer.Exit(1 if refused.code in {"damaged", "no_manifest", "bad_manifest"} else 2) from None
    size = sum(one.bytes for one in manifest.files)
    if as_json:
        print(json.dumps({"backup": str(folder), "made": manifest.made, "files": len(manifest.files), "bytes": size}))
    else:
        typer.echo(f"{folder}: {len(manifest.files)} files, {size / 1e6:.1f} MB, made {manifest.made}; whole.")
