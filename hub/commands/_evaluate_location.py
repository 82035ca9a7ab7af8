"""`tocsin evaluate location`: real shots with surveyed positions through the hub's own engine."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from hub.commands._figures import Evaluated, show
from hub.commands._location_data import CHOSEN_ON, ORIGIN, Burst, Trouble, UnusableFolder, bursts, tests_of
from hub.fusion.burst import find_sources
from hub.fusion.engine import FusionEngine
from hub.fusion.hood import neighbourhood
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.incident import Incident

FOUND_M = 100.0
"""A burst is found when an incident with an ellipse is nearer than this to where it was fired."""


class Start(StrEnum):
    """What the evaluation starts from."""

    sound = "sound"
    pulses = "pulses"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one burst: metres from the survey (inf: not found), rounds told, other incidents, CPU time.

    `streamed_ms` is all that the engine did, every revision included; `solved_ms` is one solution of all picks.
    """

    burst: Burst
    error_m: float
    rounds: int
    others: int
    streamed_ms: float
    solved_ms: float
    incidents: tuple[Incident, ...]


def fuse(burst: Burst) -> tuple[tuple[Incident, ...], float]:
    """The settled incidents of one burst, offered in the order in which they were sent; and CPU milliseconds."""
    engine = FusionEngine(burst.sites, air=burst.air)
    told: dict[object, Incident] = {}
    started = time.process_time()
    for d in sorted(burst.detections, key=lambda d: d.sent):
        told.update((incident.id, incident) for incident in engine.offer(d, d.sent))
    if burst.detections:
        end = max(d.sent for d in burst.detections) + 60_000_000
        told.update((incident.id, incident) for incident in engine.advance(end))
    return tuple(told.values()), 1e3 * (time.process_time() - started)


def judge(burst: Burst) -> Outcome:
    """Fuse one burst and compare with the survey."""
    incidents, cpu_ms = fuse(burst)
    best, error = None, math.inf
    for incident, away in judge_place(burst, incidents):
        if away < min(error, FOUND_M):
            best, error = incident, away
    rounds = 0 if best is None else best.rounds or 0
    others = len(incidents) - (best is not None)
    return Outcome(burst, error, rounds, others, cpu_ms, solved_ms(burst), incidents)


def judge_place(burst: Burst, incidents: tuple[Incident, ...]) -> list[tuple[Incident, float]]:
    """Every incident with a point and how far that is from the survey, in metres."""
    told = []
    for incident in incidents:
        east, north = ORIGIN.metres(incident.place.latitude, incident.place.longitude)
        if incident.place.kind == "ellipse":
            told.append((incident, math.hypot(float(east) - burst.east, float(north) - burst.north)))
    return told


def solved_ms(burst: Burst) -> float:
    """CPU milliseconds of associating and locating all picks of a burst once, as a baseline would be timed."""
    table = SiteTable(burst.sites)
    held = [(d.onset, d.id.int, table.index[d.sensor], d) for d in burst.detections]
    if not held:
        return 0.0
    started = time.process_time()
    find_sources(neighbourhood(table, held).picks, burst.air, FusionSettings())
    return 1e3 * (time.process_time() - started)


def share(hits: int, n: int) -> Evaluated:
    """A share with its Wilson 95 % interval."""
    if n == 0:
        return Evaluated(None, "share", 0)
    z = 1.959964
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Evaluated(p, "share", n, max(0.0, middle - half), min(1.0, middle + half))


def quantile(values: NDArray[np.float64], q: float, unit: str) -> Evaluated:
    """A quantile with its 95 % interval by bootstrap (2,000 draws, fixed seed)."""
    if not len(values):
        return Evaluated(None, unit, 0)
    draws = np.random.default_rng(0).choice(values, (2_000, len(values)))
    spread = np.quantile(draws, q, axis=1)
    low, high = np.quantile(spread, [0.025, 0.975])
    return Evaluated(float(np.quantile(values, q)), unit, len(values), float(low), float(high))


def figures_of(outcomes: list[Outcome]) -> dict[str, Evaluated]:
    """The figures of DESIGN's location row; a burst that was not found counts in every share."""
    shots = [o for o in outcomes if o.burst.rounds]
    errors = np.array([o.error_m for o in shots])
    found = errors[np.isfinite(errors)]
    n = len(shots)
    others = sum(o.others for o in outcomes)
    return {
        "bursts_found": share(len(found), n),
        "within_15m": share(int(np.sum(errors <= 15.0)), n),
        "within_25m": share(int(np.sum(errors <= 25.0)), n),
        "median_m": quantile(found, 0.5, "m"),
        "p95_m": quantile(found, 0.95, "m"),
        "rounds_right": share(sum(o.rounds == o.burst.rounds for o in shots), n),
        "false_incidents": Evaluated(
            float(others),
            "count",
            len(outcomes),
            max(0.0, others - 1.96 * math.sqrt(others)),
            others + 1.96 * math.sqrt(others + 1),
        ),
        "ms_per_burst": quantile(np.array([o.solved_ms for o in outcomes]), 0.5, "ms"),
        "ms_per_burst_streamed": quantile(np.array([o.streamed_ms for o in outcomes]), 0.5, "ms"),
    }


SENSORS: Final = (3, 4, 5, 6, 8)
CLOCKS_MS: Final = (1.0, 10.0, 20.0, 50.0)
UNRELATED: Final = 10.0
TOLD: Final = ("bursts_found", "within_15m", "median_m", "rounds_right", "false_incidents")
"""Figures that are told of a part, or of data with trouble."""


def troubles(start: Start) -> dict[str, Trouble]:
    """What is done to the data on purpose, by the name that its figures end with."""
    most = max(SENSORS) if start is Start.pulses else 6  # the recordings have six
    found = {f"{n}_sensors": Trouble(sensors=n) for n in SENSORS if n <= most}
    found |= {f"clock_{ms:g}ms": Trouble(clock_ms=ms) for ms in CLOCKS_MS}
    return found | {f"unrelated_x{UNRELATED:g}": Trouble(noise=UNRELATED)}


def part(outcomes: list[Outcome], name: str) -> dict[str, Evaluated]:
    """The figures of some outcomes that a part is told by, with the part's name at the end of each key."""
    figures = figures_of(outcomes)
    return {f"{key}_{name}": figures[key] for key in TOLD}


def parts(outcomes: list[Outcome], *, by_position: bool) -> dict[str, Evaluated]:
    """The positions that parameters were chosen on and the others apart, and each one where that is wanted."""
    figures: dict[str, Evaluated] = {}
    chosen = [o for o in outcomes if o.burst.position in CHOSEN_ON]
    if 0 < len(chosen) < len(outcomes):
        figures |= part(chosen, "chosen_on") | part([o for o in outcomes if o not in chosen], "others")
    for name in sorted({o.burst.position for o in outcomes}) if by_position else ():
        figures |= part([o for o in outcomes if o.burst.position == name], name)
    return figures


def location(
    data: Annotated[Path, typer.Option("--data", help="Folder laid out as data/livefire.")],
    start: Annotated[Start, typer.Option("--from", help="Raw sound, or the vendor's raw pulses.")] = Start.sound,
    sensors: Annotated[int | None, typer.Option(help="A random subset of so many sensors a burst.", min=1)] = None,
    clock_ms: Annotated[float, typer.Option(help="Clock error added to each sensor, ms (one sigma).", min=0)] = 0.0,
    noise: Annotated[float, typer.Option(help="Unrelated impulses added, as a multiple of today's rate.", min=0)] = 0.0,
    position: Annotated[str | None, typer.Option(help="Only this firing position.")] = None,
    by_position: Annotated[bool, typer.Option("--by-position", help="Figures of each firing position too.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="By position, by number of sensors, with bad clocks, among unrelated bangs.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="One line a burst, on standard error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Place the shots of a folder of real recordings, and compare with where they were fired.

    Parameters were chosen on two firing positions: figures that end with `chosen_on` are theirs, `others` the rest's.
    """
    quiet = as_json or verbose
    try:
        count = len(tests_of(data))
        told = track(bursts(data, start.value), total=count, description="listening", disable=quiet)
        heard = [(i, burst) for i, burst in enumerate(told) if position is None or burst.position == position]
    except (UnusableFolder, OSError, KeyError, ValueError, msgspec.MsgspecError) as problem:
        typer.echo(f"{data} can't be evaluated: {problem}", err=True)
        raise typer.Exit(2) from problem
    if not heard:
        typer.echo(f"{data} holds no firing position {position!r}.", err=True)
        raise typer.Exit(2)

    def outcomes_with(trouble: Trouble, what: str) -> list[Outcome]:
        found = []
        for number, burst in track(heard, description=what, disable=quiet):
            found.append(judge(trouble.worsen(burst, number)))
            if verbose:
                _tell(found[-1])
        return found

    outcomes = outcomes_with(Trouble(sensors=sensors, clock_ms=clock_ms, noise=noise), "placing")
    figures = figures_of(outcomes) | parts(outcomes, by_position=by_position or everything)
    for name, trouble in troubles(start).items() if everything else ():
        figures |= part(outcomes_with(trouble, name), name)
    show("evaluate", "location", figures, as_json=as_json)


def _tell(outcome: Outcome) -> None:
    kinds = ",".join(f"{i.place.kind}:{i.probability:.2f}" for i in outcome.incidents)
    typer.echo(
        f"{outcome.burst.position} {outcome.burst.name}: {outcome.error_m:.1f} m, {outcome.rounds} of "
        f"{outcome.burst.rounds} rounds, {len(outcome.burst.sites)} sensors, {len(outcome.burst.detections)} picks, "
        f"{outcome.solved_ms:.1f} ms, {kinds}",
        err=True,
    )
