"""Small counts are hidden before they leave: k = 10, rounded to 5, and nothing by which a hidden one could be told.

A count below k could point at somebody who passes each day at that hour. Where one cell of a row or a column alone is
hidden, a total from elsewhere would give it away: the least of the others is hidden with it (secondary suppression;
Hundepool et al., Statistical Disclosure Control, 2012, chapter 4). Where two zones overlap, so would their difference.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sensors.camera.statistics.kinds import KINDS, Kind
from sensors.protocol import Counts

K: Final = 10
ROUND_TO: Final = 5

Cell = tuple[str, Kind]


def suppressed(
    counted: Mapping[str, Mapping[Kind, int]], overlapping: Collection[tuple[str, str]] = ()
) -> dict[str, Counts]:
    """What may be told of one bin of one camera: `counted` maps each zone to its true counts.

    `overlapping` are pairs of zones that share a part of the picture.
    """
    cells: dict[Cell, int] = {(zone, kind): counts.get(kind, 0) for zone, counts in counted.items() for kind in KINDS}
    hidden = {cell for cell, count in cells.items() if count < K}
    lines = [[(zone, kind) for kind in KINDS] for zone in counted]
    if len(counted) > 1:
        lines += [[(zone, kind) for zone in counted] for kind in KINDS]
    before = -1
    while before != len(hidden):
        before = len(hidden)
        hidden |= _differences(cells, hidden, overlapping)
        for line in lines:
            if sum(cell in hidden for cell in line) == 1:
                hidden.add(min((cell for cell in line if cell not in hidden), key=lambda cell: cells[cell]))
    return {
        zone: Counts(**{kind: None if (zone, kind) in hidden else _rounded(cells[zone, kind]) for kind in KINDS})
        for zone in counted
    }


def _differences(cells: Mapping[Cell, int], hidden: set[Cell], overlapping: Collection[tuple[str, str]]) -> set[Cell]:
    """The lesser of each two told counts of overlapping zones that differ by a small count."""
    found: set[Cell] = set()
    for one, other in overlapping:
        for kind in KINDS:
            pair = (one, kind), (other, kind)
            told = not (hidden & set(pair))
            if told and 0 < abs(cells[pair[0]] - cells[pair[1]]) < K:
                found.add(min(pair, key=lambda cell: cells[cell]))
    return found


def _rounded(count: int) -> int:
    return ROUND_TO * ((count + ROUND_TO // 2) // ROUND_TO)
