"""`tocsin evaluate calibration`: fit the numbers of `hub/fusion/calibration.py` anew, and print them with their origin.

Two fits. Whether something that banged was a shot: from cities of simulated picks, where the truth of every bang is
known. Whether the place told is the right one: from the same cities, and from real bursts of the firing positions named
of which a random few sensors are kept, for real echoes are worse than simulated ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray

from hub.commands._city import City
from hub.commands._evaluate_city import judged
from hub.commands._evaluate_location import fuse, judge_place
from hub.commands._figures import Evaluated, show
from hub.commands._location_data import CHOSEN_ON, Trouble, UnusableFolder, bursts
from hub.fusion.calibration import CALIBRATION, RIGHT_WITHIN_M
from hub.incident import Incident

Array = NDArray[np.float64]
CITIES: Final = (City(), City(spacing_m=450.0, blocked=0.35), City(spacing_m=600.0, blocked=0.45))
"""From dense to so sparse that three or four sensors are the rule."""
KEPT_SENSORS: Final = (3, 4, 5, 6, 8, 12)
WEIGHED: Final = ("sound", "silence")
ALONE: Final = (2.2, -1.5)
"""One sensor that is 90 % sure (log-odds) is believed at odds of 1 to 4.5: most sure scores of lone classifiers are
wrong in use."""
DENSE: Final = 2
"""Of the cities so many tell agreement and sound; the place is learnt from all."""
RIDGE: Final = 0.3
"""Pulls the weights towards nothing where the data say little."""


def logistic(features: Array, real: Array, offset: Array) -> Array:
    """Weights of a logistic regression with an offset, by Newton's method with a ridge (the first column is free)."""
    weights = np.zeros(features.shape[1])
    ridge = np.diag([0.0] + [RIDGE] * (features.shape[1] - 1))
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(features @ weights + offset)))
        gradient = features.T @ (real - p) - ridge @ weights
        hessian = (features * (p * (1.0 - p))[:, None]).T @ features + ridge + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights = weights + step / max(1.0, float(np.abs(step).max()))
    return weights


def belief_row(incident: Incident) -> tuple[list[float], float] | None:
    """What agreement and sound are weighed by, with base rate and silence as offset; None without a place.

    The base rate follows from what one sensor alone is held to be worth (`ALONE`): simulated streets hold next to no
    noise that a classifier is sure of, so they can't tell.
    """
    told = {kind: sum(t.log_odds for t in incident.evidence if t.kind == kind) for kind in WEIGHED}
    if incident.place.kind != "ellipse" or not incident.arrivals:
        return None
    sensors = len({arrival.sensor for arrival in incident.arrivals})
    mean = told["sound"] / CALIBRATION.sound(1.0, sensors)
    agreeing = CALIBRATION.agreement(sensors) / CALIBRATION.per_doubling
    return [agreeing, mean - ALONE[0], mean * math.log2(min(sensors, 16))], told["silence"] + ALONE[1]


def place_row(incident: Incident) -> list[float] | None:
    """What the certainty of a place is told from; None where no point is told."""
    place = incident.place
    if place.kind != "ellipse" or place.ellipse is None or not incident.arrivals:
        return None
    sensors = len({arrival.sensor for arrival in incident.arrivals})
    return [1.0, *CALIBRATION.place_features(sensors, place.ellipse.semi_major_m, place.alternative is not None)]


def right(incident: Incident, error_m: float) -> bool:
    """True if a place is as right as its ellipse says, or within what helps a patrol."""
    reach = 0.0 if incident.place.ellipse is None else 1.5 * incident.place.ellipse.semi_major_m
    return error_m <= max(RIGHT_WITHIN_M, reach)


def real_places(data: Path, positions: Sequence[str], seeds: int) -> Iterator[tuple[Incident, float]]:
    """Placed incidents of real bursts of which a random few sensors are kept, with their error in metres."""
    number = 0
    for burst in bursts(data, "pulses"):
        if burst.position not in positions:
            continue
        for kept in KEPT_SENSORS:
            for seed in range(seeds):
                number += 1
                fewer = Trouble(sensors=kept, seed=seed).worsen(burst, number)
                yield from judge_place(fewer, fuse(fewer)[0])


def calibration(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder laid out as data/livefire, for the place.")
    ] = None,
    positions: Annotated[str, typer.Option(help="Its firing positions that may be learnt from.")] = ",".join(CHOSEN_ON),
    incidents: Annotated[int, typer.Option(help="Simulated bangs of each city.", min=50)] = 600,
    seed: Annotated[int, typer.Option(help="Of the random draws.")] = 11,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Fit the weights of the evidence anew, from simulated cities and from real bursts."""
    belief: list[tuple[list[float], float, bool]] = []
    places: list[tuple[list[float], bool]] = []
    for number, city in enumerate(CITIES):
        for result in judged(incidents, city, seed, quiet=as_json):
            told = ((result.incident, result.error_m),) if result.incident else ()
            for incident, error_m in (*told, *((other, math.inf) for other in result.false)):
                row = belief_row(incident)
                if row is not None and number < DENSE:
                    belief.append((*row, result.bang.shot and incident is result.incident))
                where = place_row(incident)
                if where is not None and result.bang.shot:
                    places.append((where, right(incident, error_m)))
    simulated = len(places)
    try:
        for incident, error_m in real_places(data, positions.split(","), 3) if data is not None else ():
            where = place_row(incident)
            if where is not None:
                places.append((where, right(incident, error_m)))
    except (UnusableFolder, OSError, KeyError, ValueError) as problem:
        typer.echo(f"{data} can't be learnt from: {problem}", err=True)
        raise typer.Exit(2) from problem
    rows, offsets, real = zip(*belief, strict=True)
    doubling, single, further = logistic(np.array(rows), np.array(real, float), np.array(offsets)).tolist()
    moved = {
        "base_rate": ALONE[1] - ALONE[0] * single,
        "per_doubling": doubling,
        "score_weight": single,
        "score_doubling": further,
    }
    figures = {name: Evaluated(weight, "log-odds", len(belief)) for name, weight in moved.items()}
    taken = np.array([r for r, _ in places])
    fitted = logistic(taken, np.array([float(y) for _, y in places]), np.zeros(len(places)))
    for name, w in zip(("place_base", *CALIBRATION.PLACE_FEATURES), fitted.tolist(), strict=True):
        figures[name] = Evaluated(float(w), "log-odds", len(places))
    figures["places_simulated"] = Evaluated(float(simulated), "count", len(places))
    figures["places_right"] = Evaluated(float(np.mean([y for _, y in places])), "share", len(places))
    show("evaluate", "calibration", figures, as_json=as_json)
