"""`tocsin plan`: what a set of microphones will hear and how well it will place, before anything is installed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from xml.sax.saxutils import escape

import msgspec
import numpy as np
import typer

from hub.commands._sites import UnusableSites, load_sites
from hub.fusion.air import Air
from hub.fusion.plan import Cell, Sensors, best_next, coverage, worth
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings

app = typer.Typer()

MOST_POINTS = 40_000
NEXT_POINTS = 150
"""The next place is chosen on a map of about so many points."""
CLASSES = ((10.0, "#1a9850"), (25.0, "#a6d96a"), (50.0, "#fdae61"), (math.inf, "#d73027"))
"""Expected error in metres up to each limit, and its colour."""


@app.command(epilog="Example: tocsin plan sites.json --out coverage.geojson --picture coverage.svg")
def plan(
    sites: Annotated[Path, typer.Argument(help="Sites as a JSON list, or a hub's data folder.")],
    out: Annotated[Path | None, typer.Option(help="GeoJSON of the map; default: only the summary.")] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG picture of the map.")] = None,
    step_m: Annotated[float, typer.Option(help="Spacing of the map in metres.", min=5.0)] = 50.0,
    margin_m: Annotated[float, typer.Option(help="How far around the sensors the map goes, m.", min=0.0)] = 300.0,
    clock_ms: Annotated[float, typer.Option(help="Clock uncertainty of the sensors, ms.", min=0.0)] = 1.0,
    clocks: Annotated[
        Path | None, typer.Option(help="JSON of the clock uncertainty of single sensors, ms by id.")
    ] = None,
    level_db: Annotated[float, typer.Option(help="Peak level of the shot at 1 m, dB.")] = 150.0,
    temperature: Annotated[float, typer.Option(help="Air temperature, degrees C.")] = 15.0,
    next_sensor: Annotated[bool, typer.Option("--next", help="Find the best place of one more sensor.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable summary.")] = False,
) -> None:
    """Expected error (Cramér-Rao) and detection probability over the map for a set of microphones."""
    try:
        known = [site for site in load_sites(sites) if site.kind == "microphone"]
        sigma_ms = _clocks(clocks, {site.id for site in known})
    except UnusableSites as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
    if not known:
        typer.echo(f"{sites} holds no microphones: there is nothing to plan with.", err=True)
        raise typer.Exit(2)
    plane = Plane.at(float(np.mean([s.latitude for s in known])), float(np.mean([s.longitude for s in known])))
    east, north = plane.metres(np.array([s.latitude for s in known]), np.array([s.longitude for s in known]))
    sensors = Sensors(
        east, north, np.array([s.height_m for s in known]),
        np.array([sigma_ms.get(s.id, clock_ms) * 1e-3 for s in known]),
        np.array([50.0 if s.noise_db is None else s.noise_db for s in known]),
    )  # fmt: skip
    points = _grid(sensors, step_m, margin_m)
    if len(points) > MOST_POINTS:
        typer.echo(f"{len(points):,} points are too many: raise --step-m above {step_m:g}.", err=True)
        raise typer.Exit(2)
    settings, air = FusionSettings(), Air(temperature)
    cells = coverage(sensors, points, air, settings, level_db)
    summary: dict[str, Any] = {
        "sensors": len(known),
        "points": len(cells),
        "detected": round(sum(c.detected for c in cells) / len(cells), 4),
        "placed_within_25m": round(worth(cells), 4),
        "median_error_m": _median([c.error_m for c in cells if c.error_m is not None]),
    }
    if next_sensor:
        coarse = _grid(sensors, max(step_m, _spacing(sensors, margin_m, NEXT_POINTS)), margin_m)
        place, value = best_next(sensors, coarse, coarse, air, settings, level_db)
        latitude, longitude = plane.degrees(*place)
        summary["next"] = {
            "latitude": round(latitude, 6), "longitude": round(longitude, 6), "placed_within_25m": round(value, 4),
        }  # fmt: skip
    try:
        if out is not None:
            out.write_text(json.dumps(geojson(cells, plane, step_m)), encoding="utf-8")
        if picture is not None:
            picture.write_text(svg(cells, sensors, step_m, [site.id for site in known]), encoding="utf-8")
    except OSError as problem:
        typer.echo(f"The map can't be written: {problem}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps({"plan": summary}))
    else:
        for key, value in summary.items():
            print(f"{key.replace('_', ' ')}: {value}")


def _clocks(path: Path | None, known: set[str]) -> dict[str, float]:
    """Clock uncertainty in ms by sensor; raises UnusableSites that names what is wrong."""
    if path is None:
        return {}
    try:
        told = msgspec.json.decode(path.read_bytes(), type=dict[str, Annotated[float, msgspec.Meta(ge=0.0)]])
    except (OSError, msgspec.MsgspecError) as problem:
        raise UnusableSites(f'{path}: {problem}; give milliseconds by sensor such as {{"mic-1": 0.5}}') from problem
    if strange := sorted(set(told) - known):
        raise UnusableSites(f"{path} names {strange[0]!r}, which is no microphone of these sites")
    return told


def _grid(sensors: Sensors, step_m: float, margin_m: float) -> list[tuple[float, float]]:
    xs = np.arange(sensors.east.min() - margin_m, sensors.east.max() + margin_m + step_m, step_m)
    ys = np.arange(sensors.north.min() - margin_m, sensors.north.max() + margin_m + step_m, step_m)
    return [(float(x), float(y)) for y in ys for x in xs]


def _spacing(sensors: Sensors, margin_m: float, points: int) -> float:
    width = float(np.ptp(sensors.east)) + 2.0 * margin_m
    height = float(np.ptp(sensors.north)) + 2.0 * margin_m
    return math.sqrt(max(width, 1.0) * max(height, 1.0) / points)


def _median(values: list[float]) -> float | None:
    return round(float(np.median(values)), 2) if values else None


def geojson(cells: list[Cell], plane: Plane, step_m: float) -> dict[str, Any]:
    """One square a cell (RFC 7946: longitude first, rings counter-clockwise), with its error and probability."""
    half = step_m / 2.0
    features = []
    for cell in cells:
        ring = []
        for dx, dy in ((-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)):
            latitude, longitude = plane.degrees(cell.east + dx, cell.north + dy)
            ring.append([round(longitude, 6), round(latitude, 6)])
        features.append({
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {
                "expected_error_m": None if cell.error_m is None else round(cell.error_m, 1),
                "detection_probability": round(cell.detected, 3),
            },
        })  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def svg(cells: list[Cell], sensors: Sensors, step_m: float, names: Sequence[str]) -> str:
    """The map as a picture, north up: colour by expected error, opacity by detection probability, each microphone with
    its name, a scale and what the colours mean; it needs nothing beside it."""
    low_x, high_x = min(c.east for c in cells), max(c.east for c in cells) + step_m
    low_y, high_y = min(c.north for c in cells), max(c.north for c in cells) + step_m
    width, height = high_x - low_x, high_y - low_y
    text = max(width, height) / 55.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height + 5.0 * text:.0f}" '
        f'font-family="sans-serif" font-size="{text:.0f}">'
        "<title>Expected error and detection probability</title>"
        '<rect width="100%" height="100%" fill="#fff"/>'
    ]
    for cell in cells:
        if cell.error_m is not None:
            colour = next(colour for limit, colour in CLASSES if cell.error_m <= limit)
            parts.append(
                f'<rect x="{cell.east - low_x:.0f}" y="{high_y - cell.north - step_m:.0f}" width="{step_m:.0f}" '
                f'height="{step_m:.0f}" fill="{colour}" fill-opacity="{max(cell.detected, 0.05):.2f}"/>'
            )
    for x, y, name in zip(sensors.east.tolist(), sensors.north.tolist(), names, strict=True):
        left, top = x - low_x + step_m / 2, high_y - y - step_m / 2
        parts.append(
            f'<circle cx="{left:.0f}" cy="{top:.0f}" r="{text / 2:.0f}"/>'
            f'<text x="{left + 0.8 * text:.0f}" y="{top + 0.35 * text:.0f}">{escape(name)}</text>'
        )
    return "".join([*parts, *_legend(width, height, text), "</svg>"])


def _legend(width: float, height: float, text: float) -> list[str]:
    """What the colours mean, and how long some metres are."""
    parts, low = [], 0.0
    for at, (limit, colour) in enumerate(CLASSES):
        said = f"over {low:g} m" if math.isinf(limit) else f"{low:g} to {limit:g} m"
        left = text + at * 10.0 * text
        parts.append(
            f'<rect x="{left:.0f}" y="{height + text:.0f}" width="{text:.0f}" height="{text:.0f}" fill="{colour}"/>'
            f'<text x="{left + 1.4 * text:.0f}" y="{height + 1.85 * text:.0f}">{said}</text>'
        )
        low = limit
    metres = 10.0 ** math.floor(math.log10(width / 2.0))
    parts.append(
        f'<text x="{text:.0f}" y="{height + 3.85 * text:.0f}">Expected error; paler: heard less surely</text>'
        f'<path d="M{width - text - metres:.0f} {height + 3.0 * text:.0f}h{metres:.0f}" stroke="#000" '
        f'stroke-width="{text / 5:.1f}"/>'
        f'<text x="{width - text:.0f}" y="{height + 4.3 * text:.0f}" text-anchor="end">{metres:g} m</text>'
    )
    return parts
