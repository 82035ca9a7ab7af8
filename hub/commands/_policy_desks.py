"""The two desks of `tocsin policy`: requests of people about their data, and events that the hub missed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args
from zoneinfo import ZoneInfo

import typer

from hub.commands._policy_documents import LangOption, tell
from hub.commands._state import (
    COMMAND_LINE,
    ConfigOption,
    DataOption,
    JsonOption,
    audit_of,
    configured,
    language_of,
    now_us,
    on_state,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.config import HubConfig
    from hub.policy.desks import Desks

T = TypeVar("T")

requests_app = typer.Typer(no_args_is_help=True, help="Requests of people about their data: one month to answer.")
missed_app = typer.Typer(no_args_is_help=True, help="Events that were learnt of otherwise and not signalled.")


def _with(config: HubConfig, work: Callable[[Desks], Awaitable[T]]) -> T:
    from hub.policy.desks import Desks

    async def run(engine: AsyncEngine) -> T:
        return await work(Desks(engine, await audit_of(engine, config), ZoneInfo(config.time_zone)))

    return on_state(config, run)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        typer.echo(f"{option} is one of {', '.join(known)}, not {value!r}.", err=True)
        raise typer.Exit(2)


@requests_app.command("add", epilog="Example: tocsin policy requests add access 2026-114 --data-dir tocsin-data")
def add_request(
    kind: Annotated[str, typer.Argument(help="access, rectification, erasure, objection or complaint.")],
    reference: Annotated[str, typer.Argument(help="The city's own file number; no name.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Take in a request; the month to answer begins."""
    from hub.policy.desks import RequestKind

    _one_of("KIND", kind, get_args(RequestKind))
    loaded = configured(config, data_dir)
    made = _with(loaded, lambda desks: desks.receive(kind, reference, COMMAND_LINE, now_us()))  # type: ignore[arg-type]
    due = dt.datetime.fromtimestamp(made.due_us / 1e6, ZoneInfo(loaded.time_zone))
    typer.echo(f"{made.number}  {made.kind}  {made.reference}  answer before {due:%Y-%m-%d}")


@requests_app.command("answer", epilog="Example: tocsin policy requests answer 1 no_data --letter answer.html")
def answer_request(
    number: Annotated[int, typer.Argument(help="The request's number.")],
    answer: Annotated[str, typer.Argument(help="no_data, given, refused or forwarded.")],
    letter: Annotated[Path | None, typer.Option(help="For no_data: write the letter with its proof here.")] = None,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    lang: LangOption = "fr",
) -> None:
    """Record the answer, and write the letter that says with proof that nothing is held."""
    from hub.policy.desks import Answer
    from hub.policy.page import html
    from hub.policy.reports import letter as document

    _one_of("ANSWER", answer, get_args(Answer))
    language = language_of(lang)
    loaded = configured(config, data_dir)
    done = _with(loaded, lambda desks: desks.answer(number, answer, COMMAND_LINE, now_us()))  # type: ignore[arg-type]
    if done is None:
        typer.echo(f"There is no request {number} that still waits for an answer.", err=True)
        raise typer.Exit(1)
    if letter is not None and answer == "no_data":
        letter.write_text(html(document(tell(loaded, language), done.reference)), encoding="utf-8")
    typer.echo(f"{done.number}  {done.reference}  {done.answer}{'  LATE' if done.late(now_us()) else ''}")


@requests_app.command("list")
def list_requests(config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Every request, newest first."""
    import msgspec

    loaded = configured(config, data_dir)
    found = _with(loaded, lambda desks: desks.requests())
    if as_json:
        typer.echo(json.dumps({"requests": msgspec.to_builtins(found)}))
        return
    for one in found:
        due = dt.datetime.fromtimestamp(one.due_us / 1e6, ZoneInfo(loaded.time_zone))
        late = "  LATE" if one.late(now_us()) else ""
        typer.echo(f"{one.number}  {one.kind:<14} {one.reference:<20} {one.answer or 'waits'}  {due:%Y-%m-%d}{late}")


@missed_app.command("add", epilog="Example: tocsin policy missed add gunshot 2026-11-20T23:14 call 2026-118")
def add_missed(
    event: Annotated[str, typer.Argument(help="The class of the event.")],
    at: Annotated[str, typer.Argument(help="When it happened, ISO 8601.")],
    source: Annotated[str, typer.Argument(help="call, patrol, witness, press or other.")],
    reference: Annotated[str, typer.Argument(help="The file number elsewhere.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Record an event that the hub did not signal."""
    from hub.policy.desks import Source
    from hub.policy.rules import moment
    from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

    _one_of("SOURCE", source, get_args(Source))
    _one_of("EVENT", event, tuple(sorted(SOUND_EVENTS | VIDEO_EVENTS)))
    loaded = configured(config, data_dir)
    happened = moment(at, ZoneInfo(loaded.time_zone))
    if happened is None or happened.timestamp() * 1e6 > now_us():
        typer.echo(f"AT is a moment that has passed, such as 2026-11-20T23:14, not {at!r}.", err=True)
        raise typer.Exit(2)
    happened_us = int(happened.timestamp() * 1e6)
    made = _with(
        loaded,
        lambda desks: desks.report_missed(event, happened_us, source, reference, COMMAND_LINE, now_us()),  # type: ignore[arg-type]
    )
    typer.echo(f"{made.number}  {made.event}  {made.source}  {made.reference}")


@missed_app.command("list")
def list_missed(config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Every missed event, newest first."""
    import msgspec

    loaded = configured(config, data_dir)
    found = _with(loaded, lambda desks: desks.missed())
    if as_json:
        typer.echo(json.dumps({"missed": msgspec.to_builtins(found)}))
        return
    for one in found:
        at = dt.datetime.fromtimestamp(one.happened_us / 1e6, ZoneInfo(loaded.time_zone))
        typer.echo(f"{one.number}  {one.event:<16} {at:%Y-%m-%d %H:%M}  {one.source:<8} {one.reference}")
