"""`tocsin simulate`: render a scenario to sound files with their truth, for evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

EPILOG = """
Examples:\n
  tocsin simulate --list                            the scenarios that come with it\n
  tocsin simulate burst --out /tmp/burst            WAV files and truth\n
  tocsin simulate my.toml --out out --seed 7        your own scenario\n
  tocsin evaluate location --data /tmp/burst        how well it is placed
"""


@app.command(epilog=EPILOG)
def simulate(
    scenario: Annotated[str, typer.Argument(help="Name of a scenario, or a TOML file.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder to write to; made where it is not there.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another evening.", min=0)] = 1,
    whole: Annotated[
        bool, typer.Option("--whole", help="One long recording instead of one for each shooting.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """Render a scenario offline: one WAV a microphone, `meta.json` and `truth.json`, laid out like a live-fire set."""
    from rich.console import Console
    from rich.progress import Progress

    from sensors.confinement import forbid_core_dumps
    from sensors.simulator.offline import OutputError, render
    from sensors.simulator.scenario import ScenarioError, load, names

    forbid_core_dumps()
    if listed:
        abouts = {name: load(name).about for name in names()}
        if as_json:
            print(json.dumps({"scenarios": abouts}, ensure_ascii=False))
            return
        for name, about in abouts.items():
            typer.echo(f"{name:16} {about.get('en', '')}")
        return
    if not scenario or out is None:
        typer.echo(
            "Say which scenario and where to: tocsin simulate burst --out DIR (--list shows them all).", err=True
        )
        raise typer.Exit(2)
    try:
        loaded = load(scenario)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"{loaded.name}: {len(loaded.microphone)} microphones", total=1.0)
            folders = render(loaded, seed, out, whole=whole, progress=lambda share: bar.update(task, completed=share))
    except (ScenarioError, OutputError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps({"simulate": loaded.name, "seed": seed, "tests": [str(folder) for folder in folders]}))
        return
    for folder in folders:
        typer.echo(f"{folder}: {len(loaded.microphone)} recordings and the truth")
