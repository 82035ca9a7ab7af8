"""From picks to sources: which picks come from one place, where it is, and how many rounds there were.

Two stages. A coarse vote takes each pivot (the earliest picks of the first sensors) as a direct arrival: each point of
a grid then fixes the emission time and predicts every other arrival, and a sensor votes once if it has a pick near the
prediction. The best points are refined jointly over all rounds: one place, one emission time a round, robust weights.
A round is a time of emission on which many sensors agree; what no round explains (echoes come late) stays unused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.fusion.air import Air, travel_times
from hub.fusion.settings import FusionSettings

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PickSet:
    """Picks of one neighbourhood: sensor positions (S,) in metres, picks (N,) by sensor index, sorted by time."""

    x: Array
    y: Array
    z: Array
    sensor: Index
    time: Array
    sigma: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Source:
    """One source: place in metres, emission times in seconds, and the picks that it explains.

    `picks`, `rounds` and `residuals` (seconds) run in parallel; `covariance` is of east and north, in m².
    """

    x: float
    y: float
    z: float
    emissions: Array
    picks: Index
    rounds: Index
    residuals: Array
    covariance: Array
    score: float

    def sensors(self, picks: PickSet) -> Index:
        """The distinct sensors that agree."""
        return np.unique(picks.sensor[self.picks])


def find_sources(picks: PickSet, air: Air, settings: FusionSettings, most: int = 2) -> list[Source]:
    """The sources that explain these picks, best first; a pick belongs to at most one."""
    found: list[Source] = []
    left = picks
    indexes = np.arange(len(picks.time))
    while len(found) < most:
        source = _best(left, air, settings)
        if source is None:
            break
        if found and not _independent(source, left, found, air, settings):
            break
        found.append(_renumbered(source, indexes))
        keep = np.ones(len(left.time), bool)
        keep[source.picks] = False
        indexes = indexes[keep]
        left = PickSet(
            picks.x, picks.y, picks.z, left.sensor[keep], left.time[keep], left.sigma[keep], left.weight[keep]
        )
    return found


def _renumbered(source: Source, indexes: Index) -> Source:
    return Source(
        source.x, source.y, source.z, source.emissions, indexes[source.picks], source.rounds, source.residuals,
        source.covariance, source.score,
    )  # fmt: skip


def _independent(source: Source, picks: PickSet, found: list[Source], air: Air, settings: FusionSettings) -> bool:
    """True if enough of its picks can't be echoes of the sources found before: echoes only arrive late."""
    sensors = picks.sensor[source.picks]
    times = picks.time[source.picks]
    possible_echo = np.zeros(len(times), bool)
    for other in found:
        direct = travel_times(picks.x - other.x, picks.y - other.y, picks.z - other.z, air)[sensors]
        first, last = other.emissions[0], other.emissions[-1]
        possible_echo |= (times > first + direct - settings.gate_s) & (times < last + direct + settings.echo_tail_s)
    return len(np.unique(sensors[~possible_echo])) >= settings.min_sensors - 1


def _best(picks: PickSet, air: Air, settings: FusionSettings) -> Source | None:
    if len(np.unique(picks.sensor)) < settings.min_sensors:
        return None
    best: Source | None = None
    for x, y in _candidates(picks, air, settings):
        source = refine(picks, x, y, air, settings)
        if source is not None and (best is None or source.score > best.score):
            best = source
    return best


def _candidates(picks: PickSet, air: Air, settings: FusionSettings) -> list[tuple[float, float]]:
    """Points of the grid that most sensors vote for."""
    coarse_s = 1.1 * settings.grid_m / air.speed_mps
    bin_s = coarse_s / 8
    table, start = _tables(picks, bin_s, 8)
    pivots = _pivots(picks)
    steps = np.arange(-settings.first_sensor_m, settings.first_sensor_m + 1, settings.grid_m)
    gx, gy = (axis.ravel() for axis in np.meshgrid(steps, steps))
    inside = gx * gx + gy * gy <= settings.first_sensor_m**2
    gx, gy = gx[inside], gy[inside]
    height = float(np.mean(picks.z))
    points: list[tuple[float, float, float]] = []
    columns = (np.arange(table.shape[0]) * table.shape[1]).astype(np.intp)
    flat = table.ravel()
    for pivot in pivots:
        home = picks.sensor[pivot]
        x, y = gx + picks.x[home], gy + picks.y[home]
        dx, dy = picks.x[None, :] - x[:, None], picks.y[None, :] - y[:, None]
        travel = travel_times(dx, dy, picks.z[None, :] - height, air)
        expected = picks.time[pivot] + travel - travel[:, home][:, None]
        bins = np.clip(((expected - start) / bin_s).astype(np.intp), 0, table.shape[1] - 1)
        votes = flat[bins + columns].sum(axis=1)
        for at in np.argsort(-votes, kind="stable")[:3]:
            points.append((float(votes[at]), float(x[at]), float(y[at])))
    points.sort(key=lambda point: (-point[0], point[1], point[2]))
    chosen: list[tuple[float, float]] = []
    for votes_at, px, py in points:
        if votes_at < 0.5 * points[0][0] or len(chosen) >= 6:
            break
        if all(math.hypot(px - qx, py - qy) > 1.5 * settings.grid_m for qx, qy in chosen):
            chosen.append((px, py))
    return chosen


def _pivots(picks: PickSet) -> list[int]:
    """The first pick of each of the first sensors, and the strongest sensors' first."""
    _, first = np.unique(picks.sensor, return_index=True)
    return [int(i) for i in np.sort(first)[:6]]


def _tables(picks: PickSet, bin_s: float, half: int) -> tuple[NDArray[np.float32], float]:
    """(S, B) votes by sensor and arrival time: a triangle around each pick, never more than one vote a sensor."""
    start = float(picks.time.min()) - bin_s * (half + 2)
    count = int((float(picks.time.max()) - start) / bin_s) + half + 4
    table = np.zeros((len(picks.x), count), np.float32)
    centre = ((picks.time - start) / bin_s).astype(np.intp)
    for offset in range(-half, half + 1):
        height = np.float32(1.0 - abs(offset) / (half + 1))
        np.maximum.at(table, (picks.sensor, centre + offset), height)
    return table, start


def emission_peaks(emitted: Array, sensor: Index, width_s: float, settings: FusionSettings) -> list[tuple[float, int]]:
    """(time, sensors) of the emission times on which distinct sensors agree within `width_s`, the most first."""
    order = np.argsort(emitted, kind="stable")
    times, who = emitted[order], sensor[order]
    ends = np.searchsorted(times, times + width_s, side="right")
    counts = ends - np.arange(len(times))
    peaks: list[tuple[float, int]] = []
    for at in np.argsort(-counts, kind="stable"):
        if counts[at] < 2 or len(peaks) >= 4 * settings.max_rounds:
            break
        distinct = len(np.unique(who[at : ends[at]]))
        middle = float(np.median(times[at : ends[at]]))
        peaks.append((middle, distinct))
    peaks.sort(key=lambda peak: (-peak[1], peak[0]))
    kept: list[tuple[float, int]] = []
    for time, count in peaks:
        if kept and (count < settings.round_share * kept[0][1] or len(kept) >= settings.max_rounds):
            break
        if all(abs(time - other) > max(settings.round_gap_s, width_s) for other, _ in kept):
            kept.append((time, count))
    return kept


def refine(picks: PickSet, x: float, y: float, air: Air, settings: FusionSettings) -> Source | None:
    """Robust joint least squares from a start (x, y): one place and height, one emission time a round."""
    z = float(np.mean(picks.z)) - 2.0
    z_mean = z
    emissions: Array = np.zeros(0)
    for gate, width in ((0.12, 0.12), (0.06, 0.06), (0.04, 0.04), (settings.gate_s, 0.03), (settings.gate_s, 0.03)):
        travel = travel_times(picks.x - x, picks.y - y, picks.z - z, air)
        emitted = picks.time - travel[picks.sensor]
        peaks = emission_peaks(emitted, picks.sensor, width, settings)
        if not peaks or peaks[0][1] < min(3, settings.min_sensors):
            return None
        emissions = np.sort(np.array([time for time, _ in peaks]))
        chosen, rounds = _assign(emitted, picks.sensor, emissions, gate)
        for _ in range(3):
            step = _step(picks, chosen, rounds, x, y, z, z_mean, emissions, air, settings)
            if step is None:
                return None
            x, y, z, emissions = x + step[0], y + step[1], z + step[2], emissions + step[3:]
            if math.hypot(step[0], step[1]) < 0.05:
                break
    travel = travel_times(picks.x - x, picks.y - y, picks.z - z, air)
    emitted = picks.time - travel[picks.sensor]
    chosen, rounds = _assign(emitted, picks.sensor, emissions, settings.gate_s)
    solved = _normal(picks, chosen, rounds, x, y, z, z_mean, emissions, air, settings)
    if solved is None:
        return None
    covariance = solved[2][:2, :2]
    residuals = emitted[chosen] - emissions[rounds]
    counts = np.bincount(rounds, minlength=len(emissions))
    worth = significance(counts, picks, settings)
    real = worth > 0.0
    if not real.any() or counts.max() < settings.min_sensors:
        return None
    kept = real[rounds]
    renumber = np.cumsum(real) - 1
    return Source(
        x, y, z, emissions[real], chosen[kept], renumber[rounds[kept]], residuals[kept], covariance,
        float(worth[real].sum()),
    )  # fmt: skip


def significance(counts: NDArray[np.int64], picks: PickSet, settings: FusionSettings) -> Array:
    """How much better than chance each round is, in natural-log units.

    The Poisson likelihood ratio of `counts` sensors against the number that would agree by chance at the rate of picks
    here, less the logarithm of the number of emission times that could have been tried.
    """
    width = 2.0 * settings.gate_s
    duration = max(float(picks.time[-1] - picks.time[0]), 1.0)
    rate = np.bincount(picks.sensor, minlength=len(picks.x)) / duration
    chance = max(float(np.sum(1.0 - np.exp(-rate * width))), 0.05)
    n = np.maximum(counts, 1e-9).astype(float)
    ratio = np.where(n > chance, n * np.log(n / chance) - (n - chance), 0.0)
    return np.asarray(ratio - math.log(duration / width))


def _assign(emitted: Array, sensor: Index, emissions: Array, gate_s: float) -> tuple[Index, Index]:
    """The picks within the gate of a round, one a sensor and round: the nearest."""
    offset = np.abs(emitted[:, None] - emissions[None, :])
    rounds = np.argmin(offset, axis=1)
    nearest = offset[np.arange(len(emitted)), rounds]
    inside = np.flatnonzero(nearest <= gate_s)
    key = sensor[inside] * len(emissions) + rounds[inside]
    order = np.lexsort((nearest[inside], key))
    _, first = np.unique(key[order], return_index=True)
    chosen = np.sort(inside[order[first]])
    return chosen, rounds[chosen]


def _normal(
    picks: PickSet, chosen: Index, rounds: Index, x: float, y: float, z: float, z_mean: float, emissions: Array,
    air: Air, settings: FusionSettings,
) -> tuple[Array, Array, Array] | None:  # fmt: skip
    """Normal matrix, right side and covariance of (x, y, z, emissions) at this point."""
    if len(chosen) < 3:
        return None
    who = picks.sensor[chosen]
    dx, dy, dz = picks.x[who] - x, picks.y[who] - y, picks.z[who] - z
    distance = np.maximum(np.sqrt(dx * dx + dy * dy + dz * dz), 1.0)
    travel = travel_times(dx, dy, dz, air)
    residual = picks.time[chosen] - travel - emissions[rounds]
    slowness = travel / distance
    sigma2 = picks.sigma[chosen] ** 2 + settings.pick_sigma_s**2 + (settings.speed_sigma * travel) ** 2
    weight = 1.0 / sigma2 / (1.0 + residual**2 / (4.0 * sigma2))
    count = 3 + len(emissions)
    J = np.zeros((len(chosen), count))
    J[:, 0] = -slowness * dx / distance
    J[:, 1] = -slowness * dy / distance
    J[:, 2] = -slowness * dz / distance
    J[np.arange(len(chosen)), 3 + rounds] = 1.0
    weighted = J * weight[:, None]
    N = J.T @ weighted
    right = weighted.T @ residual
    prior = 1.0 / settings.source_height_sigma_m**2
    N[2, 2] += prior
    right[2] += prior * (z_mean - z)
    N[np.arange(2), np.arange(2)] += 1e-8
    try:
        covariance: Array = np.linalg.inv(N)
    except np.linalg.LinAlgError:
        return None
    return N, right, covariance


def _step(
    picks: PickSet, chosen: Index, rounds: Index, x: float, y: float, z: float, z_mean: float, emissions: Array,
    air: Air, settings: FusionSettings,
) -> Array | None:  # fmt: skip
    solved = _normal(picks, chosen, rounds, x, y, z, z_mean, emissions, air, settings)
    if solved is None:
        return None
    step: Array = solved[2] @ solved[1]
    length = math.hypot(float(step[0]), float(step[1]))
    if length > 100.0:
        step *= 100.0 / length
    return step
