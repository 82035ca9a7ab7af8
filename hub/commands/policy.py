"""`tocsin policy`: is this deployment allowed, and why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hub.commands._policy_desks import missed_app, requests_app
from hub.commands._policy_documents import dpia, notices, register, report
from hub.commands._state import language_of

app = typer.Typer(no_args_is_help=True, help="Measure a deployment against the law; write its public documents.")


@app.command(epilog="Example: tocsin policy check hub/policy/scenarios/saint_etienne_2019.toml --lang en")
def check(
    file: Annotated[Path, typer.Argument(help="A hub's configuration, or a scenario of hub/policy/scenarios.")],
    at: Annotated[
        str | None, typer.Option(help="The moment to judge at, ISO 8601; now, or the scenario's own.")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="fr or en; the configuration's own without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Exit 0 where the deployment is accepted, 1 where it is refused (and say why), 2 for a bad file."""
    import datetime as dt
    from zoneinfo import ZoneInfo

    from hub.config import ConfigError
    from hub.policy.facts import model_cards
    from hub.policy.mode import assess, config_hash
    from hub.policy.scenario import read_scenario
    from hub.policy.standing import Standing, around
    from hub.words import say

    try:
        config, expected = read_scenario(file)
        now = dt.datetime.fromisoformat(at) if at else None
    except ConfigError as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    except ValueError:
        typer.echo(f"--at is a moment such as 2026-11-22T12:00:00+01:00, not {at!r}.", err=True)
        raise typer.Exit(2) from None
    language = language_of(lang, config.language)
    zone = ZoneInfo(config.time_zone)
    if now is None:
        now = expected.at if expected is not None and expected.at is not None else dt.datetime.now(zone)
    now = now.replace(tzinfo=zone) if now.tzinfo is None else now.astimezone(zone)
    standing = Standing(
        around=around(config, [one.sha256 for one in model_cards()]), reported_us=int(now.timestamp() * 1e6)
    )
    found = assess(config.policy, now, standing=standing)
    hashed = config_hash(config.policy, standing.around)
    reasons = [{"code": r.code, "text": say(r.words, r.values, language), "sensor": r.sensor} for r in found.reasons]
    if as_json:
        answer = {
            "accepted": found.accepted,
            "profile": config.policy.profile,
            "mode": found.mode,
            "at": now.isoformat(),
            "reasons": reasons,
            "warnings": [say(w.words, w.values, language) for w in found.warnings],
            "config_hash": hashed,
        }
        typer.echo(json.dumps(answer, ensure_ascii=False))
    elif found.accepted:
        typer.echo(say("policy_accepted", {"mode": found.mode, "profile": config.policy.profile}, language))
    else:
        typer.echo(say("policy_refused", {"count": len(reasons)}, language))
        for reason in reasons:
            typer.echo(f"  {reason['code']}  {reason['text']}")
    if not as_json:
        for warning in found.warnings:
            typer.echo(f"  !  {say(warning.words, warning.values, language)}")
        if expected is not None and expected.phrase and language == "fr":
            typer.echo(f"  {expected.phrase}")
        typer.echo(f"  ({now.isoformat(timespec='seconds')}, configuration {hashed})")
    raise typer.Exit(0 if found.accepted else 1)


@app.command(epilog="Example: tocsin policy scenarios")
def scenarios() -> None:
    """List the scenarios that ship with the product, with what is expected of each."""
    from hub.policy.scenario import FOLDER, read_scenario

    for path in sorted(FOLDER.glob("*.toml")):
        _, expected = read_scenario(path)
        verdict = "accepted" if expected is not None and expected.accepted else "refused"
        typer.echo(f"{verdict:<9} {path.name:<42} {expected.phrase if expected else ''}")


app.command(epilog="Example: tocsin policy register --data-dir tocsin-data --html registre.html")(register)
app.command(epilog="Example: tocsin policy dpia --data-dir tocsin-data --out aipd.html --answers answers.toml")(dpia)
app.command(epilog="Example: tocsin policy notices --data-dir tocsin-data --out panneaux")(notices)
app.command(epilog="Example: tocsin policy report week --data-dir tocsin-data --out semaine.html")(report)
app.add_typer(requests_app, name="requests")
app.add_typer(missed_app, name="missed")
