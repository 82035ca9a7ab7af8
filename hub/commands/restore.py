"""`tocsin restore`: make a backup the data of a hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

EPILOG = """
Examples:\n
  tocsin restore /mnt/backup/tocsin-20261122T154500Z                into ./tocsin-data\n
  tocsin restore /mnt/backup/tocsin-20261122T154500Z --replace --config /etc/tocsin.toml
"""


@app.command(epilog=EPILOG)
def restore(
    backup: Annotated[Path, typer.Argument(help="The backup: a folder made by `tocsin backup`.")],
    config: Annotated[Path | None, typer.Option(help="TOML file of the hub; without it the defaults.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where log and state are kept.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move data that is there aside; nothing is deleted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Check a backup and put it back. Stop the hub first.

    Exits 1 where the backup is not whole, 2 where it cannot be put back there.
    """
    from hub.config import ConfigError, load_config
    from hub.store.backup import BackupRefused, put_back

    try:
        target = data_dir or load_config(config).data_dir
        manifest = put_back(backup, target, replace)
    except ConfigError as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    except BackupRefused as refused:
        typer.echo(f"{refused.code}: {refused}", err=True)
        raise typer.Exit(1 if refused.code in {"damaged", "no_manifest", "bad_manifest"} else 2) from None
    if as_json:
        print(json.dumps({"restored": str(target), "made": manifest.made, "files": len(manifest.files)}))
    else:
        typer.echo(f"{target}: as it was at {manifest.made}, {len(manifest.files)} files.")
