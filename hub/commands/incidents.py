"""`tocsin incidents`: the list and one incident explained, read from the hub's own state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from hub.commands._state import ConfigOption, DataOption, JsonOption, configured, language_of, on_state, refused

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.config import HubConfig
    from hub.words import Language

app = typer.Typer(no_args_is_help=True, help="List incidents, or read one with its evidence.")

LanguageOption = Annotated[str | None, typer.Option("--lang", help="fr or en; the hub's own without it.")]


def _local(micros: int, time_zone: str) -> str:
    import datetime as dt
    from zoneinfo import ZoneInfo

    moment = dt.datetime.fromtimestamp(micros / 1e6, ZoneInfo(time_zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")


def _views(config: HubConfig, language: Language, identifier: UUID | None, **filters: Any) -> list[dict[str, Any]]:
    from hub.api.views import incident_view
    from hub.registry import Registry
    from hub.store import Store

    async def read(engine: AsyncEngine) -> list[dict[str, Any]]:
        store = Store(engine)
        sites = {site.id: site for site in await Registry(engine).sites()}
        if identifier is None:
            found = await store.incidents(**filters)
        else:
            one = await store.incident(identifier)
            found = [] if one is None else [one]
        return [incident_view(stored, sites, language) for stored in found]

    return on_state(config, read, reading=True)


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
        raise refused(f"--state is one of {', '.join(get_args(State))}, not {state!r}.")
    loaded = configured(config, data_dir)
    language = language_of(lang, loaded.language)
    views = _views(loaded, language, None, state=state, event=event, limit=limit)
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
        raise refused(f"{identifier!r} is not an incident's id.") from None
    loaded = configured(config, data_dir)
    views = _views(loaded, language_of(lang, loaded.language), wanted)
    if not views:
        raise refused("There is no incident of this id.", 1)
    view = views[0]
    if as_json:
        typer.echo(json.dumps(view))
        return
    typer.echo(view["summary"])
    typer.echo(f"{_local(view['onset_us'], loaded.time_zone)} · {view['state']} · revision {view['revision']}")
    typer.echo(view["explanation"])
    for sentence in view["sentences"]:
        typer.echo(f"  {sentence['log_odds']:+5.1f}  {sentence['text']}")
    for decision in view["decisions"]:
        at = _local(decision["at_us"], loaded.time_zone)
        typer.echo(f"{at}  {decision['action']} ({decision['person']}) {decision['reason']}".rstrip())
