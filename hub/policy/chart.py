"""The map of an assessment: where sensors stand, how far a microphone hears, what a camera sees; drawn, not fetched.

Places are rounded to about a hundred metres, as everywhere in public; no street map lies under it, so that the document
needs no outside file and tells nobody that it was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from hub.fusion.plane import Plane
from hub.policy.page import Picture
from hub.policy.telling import Teller
from hub.registry import SensorRecord

WIDE: Final = 720.0
MOST_TALL: Final = 560.0
EDGE: Final = 28.0
HEARD_M: Final = 300.0
"""How far a shot is placed from in a street (the spacing of the public live-fire array, DESIGN.md section 9)."""
ROUNDED: Final = 3
"""Decimals of a degree that the public is told."""
STEPS: Final = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)

Point = tuple[float, float]


class _Sheet:
    """Degrees to picture points; the same scale both ways at the middle's latitude."""

    def __init__(self, points: Sequence[Point]) -> None:
        south, north = min(p[0] for p in points), max(p[0] for p in points)
        west, east = min(p[1] for p in points), max(p[1] for p in points)
        self._ground = Plane.at((south + north) / 2, (west + east) / 2)
        wide = max((east - west) * self._ground.east_m, HEARD_M)
        tall = max((north - south) * self._ground.north_m, HEARD_M)
        self.per_metre = min((WIDE - 2 * EDGE) / wide, (MOST_TALL - 2 * EDGE) / tall)
        self.height = tall * self.per_metre + 2 * EDGE

    def at(self, point: Point) -> tuple[float, float]:
        """Right and down, in the picture's units."""
        east, north = (float(metres) for metres in self._ground.metres(*point))
        return WIDE / 2 + east * self.per_metre, self.height / 2 - north * self.per_metre

    def path(self, polygon: Sequence[Point]) -> str:
        """A closed path."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(self.at, polygon)) + "Z"


def _rounded(sensor: SensorRecord) -> Point:
    return round(sensor.latitude, ROUNDED), round(sensor.longitude, ROUNDED)


def _around(point: Point, metres: float) -> list[Point]:
    ground = Plane.at(*point)
    return [ground.degrees(metres, metres), ground.degrees(-metres, -metres)]


def _shifted(sensor: SensorRecord) -> list[Point]:
    """The field of view as seen from the rounded place: its shape tells what is seen, its place no doorway."""
    place = _rounded(sensor)
    north, east = place[0] - sensor.latitude, place[1] - sensor.longitude
    return [(latitude + north, longitude + east) for latitude, longitude in sensor.field_of_view]


def chart(teller: Teller) -> Picture | None:
    """The picture; None where no sensor stands."""
    w = teller.w
    sensors = [one for one in teller.facts.sensors if one.revoked_us is None]
    if not sensors:
        return None
    microphones = [one for one in sensors if one.kind == "microphone"]
    cameras = [one for one in sensors if one.kind == "camera"]
    perimeter = {"fr-2023-380": teller.policy.order.perimeter, "authorised": teller.policy.basis.perimeter}.get(
        teller.policy.profile, ()
    )
    points = [_rounded(one) for one in sensors]
    for one in microphones:
        points += _around(_rounded(one), HEARD_M)
    for one in cameras:
        points += _shifted(one) or _around(_rounded(one), HEARD_M / 3)
    points += list(perimeter)
    sheet = _Sheet(points)
    inner = _zones(sheet, teller.facts.zones) + _perimeter(sheet, perimeter)
    inner += "".join(
        '<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" fill="var(--link)" fill-opacity=".10" stroke="var(--link)" '
        'stroke-opacity=".35"/>'.format(*sheet.at(_rounded(one)), HEARD_M * sheet.per_metre)
        for one in microphones
    )
    inner += "".join(
        f'<path d="{sheet.path(seen)}" fill="var(--mark)" fill-opacity=".28" stroke="var(--mark)"/>'
        for one in cameras
        if len(seen := _shifted(one)) >= 3
    )
    for one in sensors:
        x, y = sheet.at(_rounded(one))
        mark = (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--link)" stroke="var(--ground)"/>'
            if one.kind == "microphone"
            else f'<path d="M{x - 5:.1f} {y - 5:.1f}h10v10h-10Z" fill="var(--mark)" stroke="var(--ground)"/>'
        )
        inner += f"<g><title>{escape(one.id)}</title>{mark}</g>"
    inner += _scale(sheet)
    svg = (
        f'<svg viewBox="0 0 {WIDE:.0f} {sheet.height:.0f}" width="{WIDE:.0f}" height="{sheet.height:.0f}" '
        f'xmlns="http://www.w3.org/2000/svg" font-size="12" fill="var(--ink)" font-family="inherit">'
        f'<rect x=".5" y=".5" width="{WIDE - 1:.0f}" height="{sheet.height - 1:.0f}" fill="none" '
        f'stroke="var(--line)"/>{inner}</svg>'
    )
    values = {"microphones": len(microphones), "cameras": len(cameras), "metres": f"{HEARD_M:.0f}"}
    marks = [("microphone", microphones), ("camera", cameras), ("perimeter", perimeter), ("zones", teller.facts.zones)]
    legend = [w(f"chart_{name}", **values) for name, shown in marks if shown]
    return Picture(svg, w("chart_words", **values), " ".join([*legend, w("chart_rounded")]))


def _zones(sheet: _Sheet, zones: Mapping[str, Sequence[Point]]) -> str:
    return "".join(
        f'<path d="{sheet.path(zone)}" fill="none" stroke="var(--soft)" stroke-dasharray="2 4"><title>{escape(name)}'
        "</title></path>"
        for name, zone in zones.items()
        if len(zone) >= 3
    )


def _perimeter(sheet: _Sheet, perimeter: Sequence[Point]) -> str:
    if len(perimeter) < 3:
        return ""
    path = sheet.path(perimeter)
    return f'<path d="{path}" fill="none" stroke="var(--ink)" stroke-width="1.5" stroke-dasharray="8 5"/>'


def _scale(sheet: _Sheet) -> str:
    """A bar of a round length, and where north is."""
    step = max((one for one in STEPS if one * sheet.per_metre <= WIDE / 4), default=STEPS[0])
    long, low = step * sheet.per_metre, sheet.height - 14
    words = f"{step} m" if step < 1_000 else f"{step // 1_000} km"
    bar = f'<path d="M14 {low - 6:.1f}v6h{long:.1f}v-6" fill="none" stroke="var(--ink)" stroke-width="1.5"/>'
    label = f'<text x="{22 + long:.1f}" y="{low:.1f}">{words}</text>'
    north = f'<path d="M{WIDE - 24:.0f} 34l7-20 7 20-7-5Z" fill="var(--ink)"/>'
    return bar + label + north + f'<text x="{WIDE - 21.5:.1f}" y="48">N</text>'
