"""A neighbourhood: what some sensors heard in a stretch of time, as picks in a plane of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.fusion.buffer import Held
from hub.fusion.picks import PickSet
from hub.fusion.plane import Plane
from hub.fusion.sites import SiteTable
from sensors.protocol import Detection


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Detections sorted by onset and id, as picks in a plane: `rows` are the sites behind the sensor indexes.

    Times are seconds after `zero_us`.
    """

    plane: Plane
    zero_us: int
    rows: NDArray[np.intp]
    picks: PickSet
    detections: tuple[Detection, ...]

    def local(self, east: float, north: float, table: SiteTable) -> tuple[float, float]:
        """A point of the table's plane in this plane."""
        x, y = self.plane.metres(*table.plane.degrees(east, north))
        return float(x), float(y)


def neighbourhood(table: SiteTable, held: Sequence[Held]) -> Neighbourhood:
    """Picks of what is held (sorted, at least one) in a plane of their own."""
    rows = np.array([h[2] for h in held], np.intp)
    detections = tuple(h[3] for h in held)
    unique, sensor = np.unique(rows, return_inverse=True)
    plane = Plane.at(float(np.mean(table.latitude[unique])), float(np.mean(table.longitude[unique])))
    x, y = plane.metres(table.latitude[unique], table.longitude[unique])
    zero = detections[0].onset
    picks = PickSet(
        x=x,
        y=y,
        z=table.height[unique],
        sensor=sensor.astype(np.intp),
        time=np.array([d.onset - zero for d in detections], float) * 1e-6,
        sigma=np.array([d.clock_sigma_us for d in detections], float) * 1e-6,
        weight=np.array([d.score for d in detections], float),
        level=np.array([max(d.peak_db or 0.0, 0.0) for d in detections], float),
    )
    return Neighbourhood(plane, zero, unique, picks, detections)
