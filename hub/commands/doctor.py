"""`tocsin doctor`: what is missing on this machine, with the mend."""

from __future__ import annotations

import typer

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Say what is missing on this machine."""
    typer.echo("ok")
