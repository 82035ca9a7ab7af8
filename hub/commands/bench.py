"""`tocsin bench NAME`: measure beside a baseline in the same run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from hub.commands._figures import show

app = typer.Typer()

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"


def _names() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def _load(name: str) -> ModuleType:
    path = FOLDER / f"bench_{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@app.command(epilog="Example: tocsin bench fusion --json")
def bench(
    name: Annotated[str, typer.Argument(help="Which benchmark; without a name they are listed.")] = "",
    rounds: Annotated[int, typer.Option(help="Rounds that the median is taken of.", min=1)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Run a benchmark of tests/benchmarks beside its baseline, and print medians and ratios."""
    names = _names()
    if not names:
        typer.echo("No benchmarks here: they are in tests/benchmarks of a source checkout.", err=True)
        raise typer.Exit(2)
    if name not in names:
        typer.echo(f"{'Unknown benchmark ' + name + '. ' if name else ''}Benchmarks: {', '.join(names)}", err=True)
        raise typer.Exit(2)
    show("bench", name, _load(name).run(rounds=rounds), as_json=as_json)
