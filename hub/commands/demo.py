"""`tocsin demo`: a simulated evening in Saint-Étienne, through the real agents and the real hub."""

from __future__ import annotations

import asyncio
import json
import locale
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.commands._demo_house import Options, Outcome

app = typer.Typer()

EPILOG = """
Examples:\n
  tocsin demo                                      hub, sensors and an evening; the console's address is printed\n
  tocsin demo --audio street.flac --video yard.mp4 your own recordings as sensors beside the simulated ones\n
  tocsin demo --scenario match_night --seed 3      another evening (tocsin simulate --list)\n
  tocsin demo --headless --json                    exits 0 once an incident was confirmed and its webhook verified
"""


@app.command(epilog=EPILOG)
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Confirm by script, verify the webhook, exit.")] = False,
    audio: Annotated[list[Path] | None, typer.Option(help="Your own sound file as a microphone; repeatable.")] = None,
    video: Annotated[list[Path] | None, typer.Option(help="Your own video file as a camera; repeatable.")] = None,
    port: Annotated[int, typer.Option(help="Port of the hub; another one is taken where it is busy.", min=0)] = 8400,
    data: Annotated[Path | None, typer.Option(help="Keep hub and sensors here; else in a folder that goes.")] = None,
    scenario: Annotated[str, typer.Option(help="Name of a scenario, or a TOML file.")] = "evening",
    seed: Annotated[int, typer.Option(help="Another seed, another evening.", min=0)] = 1,
    lang: Annotated[str, typer.Option(help="fr or en; else the locale's.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end of a headless run.")] = False,
) -> None:
    """Start a hub and a simulated quarter with real agents, and show what happens. Everything is an exercise."""
    from hub.commands._demo_house import Options
    from hub.commands._demo_plan import Recording
    from sensors.confinement import forbid_core_dumps
    from sensors.simulator.scenario import ScenarioError, load

    forbid_core_dumps()
    language = _language(lang)
    if as_json and not headless:
        typer.echo("--json tells the result of a --headless run: give both.", err=True)
        raise typer.Exit(2)
    try:
        loaded = load(scenario)
    except ScenarioError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    recordings = [Recording(path, "microphone", f"my-audio-{n}") for n, path in enumerate(audio or (), start=1)]
    recordings += [Recording(path, "camera", f"my-video-{n}") for n, path in enumerate(video or (), start=1)]
    where = scenario if not Path(scenario).is_file() else str(Path(scenario).resolve())
    _run(Options(loaded, where, seed, port, language, headless, data, tuple(recordings)), as_json=as_json)


def _language(wanted: str) -> Any:
    if wanted:
        if wanted not in {"fr", "en"}:
            typer.echo(f"--lang is fr or en, not {wanted!r}.", err=True)
            raise typer.Exit(2)
        return wanted
    names = (os.environ.get("LC_ALL"), os.environ.get("LC_MESSAGES"), os.environ.get("LANG"), locale.getlocale()[0])
    return "fr" if next((name for name in names if name), "").startswith("fr") else "en"


class _Terminal:
    """Says things with the time before them, and keeps a line of progress where there is a terminal."""

    def __init__(self, options: Options, *, quiet: bool) -> None:
        from rich.console import Console

        self._options = options
        self._console = Console(stderr=quiet or options.headless, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None

    def __enter__(self) -> _Terminal:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def out(self, key: str, values: Mapping[str, object]) -> None:
        """Print the sentence of `key`; what needs a human stands out."""
        from hub.words import say

        text = say(key, values, self._options.language)
        style = {"demo_incident": "bold", "demo_hub_ready": "bold", "demo_webhook": "green"}.get(key, "")
        if key.startswith("demo_truth"):
            style = "dim"
        elif key.endswith(("refused", "failed", "lost", "silent", "unusable")):
            style = "red"
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        if self._status is not None and key in {"demo_starting", "demo_stopping"}:
            self._status.update(text)
            return
        self._console.print(f"[dim]{clock}[/]  ", end="")
        self._console.print(text, style=style, markup=False, soft_wrap=True)
        if self._status is not None and key == "demo_enrolled":
            self._status.update(
                say("demo_waiting", {"clock": self._options.scenario.place.name}, self._options.language)
            )

    def plain(self, line: str) -> None:
        """Print a line as it is."""
        self._console.print(f"  {line}", markup=False, soft_wrap=True)


def _run(options: Options, *, as_json: bool) -> None:
    from hub.commands._demo_house import HEADLESS_S, Demo, DemoFailed

    with _Terminal(options, quiet=as_json) as terminal:
        terminal.out("demo_title", {"place": options.scenario.place.name})
        house = Demo(options, terminal.out)
        try:
            outcome = asyncio.run(house.run())
        except DemoFailed as failed:
            terminal.out(failed.key, failed.values)
            for line in failed.lines:
                terminal.plain(line)
            _print_json(house.outcome, as_json)
            raise typer.Exit(1) from None
        except OSError as error:
            path = error.filename or options.data or ""
            terminal.out("demo_folder_unusable", {"path": path, "reason": error.strerror or str(error)})
            raise typer.Exit(2) from None
        if not options.headless:
            terminal.out("demo_stopped", {})
            return
        if outcome.ok:
            terminal.out("demo_success", {"seconds": outcome.seconds})
        else:
            terminal.out("demo_failure", {"seconds": HEADLESS_S})
    _print_json(outcome, as_json)
    if not outcome.ok:
        raise typer.Exit(1)


def _print_json(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        seconds = None if outcome.seconds is None else round(outcome.seconds, 2)
        told = {"ok": outcome.ok, "incident": outcome.incident or None, "webhook": outcome.webhook or None}
        print(json.dumps({"demo": {**told, "seconds": seconds, "port": outcome.port, "left_out": outcome.refused}}))
