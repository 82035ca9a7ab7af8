"""Picks in memory, by cell of the city and in time, for as long as they may still matter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque

from hub.fusion.sites import SiteTable
from sensors.protocol import Detection

Held = tuple[int, int, int, Detection]
"""(onset, id, row of the site, detection): sorts by onset, then id; ids are unique."""


class PickBuffer:
    """Impulsive detections of the last minutes; real ones and exercises never meet."""

    def __init__(self, table: SiteTable) -> None:
        self._table = table
        self._cells: dict[tuple[int, int, bool], list[Held]] = {}
        self._seen: set[int] = set()
        self._order: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return sum(len(cell) for cell in self._cells.values())

    def known(self, d: Detection) -> bool:
        """True if this id was remembered before."""
        return d.id.int in self._seen

    def remember(self, d: Detection, now_us: int) -> None:
        """Note an id, so that a repeat changes nothing."""
        key = d.id.int
        self._seen.add(key)
        self._order.append((now_us, key))

    def put(self, d: Detection, row: int) -> Held:
        """Hold a detection of the site in this row of the table."""
        held = (d.onset, d.id.int, row, d)
        x, y = self._table.cells[row]
        cell = self._cells.get((x, y, d.exercise))
        if cell is None:
            self._cells[(x, y, d.exercise)] = [held]
        elif cell[-1] < held:
            cell.append(held)
        else:
            insort(cell, held)
        return held

    def around(
        self, east: float, north: float, radius_m: float, from_us: int, to_us: int, exercise: bool
    ) -> list[Held]:
        """What the sites within a circle heard in a stretch of event time (ends included), sorted."""
        found: list[Held] = []
        table, limit = self._table, radius_m * radius_m
        for x, y in table.cells_around(east, north, radius_m):
            cell = self._cells.get((x, y, exercise))
            if cell is None or cell[-1][0] < from_us or cell[0][0] > to_us:
                continue
            for held in cell[bisect_left(cell, (from_us,)) : bisect_right(cell, (to_us + 1,))]:
                dx, dy = table.east_m[held[2]] - east, table.north_m[held[2]] - north
                if dx * dx + dy * dy <= limit:
                    found.append(held)
        found.sort()
        return found

    def move(self, table: SiteTable) -> None:
        """Take over a changed table; what sites told that are gone is dropped."""
        held = [h for cell in self._cells.values() for h in cell]
        self._table, self._cells = table, {}
        for _, _, _, d in sorted(held, key=lambda h: h[:2]):
            row = table.index.get(d.sensor)
            if row is not None:
                self.put(d, row)

    def forget(self, onset_us: int, now_us: int) -> None:
        """Drop picks from before `onset_us`, and ids remembered before `now_us`."""
        for key in list(self._cells):
            cell = self._cells[key]
            if cell[0][0] < onset_us:
                del cell[: bisect_left(cell, (onset_us,))]
                if not cell:
                    del self._cells[key]
        while self._order and self._order[0][0] < now_us:
            self._seen.discard(self._order.popleft()[1])
