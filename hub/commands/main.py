"""The entry point of `tocsin`: finds the verbs of this folder and loads only the one that is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from hub.commands._extras import bringing

_NOT_VERBS = {"main"}


class VerbGroup(TyperGroup):
    """A group whose commands are the modules of this folder; a module holds `app`, a `typer.Typer`.

    Loading a verb only when it is named keeps `tocsin hub` within its start-up budget.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        folder = Path(__file__).parent
        return sorted(
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules([str(folder)])
            if module.name not in _NOT_VERBS and not module.name.startswith("_")
        )

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"hub.commands.{cmd_name.replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        # Typer gives every application of its own the options that install completion; a verb has none.
        command.params = [one for one in command.params if one.name not in {"install_completion", "show_completion"}]
        return command


app = typer.Typer(
    cls=VerbGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Tocsin: an open acoustic-plus-video sensor hub for cities.",
)


@app.callback()
def _root() -> None:
    """Hear, see, place, explain, ask a human, then dispatch."""


def main() -> None:
    """Run the command line; where a verb needs an extra that is not installed, say which, and exit 2."""
    try:
        app()
    except ModuleNotFoundError as error:
        extra = bringing(error.name or "")
        if extra is None:
            raise
        print(f"This needs `{error.name}`, which is not installed: pip install 'tocsin[{extra}]'", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
