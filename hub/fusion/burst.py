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
from hub.fusion.picks import PickSet
from hub.fusion.settings import FusionSettings
from hub.fusion.vote import Vote

Array = NDArray[np.float64]
Index = NDArray[np.intp]


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
    fresh = np.ones(len(picks.time), bool)
    while len(found) < most:
        if len(np.unique(left.sensor[fresh])) < settings.min_sensors - len(found):
            break
        source = _best(left, fresh, air, settings)
        if source is None or len(np.unique(left.sensor[source.picks][fresh[source.picks]])) < (
            settings.min_sensors - len(found)
        ):
            break
        found.append(_renumbered(source, indexes))
        keep = np.ones(len(left.time), bool)
        keep[source.picks] = False
        indexes = indexes[keep]
        left = left.only(keep)
        fresh = fresh[keep] & ~_possible_echo(left, source, air, settings)
    return found


def _renumbered(source: Source, indexes: Index) -> Source:
    return Source(
        source.x, source.y, source.z, source.emissions, indexes[source.picks], source.rounds, source.residuals,
        source.covariance, source.score,
    )  # fmt: skip


def _possible_echo(picks: PickSet, source: Source, air: Air, settings: FusionSettings) -> NDArray[np.bool_]:
    """Picks that may be echoes of a source: echoes only arrive late, and not for long."""
    direct = travel_times(picks.x - source.x, picks.y - source.y, picks.z - source.z, air)[picks.sensor]
    late = picks.time - direct
    after = late > source.emissions[0] - settings.gate_s
    return np.asarray(after & (late < source.emissions[-1] + settings.echo_tail_s))


def _best(picks: PickSet, fresh: NDArray[np.bool_], air: Air, settings: FusionSettings) -> Source | None:
    """The best source that any fresh pivot leads to; the search ends early at one that most sensors agree on."""
    present = len(np.unique(picks.sensor))
    if present < settings.min_sensors:
        return None
    vote = Vote(picks, air, settings)
    starts: list[tuple[float, float, float]] = []
    for pivot in _pivots(picks, fresh, air):
        starts += vote.places(pivot)
        starts.sort(reverse=True)
        if starts and starts[0][0] >= settings.sure_share * present:
            break
    best: Source | None = None
    tried: list[tuple[float, float]] = []
    for votes, x, y in starts:
        if len(tried) >= 4 or votes < 0.75 * starts[0][0]:
            break
        if any(math.hypot(x - px, y - py) < 10.0 for px, py in tried):
            continue
        tried.append((x, y))
        source = refine(picks, x, y, air, settings)
        if source is not None and (best is None or source.score > best.score):
            best = source
    return best if best is not None and best.score > _places_tried(air, settings) else None


def _places_tried(air: Air, settings: FusionSettings) -> float:
    """Logarithm of how many places could have been tried: what a source must be better than chance by."""
    return 2.0 * math.log(math.sqrt(math.pi) * settings.first_sensor_m / (settings.gate_s * air.speed_mps))


def _pivots(picks: PickSet, fresh: NDArray[np.bool_], air: Air) -> list[int]:
    """Picks that are likely direct arrivals at one of the nearest sensors, the likeliest first.

    The loudest; then those that the most sensors follow within the time that sound needs between the two; then the
    first of the first sensors.
    """
    level = np.where(fresh, picks.level, 0.0)
    loud = np.argsort(-level, kind="stable")[:2].tolist() if np.any(level > 0.0) else []
    apart = travel_times(picks.x[:, None] - picks.x, picks.y[:, None] - picks.y, picks.z[:, None] - picks.z, air)
    window = apart[picks.sensor[:, None], picks.sensor[None, :]] + 0.02
    later = picks.time[None, :] - picks.time[:, None]
    follows = ((later >= -0.02) & (later <= window)).astype(np.float32)
    member = np.zeros((len(picks.time), len(picks.x)), np.float32)
    member[np.arange(len(picks.time)), picks.sensor] = 1.0
    followers = np.minimum(follows @ member, 1.0).sum(axis=1)
    crowded = np.argsort(np.where(fresh, -followers, 0.0), kind="stable")[:4].tolist()
    usable = np.flatnonzero(fresh)
    _, first = np.unique(picks.sensor[usable], return_index=True)
    early = usable[np.sort(first)[:4]].tolist()
    return list(dict.fromkeys([*loud, *crowded, *early]))


def emission_peaks(emitted: Array, sensor: Index, width_s: float, settings: FusionSettings) -> list[tuple[float, int]]:
    """(time, sensors) of the emission times on which distinct sensors agree within `width_s`, the most first."""
    order = np.argsort(emitted, kind="stable")
    times, who = emitted[order], sensor[order]
    starts = np.arange(len(times))
    ends = np.searchsorted(times, times + width_s, side="right")
    counts = ends - starts
    gap = max(settings.round_gap_s, width_s)
    best = 0
    kept: list[tuple[float, int]] = []
    for at in np.argsort(-counts, kind="stable").tolist():
        if counts[at] < max(2, settings.round_share * best) or len(kept) >= settings.max_rounds:
            break
        middle = float(times[(at + int(ends[at])) // 2])
        if any(abs(middle - other) <= gap for other, _ in kept):
            continue
        distinct = len(set(who[at : ends[at]].tolist()))
        best = max(best, distinct)
        kept.append((middle, distinct))
    kept.sort(key=lambda peak: (-peak[1], peak[0]))
    return [peak for peak in kept if peak[1] >= settings.round_share * best]


def refine(picks: PickSet, x: float, y: float, air: Air, settings: FusionSettings) -> Source | None:
    """Robust joint least squares from a start (x, y): one place and height, one emission time a round."""
    z = float(np.mean(picks.z)) - 2.0
    z_mean = z
    emissions: Array = np.zeros(0)
    for gate, width in ((0.05, 0.05), (0.04, 0.04), (settings.gate_s, 0.03), (settings.gate_s, 0.03)):
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
