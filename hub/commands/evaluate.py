"""`tocsin evaluate`: run what is shipped on a folder of recordings and print its figures; it never trains."""

from __future__ import annotations

import typer

from hub.commands._calibrate import calibration
from hub.commands._evaluate_city import city
from hub.commands._evaluate_location import location
from hub.commands._evaluate_sound import sound
from hub.commands._evaluate_video import video

app = typer.Typer(no_args_is_help=True, help="Run what is shipped on a folder of recordings and print its figures.")


@app.callback()
def _each_by_name() -> None:
    """Keeps the figures' names as sub-commands, however many there are."""


app.command(epilog="Example: tocsin evaluate location --data ../shared/data/livefire --from pulses --json")(location)
app.command(epilog="Example: tocsin evaluate sound --data ../shared/data/audio --json")(sound)
app.command(epilog="Example: tocsin evaluate video --data ../shared/data/video --explain")(video)
app.command(epilog="Example: tocsin evaluate city --incidents 200")(city)
app.command(epilog="Example: tocsin evaluate calibration --data ../shared/data/livefire --json")(calibration)
