"""The registered sensors as arrays, indexed by space, so that a neighbourhood costs the same in any city."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.fusion.plane import Plane
from hub.incident import Site

CELL_M: Final = 1_100.0
"""Edge of a cell of the index: the range at which a shot is heard, so that nine cells hold a neighbourhood."""


class SiteTable:
    """Sites sorted by id; `index` gives a site's row. Rows of `east`, `north`, `height` are metres in `plane`."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self.sites = tuple(sorted(sites, key=lambda site: site.id))
        self.index = {site.id: row for row, site in enumerate(self.sites)}
        self.latitude = np.array([site.latitude for site in self.sites])
        self.longitude = np.array([site.longitude for site in self.sites])
        self.height = np.array([site.height_m for site in self.sites])
        self.microphone = np.array([site.kind == "microphone" for site in self.sites], bool)
        middle = (float(np.median(self.latitude)), float(np.median(self.longitude))) if len(self.sites) else (0.0, 0.0)
        self.plane = Plane.at(*middle)
        self.east, self.north = self.plane.metres(self.latitude, self.longitude)
        # Plain floats are several times faster than array elements where one pick is looked at.
        self.east_m: list[float] = self.east.tolist()
        self.north_m: list[float] = self.north.tolist()
        self.cells = [
            (math.floor(x / CELL_M), math.floor(y / CELL_M)) for x, y in zip(self.east_m, self.north_m, strict=True)
        ]
        self._rows: dict[tuple[int, int], list[int]] = {}
        for row, cell in enumerate(self.cells):
            self._rows.setdefault(cell, []).append(row)

    def near(self, east: float, north: float, radius_m: float) -> NDArray[np.intp]:
        """Rows of the sites within `radius_m` of a point of the plane, in order."""
        rows: list[int] = []
        for cell in self.cells_around(east, north, radius_m):
            rows += self._rows.get(cell, ())
        found = np.sort(np.array(rows, np.intp))
        close = np.hypot(self.east[found] - east, self.north[found] - north) <= radius_m
        return found[close]

    def cells_around(self, east: float, north: float, radius_m: float) -> list[tuple[int, int]]:
        """The cells that a circle touches."""
        low_x, high_x = math.floor((east - radius_m) / CELL_M), math.floor((east + radius_m) / CELL_M)
        low_y, high_y = math.floor((north - radius_m) / CELL_M), math.floor((north + radius_m) / CELL_M)
        return [(x, y) for x in range(low_x, high_x + 1) for y in range(low_y, high_y + 1)]
