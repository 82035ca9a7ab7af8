"""`tocsin dashboards`: build the Grafana dashboards as files, or bring everything to a Grafana."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dashboards.influx import Storage
    from dashboards.push import Change, Wanted
    from hub.words import Language

app = typer.Typer(no_args_is_help=True, help="Grafana dashboards, alert rules and the InfluxDB behind them.")

SIGNS = {"create": "+", "update": "~", "same": "=", "kept": "!"}

BUILD = "Example: tocsin dashboards build --out ./json --hub https://hub.example"
PUSH = """
Examples:\n
  tocsin dashboards push --url https://grafana.example --token-file grafana.token --dry-run\n
  tocsin dashboards push --config /etc/tocsin.toml            address and tokens from [grafana] and [influxdb]\n
  tocsin dashboards push --config /etc/tocsin.toml --storage  also make buckets, retention and roll-ups
"""


@app.command(epilog=BUILD)
def build(
    out: Annotated[Path | None, typer.Option(help="Folder for the files; without it the one in the package.")] = None,
    hub: Annotated[str, typer.Option(help="The hub's address, for links and map layers.")] = "http://127.0.0.1:8400",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Write every dashboard as JSON, in English and French, to be imported by hand or provisioned by file."""
    from dashboards.build import JSON, write

    try:
        changed = write(out or JSON, hub)
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}. Give a folder that can be written with --out.", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps({"folder": str(out or JSON), "changed": [str(path) for path in changed]}))
        return
    for path in changed:
        typer.echo(path)
    typer.echo(f"{len(changed)} changed in {out or JSON}.")


@app.command(epilog=PUSH)
def push(
    url: Annotated[str, typer.Option(help="Grafana's address; without it `url` of [grafana].")] = "",
    token: Annotated[
        str, typer.Option(help="Service account token; better: TOCSIN_GRAFANA_TOKEN or --token-file.")
    ] = "",
    token_file: Annotated[Path | None, typer.Option(help="File with the token.")] = None,
    config: Annotated[Path | None, typer.Option(help="The hub's TOML file.")] = None,
    hub: Annotated[str, typer.Option(help="The hub's address as browsers and Grafana reach it.")] = "",
    influx_url: Annotated[
        str, typer.Option(help="InfluxDB as Grafana reaches it; without it that of [influxdb].")
    ] = "",
    language: Annotated[str, typer.Option(help="en or fr; without it that of the configuration.")] = "",
    storage: Annotated[bool, typer.Option(help="Make databases, mappings and roll-ups in InfluxDB first.")] = False,
    keep_days: Annotated[int, typer.Option(min=0, help="Days of raw points in a new database; 0 keeps all.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite also what a person changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Bring data source, dashboards, alert rules and contact point to a Grafana (9.3 to 13); twice is once.

    Exits 1 where something that a person changed was kept, 2 where Grafana or InfluxDB can't be used.
    """
    from dashboards.grafana import Grafana, GrafanaAway, GrafanaRefused
    from dashboards.influx import InfluxRefused
    from dashboards.push import TooOld
    from hub.config import ConfigError, load_config

    if language not in {"", "en", "fr"}:
        raise _unusable(f"--language is en or fr, not {language!r}.")
    try:
        loaded = load_config(config)
        secret = token or _read(token_file) or os.environ.get("TOCSIN_GRAFANA_TOKEN", "")
        secret = secret or loaded.grafana.token or _read(loaded.grafana.token_file)
        address = url or loaded.grafana.url
        if not address or not secret:
            raise _unusable("Give --url and --token-file, or `url` and `token_file` in [grafana] of --config FILE.")
        wanted, stored = _wanted(loaded, hub, influx_url, language, keep_days)
        grafana = Grafana(address, secret)
        changes, notes = asyncio.run(_push(grafana, wanted, stored if storage else None, dry_run=dry_run, force=force))
    except ConfigError as error:
        raise _unusable(f"Configuration: {error}") from None
    except OSError as error:
        raise _unusable(f"{error.filename}: {error.strerror}.") from None
    except (GrafanaAway, GrafanaRefused, InfluxRefused, TooOld, ValueError) as error:
        raise _unusable(_with_mend(error)) from None
    _show(changes, notes, dry_run=dry_run, as_json=as_json)
    if any(change.act == "kept" for change in changes):
        raise typer.Exit(1)


def _unusable(words: str) -> typer.Exit:
    typer.echo(words, err=True)
    return typer.Exit(2)


def _with_mend(error: Exception) -> str:
    status = getattr(error, "status", 0)
    if status == 401:
        return f"{error}. Grafana does not know the token: make one for a service account with the role Admin."
    if status == 403:
        return f"{error}. The service account may not do this: give it the role Admin, or Editor with data sources."
    return str(error)


def _read(path: Path | None) -> str:
    return path.read_text(encoding="utf-8").strip() if path else ""


def _wanted(config: Any, hub: str, influx_url: str, language: str, keep_days: int) -> tuple[Wanted, Storage]:
    """What is to be there, from the configuration and the options above it."""
    from dashboards.alerts import contact_point, rules
    from dashboards.build import dashboards
    from dashboards.influx import Storage
    from dashboards.library import elements
    from dashboards.push import Wanted, data_source
    from hub.app import address

    at = hub or address(config)
    influx = config.influxdb
    secret = influx.token or _read(influx.token_file)
    source = data_source(influx_url or influx.url or "http://127.0.0.1:8086", influx.bucket, secret)
    alerts = _read(config.grafana.alerts_token_file)
    spoken: Language = "fr" if (language or config.language) == "fr" else "en"
    built = dashboards(spoken, at)
    contact = contact_point(at, alerts) if alerts else None
    wanted = Wanted(source, built, rules(), contact, library=elements(built))
    server = influx.url or influx_url or "http://127.0.0.1:8086"
    return wanted, Storage(server, influx.bucket, influx.org, secret, keep_days)


async def _push(
    grafana: Any, wanted: Wanted, storage: Storage | None, *, dry_run: bool, force: bool
) -> tuple[list[Change], list[str]]:
    import aiohttp

    from dashboards.influx import Keeper
    from dashboards.push import Push

    changes: list[Change] = []
    notes: list[str] = []
    if storage is not None:
        async with aiohttp.ClientSession() as session:
            keeper = Keeper(session, storage, dry_run=dry_run)
            changes += await keeper.run()
            notes += keeper.notes
    pushing = Push(grafana, dry_run=dry_run, force=force)
    changes += await pushing.run(wanted)
    if wanted.contact is None:
        notes.append("The hub takes no alerts: without `alerts_token_file` in [grafana] there is no contact point.")
    return changes, [*notes, *pushing.notes]


def _show(changes: list[Change], notes: list[str], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        listed = [
            {"kind": one.kind, "name": one.name, "act": one.act, "differences": list(one.lines)} for one in changes
        ]
        typer.echo(json.dumps({"dry_run": dry_run, "changes": listed, "notes": notes}, ensure_ascii=False))
        return
    for change in changes:
        typer.echo(f"{SIGNS[change.act]} {change.kind}: {change.name}")
        for line in change.lines:
            typer.echo(f"    {line}")
    counts = {act: sum(change.act == act for change in changes) for act in SIGNS}
    would = "would be " if dry_run else ""
    typer.echo(
        f"{counts['create']} {would}made, {counts['update']} {would}brought up to date, {counts['same']} as they are."
    )
    if counts["kept"]:
        typer.echo(f"{counts['kept']} kept as a person changed them (!); --force overwrites them.")
    for note in notes:
        typer.echo(note)
