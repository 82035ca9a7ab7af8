"""`tocsin evaluate`: run what is shipped on a folder of recordings and print its figures; it never trains."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Run what is shipped on a folder of recordings and print its figures.")
