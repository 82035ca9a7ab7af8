"""Which of several picks close together is the direct one, where few sensors must tell: all combinations at once.

A direct path often comes as two or three picks within some tens of milliseconds (the ground's reflection, a corner).
With few sensors each choice gives another place, and a descent from one never finds the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from hub.fusion.air import Air, travel_times
from hub.fusion.picks import Array, PickSet, Source
from hub.fusion.settings import FusionSettings

REACH_S: Final = 0.09
"""Picks this near the prediction are candidates."""
MOST: Final = 1024
"""Combinations looked at."""
SURE_PICKS: Final = 128
"""Picks that places are compared by."""
TOGETHER_S: Final = 0.05
"""Picks of one round that are farther apart than this say nothing for a place."""
APART_M: Final = 5.0
"""Places nearer to each other than this lead to the same one."""


def neighbours(source: Source, picks: PickSet, air: Air) -> list[tuple[float, float]]:
    """Places (x, y) that other choices of the first round's picks would give, the best fitting first."""
    travel = travel_times(picks.x - source.x, picks.y - source.y, picks.z - source.z, air)
    offset = picks.time - travel[picks.sensor] - source.emissions[0]
    choices: list[tuple[int, ...]] = []
    for sensor in range(len(picks.x)):
        near = np.flatnonzero((picks.sensor == sensor) & (np.abs(offset) <= REACH_S))
        choices.append(tuple(near[np.argsort(np.abs(offset[near]), kind="stable")][:4].tolist()))
    return _fitted(choices, (source.x, source.y, source.z), picks, air)


def first_arrivals(pivot: int, picks: PickSet, air: Air, settings: FusionSettings) -> list[tuple[float, float]]:
    """Places that the first arrivals of each sensor around a pivot's would give: direct paths come first."""
    home = int(picks.sensor[pivot])
    z = float(np.mean(picks.z)) - settings.source_below_m
    between = travel_times(picks.x - picks.x[home], picks.y - picks.y[home], picks.z - picks.z[home], air) + 0.02
    lag = picks.time - picks.time[pivot]
    choices: list[tuple[int, ...]] = []
    for sensor in range(len(picks.x)):
        if sensor == home:
            choices.append((pivot,))
        else:
            may = np.flatnonzero((picks.sensor == sensor) & (np.abs(lag) <= between[sensor]))
            choices.append(tuple(may[:3].tolist()))
    return _fitted(choices, (float(picks.x[home]), float(picks.y[home]), z), picks, air)


def promising(
    places: Sequence[tuple[float, float]], most: int, picks: PickSet, air: Air, settings: FusionSettings
) -> list[tuple[float, float]]:
    """Of many places (x, y) the `most` whose picks fall together best once the travel times are taken off.

    Each pick asks the other sensors how near their nearest one is; what was heard shortly before the direct path could
    have come speaks against a place, for echoes only come late. All places are compared at once, by their surest picks:
    a descent from each costs some milliseconds.
    """
    if not places:
        return []
    surest = np.sort(np.lexsort((-picks.level, -picks.weight))[:SURE_PICKS])
    who, weight, at = picks.sensor[surest], picks.weight[surest], np.array(places)
    height = float(np.mean(picks.z)) - settings.source_below_m
    travel = travel_times(picks.x - at[:, :1], picks.y - at[:, 1:], picks.z - height, air)
    emitted = picks.time[surest] - travel[:, who]
    votes = np.zeros_like(emitted)
    sensors = [who == sensor for sensor in np.unique(who)]
    for mine in sensors:
        gap_s = np.abs(emitted[:, :, None] - emitted[:, None, mine])
        votes += (np.maximum(0.0, 1.0 - gap_s / TOGETHER_S) * (0.3 + 0.7 * weight[mine])).max(axis=2)
    worth = np.sum((votes - 1.0) ** 2 * (0.1 + weight), axis=1)
    first = np.where(votes >= 0.8 * votes.max(axis=1, keepdims=True), emitted, np.inf).min(axis=1)
    lead = first[:, None] - emitted
    early = np.where((lead > settings.gate_s) & (lead < settings.before_s), weight, 0.0)
    worth /= 1.0 + sum(early[:, mine].max(axis=1) for mine in sensors)
    order = [places[place] for place in np.argsort(-worth, kind="stable").tolist()]
    return [order[index] for index in apart(order, APART_M, most)]


def apart(places: Sequence[tuple[float, float]], least_m: float, most: int | None = None) -> list[int]:
    """Indices of the first `most` places (x, y), in order, that lie `least_m` or more from each one kept before."""
    kept: list[int] = []
    for index, (x, y) in enumerate(places):
        if len(kept) == most:
            break
        if all(math.hypot(x - places[other][0], y - places[other][1]) >= least_m for other in kept):
            kept.append(index)
    return kept


def _fitted(
    choices: list[tuple[int, ...]], start: tuple[float, float, float], picks: PickSet, air: Air
) -> list[tuple[float, float]]:
    """The places that combinations of one pick a sensor give by least squares from a start, the best fitting first."""
    sensors = [sensor for sensor, some in enumerate(choices) if some]
    choices = [some for some in choices if some]
    if len(sensors) < 3:
        return []
    combined = np.array(list(itertools.islice(itertools.product(*choices), MOST)), np.intp)
    who = np.array(sensors, np.intp)
    times = picks.time[combined]
    x, y = np.full(len(combined), start[0]), np.full(len(combined), start[1])
    emitted: Array = np.zeros(len(combined))
    residual: Array = np.zeros_like(times)
    for _ in range(8):
        dx, dy = picks.x[who] - x[:, None], picks.y[who] - y[:, None]
        dz = picks.z[who] - start[2]
        distance = np.maximum(np.sqrt(dx * dx + dy * dy + dz * dz), 1.0)
        arrived = travel_times(dx, dy, dz, air)
        emitted = (times - arrived).mean(axis=1)
        residual = times - arrived - emitted[:, None]
        slowness = arrived / distance
        jx, jy = -slowness * dx / distance, -slowness * dy / distance
        jx, jy = jx - jx.mean(axis=1, keepdims=True), jy - jy.mean(axis=1, keepdims=True)
        a, b, d = (jx * jx).sum(axis=1) + 1e-9, (jx * jy).sum(axis=1), (jy * jy).sum(axis=1) + 1e-9
        p, q = (jx * residual).sum(axis=1), (jy * residual).sum(axis=1)
        determinant = a * d - b * b
        step_x, step_y = (d * p - b * q) / determinant, (a * q - b * p) / determinant
        shrink = np.minimum(1.0, 150.0 / np.maximum(np.hypot(step_x, step_y), 1e-9))
        x, y = x + shrink * step_x, y + shrink * step_y
    misfit = np.abs(residual).sum(axis=1)
    order = np.argsort(misfit, kind="stable")
    places: list[tuple[float, float]] = []
    for at in order.tolist():
        if all(np.hypot(x[at] - px, y[at] - py) > 4.0 for px, py in places):
            places.append((float(x[at]), float(y[at])))
        if len(places) >= 10:
            break
    return places
