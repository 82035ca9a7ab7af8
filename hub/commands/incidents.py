"""`tocsin incidents`: the list and one incident explained, read from the hub's own state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from hub.config import HubConfig
    from hub.words import Language

app = typer.Typer(no_args_is_help=True, help="List incidents, or read one with its evidence.")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The hub's TOML file.")]
DataOption = Annotated[Path | None, typer.Option("--data-dir", help="The hub's data, where it is not in the file.")]
LanguageOption = Annotated[str | None, typer.Option("--lang", help="fr or en; the hub's own without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable.")]


def _config(path: Path | None, data_dir: Path | None) -> HubConfig:
    import msgspec

    from hub.config import ConfigError, load_config

    try:
        config = load_config(path)
    except ConfigError as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    if data_dir is not None:
        config = msgspec.structs.replace(config, data_dir=data_dir)
    if not config.state_url and not (config.data_dir / "state.sqlite").exists():
        typer.echo(f"There is no hub's state in {config.data_dir}; name it with --data-dir or --config.", err=True)
        raise typer.Exit(2)
    return config


def _language(asked: str | None, config: HubConfig) -> Language:
    if asked is None:
        return config.language
    if asked == "fr":
        return "fr"
    if asked == "en":
        return "en"
    typer.echo(f"--lang is fr or en, not {asked!r}.", err=True)
    raise typer.Exit(2)


def _local(micros: int, time_zone: str) -> str:
    import datetime as dt
    from zoneinfo import ZoneInfo

    moment = dt.datetime.fromtimestamp(micros / 1e6, ZoneInfo(time_zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")


async def _views(
    config: HubConfig, language: Language, identifier: UUID | None, **filters: Any
) -> list[dict[str, Any]]:
    from hub.api.views import incident_view
    from hub.registry import Registry
    from hub.store import Store, open_engine

    engine = open_engine(config.database_url)
    try:
        store = Store(engine)
        sites = {site.id: site for site in await Registry(engine).sites()}
        if identifier is None:
            found = await store.incidents(**filters)
        else:
            one = await store.incident(identifier)
            found = [] if one is None else [one]
        return [incident_view(stored, sites, language) for stored in found]
    finally:
        await engine.dispose()


@app.command("list", epilog="Example: tocsin incidents list --state open --json")
def list_incidents(
    state: Annotated[str | None, typer.Option(help="Only this state: open, acknowledged, confirmed...")] = None,
    event: Annotated[str | None, typer.Option(help="Only this class, such as gunshot.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=1000)] = 20,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    lang: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List incidents, newest first."""
    from typing import get_args

    from hub.incident import State

    if state is not None and state not in get_args(State):
        typer.echo(f"--state is one of {', '.join(get_args(State))}, not {state!r}.", err=True)
        raise typer.Exit(2)
    loaded = _config(config, data_dir)
    language = _language(lang, loaded)
    views = asyncio.run(_views(loaded, language, None, state=state, event=event, limit=limit))
    if as_json:
        typer.echo(json.dumps({"incidents": views}))
        return
    if not views:
        typer.echo("No incident.")
    for view in views:
        typer.echo(
            f"{view['id']}  {_local(view['onset_us'], loaded.time_zone)}  {view['state']:<12}  {view['summary']}"
        )


@app.command(epilog="Example: tocsin incidents show 0193...-... --lang en")
def show(
    identifier: Annotated[str, typer.Argument(help="The incident's id, as `list` prints it.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
    lang: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read one incident: what, where, how sure, and why."""
    try:
        wanted = UUID(identifier)
    except ValueError:
        typer.echo(f"{identifier!r} is not an incident's id.", err=True)
        raise typer.Exit(2) from None
    loaded = _config(config, data_dir)
    views = asyncio.run(_views(loaded, _language(lang, loaded), wanted))
    if not views:
        typer.echo("There is no incident of this id.", err=True)
        raise typer.Exit(1)
    view = views[0]
    if as_json:
        typer.echo(json.dumps(view))
        return
    typer.echo(view["summary"])
    typer.echo(f"{_local(view['onset_us'], loaded.time_zone)} · {view['state']} · revision {view['revision']}")
    for sentence in view["sentences"]:
        typer.echo(f"  {sentence['log_odds']:+5.1f}  {sentence['text']}")
    for decision in view["decisions"]:
        at = _local(decision["at_us"], loaded.time_zone)
        typer.echo(f"{at}  {decision['action']} ({decision['person']}) {decision['reason']}".rstrip())
