"""`tocsin evaluate city`: a simulated city with known truth: error against the bound, coverage, calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
import typer
from rich.progress import track

from hub.commands._city import AIR, ORIGIN, START_US, Bang, City, Picks, sites_of
from hub.commands._evaluate_location import quantile, share
from hub.commands._figures import Evaluated, show
from hub.fusion.context import Context, Declared, DeclaredKind
from hub.fusion.engine import FusionEngine
from hub.fusion.plan import Sensors, bound
from hub.fusion.settings import FusionSettings
from hub.incident import Ellipse, Incident

APART_US = 150_000_000
SHOT_SHARE = 0.3
"""Of the bangs those that are shots: what the base rate of the calibration stands for."""
LIKELY: Final = 0.66
"""From this on an incident is called likely."""
MEDIAN_RADIUS = 0.8326
"""Median error of a round Gaussian over the root of the trace of its covariance: sqrt(ln 2)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One bang and what fusion made of it."""

    bang: Bang
    incident: Incident | None
    error_m: float
    bound_m: float | None
    covered: bool
    false: tuple[Incident, ...]


def inside_ellipse(ellipse: Ellipse, east: float, north: float) -> bool:
    """True if an offset from the centre, in metres, is inside the ellipse."""
    turn = math.radians(ellipse.bearing_deg)
    along = east * math.sin(turn) + north * math.cos(turn)
    across = east * math.cos(turn) - north * math.sin(turn)
    return (along / ellipse.semi_major_m) ** 2 + (across / ellipse.semi_minor_m) ** 2 <= 1.0


@dataclass(frozen=True, slots=True)
class Night:
    """What bangs on one kind of night: share of shots among the bangs, noise picks, and what is declared."""

    name: str
    shots: float
    noise_per_s: float
    declared: DeclaredKind | None = None


NIGHTS: Final = (
    Night("quiet", SHOT_SHARE, 0.02),
    Night("match", 0.1, 0.1, "match"),
    Night("firework", 0.02, 0.2, "firework"),
)


def judged(count: int, city: City, seed: int, *, quiet: bool, night: Night = NIGHTS[0]) -> list[Judged]:
    """Simulate `count` bangs in one engine, far apart in time, and judge each."""
    draw = np.random.default_rng(seed)
    sites = sites_of(city, draw)
    picks = Picks(city, sites, draw)
    settings = FusionSettings()
    declared = Declared(night.declared, night.name, 0, 1 << 62) if night.declared else None
    engine = FusionEngine(sites, settings, air=AIR, context=Context((declared,) if declared else ()))
    street_m = 4.0 - settings.source_below_m
    half = 0.4 * city.spacing_m * math.sqrt(city.sensors)
    results = []
    for i in track(range(count), description="bangs", disable=quiet):
        start = START_US + i * APART_US
        first = start + 10_000_000 + int(draw.integers(1_000_000))
        gaps = draw.uniform(0.2, 1.0, int(draw.integers(0, 4)))
        rounds = tuple(first + round(s * 1e6) for s in np.concatenate([[0.0], np.cumsum(gaps)]).tolist())
        # As high as fusion is told that it may be.
        height_m = street_m + draw.normal(0.0, settings.source_height_sigma_m)
        bang = Bang(
            draw.uniform(-half, half), draw.uniform(-half, half), rounds, bool(draw.random() < night.shots), height_m
        )
        made = picks.of(bang)
        heard = {d.sensor for d in made}
        told: dict[object, Incident] = {}
        for d in sorted(made + picks.noise(start, start + 20_000_000), key=lambda d: (d.sent, d.id.int)):
            told.update((incident.id, incident) for incident in engine.offer(d, d.sent))
        told.update((incident.id, incident) for incident in engine.advance(start + APART_US - 1))
        results.append(_judge(bang, list(told.values()), picks, heard))
    return results


def night_figures(count: int, city: City, seed: int, *, quiet: bool) -> dict[str, Evaluated]:
    """Of each kind of night: the share of what is called likely that was a shot, and of the shots called likely."""
    figures: dict[str, Evaluated] = {}
    for night in NIGHTS:
        results = judged(count, replace(city, noise_per_s=night.noise_per_s), seed + 1, quiet=quiet, night=night)
        real = [r.incident.probability >= LIKELY for r in results if r.incident and r.bang.shot]
        wrong = [i for r in results for i in ((r.incident,) if r.incident and not r.bang.shot else ()) + r.false]
        alarms = sum(i.probability >= LIKELY for i in wrong)
        figures[f"true_of_likely_{night.name}"] = share(sum(real), sum(real) + alarms)
        figures[f"likely_of_shots_{night.name}"] = share(sum(real), sum(r.bang.shot for r in results))
        figures[f"likely_of_bangs_{night.name}"] = share(alarms, sum(not r.bang.shot for r in results))
    return figures


def _judge(bang: Bang, incidents: list[Incident], picks: Picks, heard: set[str]) -> Judged:
    placed = []
    for incident in incidents:
        x, y = ORIGIN.metres(incident.place.latitude, incident.place.longitude)
        dx, dy = bang.east - float(x), bang.north - float(y)
        if incident.place.ellipse is not None and incident.place.kind == "ellipse" and math.hypot(dx, dy) < 100.0:
            placed.append((math.hypot(dx, dy), dx, dy, incident))
    best = min(placed, key=lambda item: item[0], default=None)
    used = {a.sensor for a in best[3].arrivals} if best else heard
    limit = bound(
        Sensors(
            picks.x, picks.y, np.full(len(picks.x), 4.0), np.full(len(picks.x), picks.city.clock_us * 1e-6),
            np.full(len(picks.x), 50.0),
        ),
        np.array([1.0 if name in used else 0.0 for name in picks.names]),
        bang.east, bang.north, len(bang.rounds_us), AIR, FusionSettings(),
    )  # fmt: skip
    bound_m = None if limit is None else math.sqrt(float(np.trace(limit)))
    others = tuple(i for i in incidents if best is None or i is not best[3])
    if best is None:
        return Judged(bang, None, math.inf, bound_m, False, others)
    error, dx, dy, incident = best
    ellipse = incident.place.ellipse
    return Judged(bang, incident, error, bound_m, ellipse is not None and inside_ellipse(ellipse, dx, dy), others)


def figures_of(results: list[Judged]) -> dict[str, Evaluated]:
    """Found, error against the bound, coverage, rounds, false incidents, and how calibrated the probability is."""
    shots = [r for r in results if r.bang.shot]
    found = [r for r in results if r.incident is not None and r.bound_m is not None]
    ratio = np.array([r.error_m / (MEDIAN_RADIUS * r.bound_m) for r in found if r.bound_m])
    figures = {
        "shots_found": share(sum(r.incident is not None for r in shots), len(shots)),
        "median_m": quantile(np.array([r.error_m for r in found]), 0.5, "m"),
        "error_over_bound": quantile(ratio, 0.5, "ratio"),
        "ellipse_covers": share(sum(r.covered for r in found), len(found)),
        "rounds_right": share(sum(len(r.bang.rounds_us) == r.incident.rounds for r in found if r.incident), len(found)),
        "other_incidents": Evaluated(float(sum(len(r.false) for r in results)), "count", len(results)),
    }
    stated = np.array([i.probability for r in results for i in ((r.incident,) if r.incident else ()) + r.false])
    real = np.array(
        [r.bang.shot and i is r.incident for r in results for i in ((r.incident,) if r.incident else ()) + r.false],
        float,
    )
    figures["calibration_error"] = Evaluated(calibration_error(stated, real), "share", len(stated))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (stated >= low) & (stated < low + 0.2)
        key = f"real_where_stated_{low:.1f}_to_{low + 0.2:.1f}"
        figures[key] = share(int(real[inside].sum()), int(inside.sum()))
    return figures


def calibration_error(stated: np.ndarray, real: np.ndarray, bins: int = 10) -> float:
    """Mean distance between stated probability and share of real incidents, over bins of equal width."""
    at = np.minimum((stated * bins).astype(int), bins - 1)
    distance = 0.0
    for b in range(bins):
        inside = at == b
        if inside.any():
            distance += inside.mean() * abs(float(stated[inside].mean() - real[inside].mean()))
    return float(distance)


def city(
    incidents: Annotated[int, typer.Option(help="Bangs simulated.", min=1)] = 1_000,
    sensors: Annotated[int, typer.Option(help="Microphones.", min=4)] = 100,
    spacing_m: Annotated[float, typer.Option(help="Metres between neighbours.", min=20.0)] = 300.0,
    clock_ms: Annotated[float, typer.Option(help="Clock error, one sigma, ms.", min=0.0)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the random draws.")] = 1,
    nights: Annotated[bool, typer.Option("--nights", help="Firework and match nights beside quiet ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Place simulated bangs of a city with known truth: error against the bound, coverage, calibration."""
    place = City(sensors=sensors, spacing_m=spacing_m, clock_us=round(clock_ms * 1e3))
    figures = figures_of(judged(incidents, place, seed, quiet=as_json))
    if nights:
        figures |= night_figures(incidents, place, seed, quiet=as_json)
    show("evaluate", "city", figures, as_json=as_json)
