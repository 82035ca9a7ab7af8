"""`tocsin hub`: run the hub."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

SWITCH_S = 0.0005
AWAY = {"log_away", "log_refused"}
app = typer.Typer()

EPILOG = """
Examples:\n
  tocsin hub                                on http://127.0.0.1:8400, statistics only\n
  tocsin hub --config /etc/tocsin.toml      with your own configuration\n
  tocsin hub --check --config tocsin.toml   say whether the configuration is sound, and stop\n\n
Several hubs of one city (each its own name, all one state and one log; one works, another takes over within 5 s):\n
  state_url = "postgresql://tocsin@db/tocsin"\n
  \\[log]  url = "nats://nats:4222"  username = "tocsin"  password_file = "/run/secrets/nats_password"\n
  \\[cluster]  name = "hub-1"\n\n
Foreign sensors (kind frigate, onvif or json; first `tocsin sensors add cam-7 --kind camera --at ...`):\n
  \\[\\[foreign]]  sensor = "cam-7"  kind = "frigate"  topic = "frigate/events"  name = "front_door"\n
  \\[\\[foreign.map]]  event = "intrusion"  label = "person"  zone = "yard"\n
  kind = "onvif" maps topic = "RuleEngine/LineDetector/Crossed" with rule and state; kind = "json" maps value =\n
  "SMOKE", also by POST /api/v1/foreign with the token of `tocsin sensors token cam-7`.
"""


@app.command(epilog=EPILOG)
def hub(
    config: Annotated[Path | None, typer.Option(help="TOML file; without it the defaults.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where log and state are kept.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the configuration and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Log lines as JSON, also on a terminal.")] = False,
) -> None:
    """Run the hub until Ctrl-C."""
    import msgspec
    from sqlalchemy.exc import DatabaseError

    from hub.cluster.context import AuditKeyDiffers
    from hub.config import ConfigError, load_config
    from hub.log import LogUnavailable
    from hub.salvage import SalvageFailed
    from hub.sinks.endpoints import EndpointRefused
    from hub.store import StoreBusy
    from hub.store.engine import StoreNewer, StoreUrlRefused

    try:
        loaded = load_config(config)
    except ConfigError as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    if data_dir is not None:
        loaded = msgspec.structs.replace(loaded, data_dir=data_dir)
    changed: dict[str, Any] = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    loaded = msgspec.structs.replace(loaded, http=msgspec.structs.replace(loaded.http, **changed))
    if check:
        _check_webhooks(loaded)
        typer.echo(f"The configuration is sound: profile {loaded.policy.profile}, data in {loaded.data_dir}.")
        return
    _log_to_stderr(as_json=as_json)
    try:
        _run(loaded)
    except EndpointRefused as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None
    except (StoreNewer, StoreUrlRefused, AuditKeyDiffers) as error:
        typer.echo(f"The hub can't start: {error}.", err=True)
        raise typer.Exit(2) from None
    except (LogUnavailable, DatabaseError, SalvageFailed, StoreBusy) as error:
        said = str(error).splitlines()[0]
        mend = f"Look at {loaded.data_dir}, or put a copy back with `tocsin restore`."
        if getattr(error, "code", "") in AWAY:
            mend = f"Look at {loaded.log.url}."
        typer.echo(f"The hub can't start: {said}. {mend}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"The hub can't start: {error.strerror or error}. {_mend(error, loaded)}", err=True)
        raise typer.Exit(2) from None


def _check_webhooks(config: Any) -> None:
    """Read what the webhooks need, as the start would."""
    from hub.sinks.endpoints import EndpointRefused
    from hub.sinks.webhook import prepare

    try:
        for endpoint in config.webhooks:
            prepare(endpoint)
    except EndpointRefused as error:
        typer.echo(f"Configuration: {error}", err=True)
        raise typer.Exit(2) from None


def _mend(error: OSError, config: Any) -> str:
    import errno

    if error.errno == errno.EADDRINUSE:
        return f"Port {config.http.port} is taken; choose another with --port, or stop what holds it."
    if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
        return f"Give --data-dir a folder that may be written (now {config.data_dir})."
    if error.errno == errno.ENOSPC:
        return f"Free some disk for {config.data_dir}."
    return ""


def _run(config: Any) -> None:
    from hub.app import address, serving
    from hub.keys import DAMAGED

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        while not stop.is_set():
            async with serving(config) as (app, port):
                # One line for whoever started the process, a person or another program.
                ready = {"ready": address(config).replace(f":{config.http.port}", f":{port}"), "pid": os.getpid()}
                print(json.dumps(ready), flush=True)
                # What the start made stays: looking through it again and again was a third of intake's cost.
                gc.freeze()
                gc.set_threshold(50_000, 20, 100)
                # The thread that writes the log takes the interpreter's lock some ten times a group; at the usual 5 ms
                # a busy loop beside it would make each sync to disk wait several times as long as the disk does.
                sys.setswitchinterval(SWITCH_S)
                await _first_of(stop, app[DAMAGED])

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())


async def _first_of(*events: asyncio.Event) -> None:
    """Return once one of `events` is set: a stop, or a state that has to be salvaged by a new start."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


def _log_to_stderr(*, as_json: bool) -> None:
    """One event a line on standard error: plain on a terminal, JSON for machines."""
    import structlog

    plain = sys.stderr.isatty() and not as_json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if plain else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
