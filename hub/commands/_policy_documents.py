"""Documents of `tocsin policy` that are counted from a hub's data: register, impact assessment, notices, reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.commands._state import ConfigOption, DataOption, audit_of, configured, language_of, now_us, on_state

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.config import HubConfig
    from hub.policy.telling import Teller
    from hub.words import Language

LangOption = Annotated[str, typer.Option(help="fr or en.")]


def tell(config: HubConfig, language: Language, days: int | None = None) -> Teller:
    """Count now."""
    from hub.policy.facts import gather
    from hub.policy.telling import Teller

    async def count(engine: AsyncEngine) -> Teller:
        return Teller(await gather(engine, config, now_us(), days), config, language)

    return on_state(config, count, reading=True)


def register(
    config: ConfigOption = None,
    data_dir: DataOption = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write the page here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the register as data.")] = False,
    form: Annotated[str, typer.Option(help="With --json: register, etalab, atrs or dtpr.")] = "register",
    lang: LangOption = "fr",
) -> None:
    """The public register from the running configuration and real counters: a page, or data."""
    from hub.policy.exports import FORMS, export
    from hub.policy.page import html
    from hub.policy.register import register as document

    wanted = next((known for known in FORMS if known == form), None)
    if wanted is None:
        typer.echo(f"--form is one of {', '.join(FORMS)}, not {form!r}.", err=True)
        raise typer.Exit(2)
    if not as_json and html_file is None:
        typer.echo("Say what to make: --html FILE or --json.", err=True)
        raise typer.Exit(2)
    teller = tell(configured(config, data_dir), language_of(lang))
    if html_file is not None:
        _write(html_file, html(document(teller)))
        typer.echo(str(html_file), err=as_json)
    if as_json:
        typer.echo(json.dumps(_plain(export(wanted, teller)), ensure_ascii=False))


def dpia(
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
    answers: Annotated[Path | None, typer.Option(help="TOML with what people wrote, under [answers].")] = None,
    final: Annotated[bool, typer.Option("--final", help="Refuse unless every question has its answer.")] = False,
    questions: Annotated[bool, typer.Option("--questions", help="Write an empty file of answers instead.")] = False,
    lang: LangOption = "fr",
) -> None:
    """The draft of the impact assessment; exit 1 for --final while a person still has something to write."""
    from hub.policy.dpia import QUESTIONS, AnswersRefused, missing, read_answers
    from hub.policy.dpia import dpia as document
    from hub.policy.page import html
    from hub.words import say

    language = language_of(lang)
    if questions:
        lines = [f"# {say('dpia_q_' + key, {}, language)}\n{key} = ''" for key in QUESTIONS if "risk_" not in key[:5]]
        risks = [f"{key} = ''" for key in QUESTIONS if key.startswith("risk_")]
        _write(out, "[answers]\n" + "\n".join([*lines, *risks]) + "\n")
        typer.echo(str(out))
        return
    try:
        given = read_answers(answers)
    except AnswersRefused as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(2) from None
    lacking = missing(given)
    if final and lacking:
        typer.echo(f"Not final, {len(lacking)} to write: {', '.join(lacking)}", err=True)
        raise typer.Exit(1)
    _write(out, html(document(tell(configured(config, data_dir), language), given, final=final)))
    typer.echo(f"{out} ({len(lacking)} to write)" if lacking else str(out))


def notices(
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
    url: Annotated[str, typer.Option(help="Public address of the hub; else that of the configuration.")] = "",
    lang: LangOption = "fr",
) -> None:
    """A printable notice for each place with sensors: purposes, retention, rights, QR code to the register."""
    from hub.policy.notices import groups, notice, slug
    from hub.policy.telling import Teller

    loaded = configured(config, data_dir)
    teller = tell(loaded, language_of(lang))
    english = Teller(teller.facts, loaded, "en")
    address = (url or loaded.http.public_url or f"http://{loaded.http.host}:{loaded.http.port}").rstrip("/")
    taken: set[str] = set()
    for name, sensors in groups(teller).items():
        file = slug(name)
        while file in taken:
            file += "-2"
        taken.add(file)
        path = out / f"{file}.html"
        _write(path, notice(teller, english, name, sensors, f"{address}/register"))
        typer.echo(str(path))


def report(
    span: Annotated[str, typer.Argument(help="week or year.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
    handed_over: Annotated[
        bool, typer.Option("--handed-over", help="Record in the audit log that the week's report was handed over.")
    ] = False,
    lang: LangOption = "fr",
) -> None:
    """The report of the last week (to the prefect) or year (to the council).

    Under a prefect's order nothing is dispatched any more where the last one was handed over more than eight days ago.
    """
    from hub.policy.page import html
    from hub.policy.reports import DAYS
    from hub.policy.reports import report as document

    wanted = next((known for known in DAYS if known == span), None)
    if wanted is None:
        typer.echo(f"A report is of a week or a year, not {span!r}.", err=True)
        raise typer.Exit(2)
    if handed_over and wanted != "week":
        typer.echo("Only the week's report is awaited: --handed-over goes with week.", err=True)
        raise typer.Exit(2)
    loaded = configured(config, data_dir)
    if handed_over:
        on_state(loaded, lambda engine: _record_report(engine, loaded))
    _write(out, html(document(tell(loaded, language_of(lang), DAYS[wanted]), wanted)))
    typer.echo(str(out))


async def _record_report(engine: AsyncEngine, config: HubConfig) -> None:
    from hub.policy.audit import Record

    audit = await audit_of(engine, config)
    await audit.append(Record(now_us(), "report", audit.pseudonym("command line"), "week", "handed over"))


def _plain(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(f"{path} can't be written: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
