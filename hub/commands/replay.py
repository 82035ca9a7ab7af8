"""`tocsin replay`: a recorded log through fusion again; and what other rules would have changed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hub.commands._sites import UnusableSites, load_sites
from hub.commands._state import refused
from hub.fusion.air import Air
from hub.fusion.engine import FusionEngine
from hub.fusion.settings import FusionSettings
from hub.incident import Incident, Site
from hub.log.interface import LogUnavailable
from sensors.protocol import AnyMessage, Detection

app = typer.Typer()


class Logged(msgspec.Struct, frozen=True):
    """One line of an exported log: a message and when the hub received it, µs."""

    message: AnyMessage
    received_us: int


class UnusableRules(ValueError):
    """The file of rules can't be used."""


def entries(path: Path) -> Iterator[tuple[Detection, int]]:
    """Detections of a log with when they were received: `log.sqlite`, its folder, or JSON lines."""
    if path.is_dir():
        path = path / "log.sqlite"
    if path.suffix in {".jsonl", ".ndjson", ".json"}:
        decoder = msgspec.json.Decoder(Logged)
        plain = msgspec.json.Decoder(AnyMessage)
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                logged = decoder.decode(line) if b'"received_us"' in line else None
                message = plain.decode(line) if logged is None else logged.message
            except msgspec.MsgspecError as problem:
                raise LogUnavailable("log_unreadable", f"{path}, line {number}: {problem}") from problem
            if isinstance(message, Detection):
                yield message, message.sent if logged is None else logged.received_us
        return
    from hub.log import read_file

    for entry in read_file(path):
        if isinstance(entry.message, Detection):
            yield entry.message, entry.received_us


def rules(path: Path) -> FusionSettings:
    """Settings of fusion from a TOML file of `name = number`; raises UnusableRules that names what is wrong."""
    known = {field.name for field in fields(FusionSettings)}
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UnusableRules(f"{path}: {problem}") from problem
    for name, value in told.items():
        if name not in known:
            raise UnusableRules(f"{path}: there is no rule {name!r}; known: {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnusableRules(f"{path}: {name} must be a number, not {value!r}")
    return FusionSettings(**told)


def replayed(
    log: list[tuple[Detection, int]], sites: list[Site], settings: FusionSettings, temperature_c: float
) -> list[Incident]:
    """The last revision of each incident that this log gives, in order of onset."""
    engine = FusionEngine(sites, settings, Air(temperature_c))
    told: dict[object, Incident] = {}
    now = 0
    for d, received_us in log:
        now = max(now, received_us)
        told.update((incident.id, incident) for incident in engine.offer(d, now))
    told.update((incident.id, incident) for incident in engine.advance(now + 300_000_000))
    return sorted(told.values(), key=lambda i: (i.onset_us, i.id.int))


def compared(before: list[Incident], after: list[Incident]) -> list[tuple[Incident | None, Incident | None]]:
    """Pairs of incidents that share a detection; None where one side has nothing."""
    owner = {a.detection: i for i in after for a in i.arrivals}
    pairs: list[tuple[Incident | None, Incident | None]] = []
    taken: set[object] = set()
    for incident in before:
        match = next((owner[a.detection] for a in incident.arrivals if a.detection in owner), None)
        if match is not None and match.id in taken:
            match = None
        if match is not None:
            taken.add(match.id)
        pairs.append((incident, match))
    return pairs + [(None, incident) for incident in after if incident.id not in taken]


@app.command(epilog="Example: tocsin replay tocsin-data --compare stricter.toml")
def replay(
    log: Annotated[Path, typer.Argument(help="log.sqlite, a hub's data folder, or exported JSON lines.")],
    sites: Annotated[
        Path | None, typer.Option(help="Sites as JSON, or a data folder; default: beside the log.")
    ] = None,
    compare: Annotated[Path | None, typer.Option(help="TOML file of other fusion rules: show what changes.")] = None,
    temperature: Annotated[float, typer.Option(help="Air temperature, degrees C.")] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Replay a recorded log through fusion; the same log gives the same incidents, bit for bit.

    With --compare: one line for each incident that other rules change; exit 1 where there is one.
    """
    if not log.exists():
        raise refused(f"{log}: no such file or folder.")
    beside = log if log.is_dir() else log.parent
    near = (beside / "state.sqlite", beside / "hub.toml", beside.parent / "hub.toml")
    if sites is None and not any(path.is_file() for path in near):
        raise refused(f"{beside} holds no sensors beside the log: name them with --sites (JSON, or a data folder).")
    try:
        known = list(load_sites(sites or beside))
        recorded = list(entries(log))
        other = None if compare is None else rules(compare)
    except (UnusableSites, UnusableRules, LogUnavailable, OSError) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
    before = replayed(recorded, known, FusionSettings(), temperature)
    if other is None:
        _show(before, as_json=as_json)
        return
    pairs = compared(before, replayed(recorded, known, other, temperature))
    changed = [(a, b) for a, b in pairs if _line(a) != _line(b)]
    if as_json:
        print(msgspec.json.encode([{"before": a, "after": b} for a, b in changed]).decode())
    else:
        table = Table(title=f"{len(changed)} of {len(pairs)} incidents change")
        for column in ("", "onset", "class", "place", "rounds", "probability"):
            table.add_column(column)
        for a, b in changed:
            table.add_row("before", *_line(a))
            table.add_row("after", *_line(b), end_section=True)
        Console().print(table)
    if changed:
        raise typer.Exit(1)


def _line(incident: Incident | None) -> tuple[str, ...]:
    if incident is None:
        return ("-",) * 5
    where = f"{incident.place.kind} {incident.place.latitude:.5f} {incident.place.longitude:.5f}"
    rounds = "-" if incident.rounds is None else str(incident.rounds)
    return (str(incident.onset_us), incident.event, where, rounds, f"{incident.probability:.2f}")


def _show(incidents: list[Incident], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(incidents).decode())
        return
    table = Table(title=f"{len(incidents)} incidents")
    for column in ("onset", "class", "place", "rounds", "probability"):
        table.add_column(column)
    for incident in incidents:
        table.add_row(*_line(incident))
    Console().print(table)
