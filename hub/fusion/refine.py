"""From a start to a source: robust least squares over all rounds at once, and its likelihood.

Unknown are the place, the height of the source (with a prior) and one emission time a round. What is wrong about a
sensor (its surveyed position, its clock, the detour of its path) is wrong in the same way for every round: so n rounds
don't make a sensor n times as sure, and the covariance says so.
"""

from __future__ import annotations

import math

import numpy as np

from hub.fusion.air import Air, travel_times
from hub.fusion.picks import Array, Index, PickSet, Source
from hub.fusion.settings import FusionSettings

# Gates in seconds, wide to narrow: a start from the vote is within about 4 m and 40 ms.
GATES = (0.05, 0.04)
USUAL_RATE_HZ, USUAL_S = 0.015, 60.0
"""Bangs a second and sensor that are expected before any were heard, and how many sensor-seconds that counts for."""
GROUND_M = 50.0
"""Sensors nearer than about this tell equally of the ground under a source."""


def refine(picks: PickSet, x: float, y: float, air: Air, settings: FusionSettings) -> Source | None:
    """The source near a start (x, y), or None where no round has enough sensors."""
    least = min(3, settings.min_sensors)
    at = np.array([x, y, expected_height(picks, x, y, settings)])
    emissions: Array = np.zeros(0)
    fit: Fit | None = None
    for gate in (*GATES, settings.gate_s, settings.gate_s):
        travel = travel_times(picks.x - at[0], picks.y - at[1], picks.z - at[2], air)
        emitted = picks.time - travel[picks.sensor]
        peaks = emission_peaks(emitted, picks, gate, settings)
        if not peaks or peaks[0][1] < least:
            return None
        # What two sensors agree on agrees with anything: it is no measure of a place, and echoes would bend the fit.
        emissions = np.sort(np.array([time for time, sensors in peaks if sensors >= least]))
        chosen, rounds = assign(emitted, picks.sensor, emissions, gate)
        if len(chosen) < 3:
            return None
        if fit is not None and fit.settled and fit.same(chosen, rounds):
            emissions = fit.emissions
            break
        fit = Fit(picks, chosen, rounds, at, emissions, air, settings)
        for _ in range(3):
            if not fit.step():
                return None
            if fit.settled:
                break
        at, emissions = fit.at, fit.emissions
    travel = travel_times(picks.x - at[0], picks.y - at[1], picks.z - at[2], air)
    emitted = picks.time - travel[picks.sensor]
    emissions = _with_fainter(emissions, emission_peaks(emitted, picks, settings.gate_s, settings), settings)
    chosen, rounds = assign(emitted, picks.sensor, emissions, settings.gate_s)
    emissions, chosen, rounds, worth = _real_rounds(picks, emitted, emissions, chosen, rounds, air, settings)
    if not len(emissions) or len(chosen) < 3 or np.bincount(rounds).max() < settings.min_sensors:
        return None
    fit = Fit(picks, chosen, rounds, at, emissions, air, settings)
    if not fit.step():
        return None
    at, emissions = fit.at, fit.emissions
    covariance = fit.covariance()
    if covariance is None:
        return None
    travel = travel_times(picks.x - at[0], picks.y - at[1], picks.z - at[2], air)
    emitted = picks.time - travel[picks.sensor]
    return Source(
        x=float(at[0]),
        y=float(at[1]),
        z=float(at[2]),
        emissions=emissions,
        picks=chosen,
        rounds=rounds,
        residuals=emitted[chosen] - emissions[rounds],
        covariance=covariance,
        score=worth - _before(picks, emitted, emissions, chosen, settings),
    )


def expected_height(picks: PickSet, x: float, y: float, settings: FusionSettings) -> float:
    """Metres: how high a source at (x, y) is thought to be, before anything is heard.

    Sensors stand on roofs and poles a few metres over a ground that rises and falls: those near by tell most of it.
    """
    nearness = 1.0 / ((picks.x - x) ** 2 + (picks.y - y) ** 2 + GROUND_M**2)
    return float(np.sum(nearness * picks.z) / np.sum(nearness)) - settings.source_below_m


def emission_peaks(emitted: Array, picks: PickSet, gate_s: float, settings: FusionSettings) -> list[tuple[float, int]]:
    """(time, sensors) of the emission times on which distinct sensors agree within the gate, the most first."""
    order = np.argsort(emitted, kind="stable")
    times, who = emitted[order], picks.sensor[order]
    ends = np.searchsorted(times, times + gate_s, side="right")
    first = np.arange(len(times))
    counts, middles = ends - first, times[np.minimum((first + ends) // 2, len(times) - 1)]
    gap = max(settings.round_gap_s, gate_s)
    best = 0
    kept: list[tuple[float, int]] = []
    while len(kept) < settings.max_rounds:
        at = int(np.argmax(counts))
        if counts[at] < max(2.0, settings.round_share * best):
            break
        middle = float(middles[at])
        distinct = len(set(who[at : ends[at]].tolist()))
        best = max(best, distinct)
        kept.append((middle, distinct))
        counts[np.abs(middles - middle) <= gap] = 0
    kept.sort(key=lambda peak: (-peak[1], peak[0]))
    return [peak for peak in kept if peak[1] >= max(2.0, settings.round_share * best)]


def _with_fainter(emissions: Array, peaks: list[tuple[float, int]], settings: FusionSettings) -> Array:
    """Rounds that were fitted, with those that too few sensors heard to be fitted by."""
    gap = max(settings.round_gap_s, settings.gate_s)
    further = [time for time, _ in peaks if np.all(np.abs(emissions - time) > gap)]
    return np.sort(np.concatenate([emissions, further]))


def assign(emitted: Array, sensor: Index, emissions: Array, gate_s: float) -> tuple[Index, Index]:
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


class Fit:
    """Robust least squares of the place and the emissions for picks that are told apart by round, step by step."""

    def __init__(
        self, picks: PickSet, chosen: Index, rounds: Index, at: Array, emissions: Array, air: Air,
        settings: FusionSettings,
    ) -> None:  # fmt: skip
        who = picks.sensor[chosen]
        self.at, self.emissions, self.settled = at, emissions, False
        self._chosen, self._rounds, self._air = chosen, rounds, air
        self._where = np.stack([picks.x[who], picks.y[who], picks.z[who]])
        self._time = picks.time[chosen]
        self._heard = np.bincount(who, minlength=len(picks.x))[who]
        self._shared = (
            picks.sigma[chosen] ** 2 + (settings.site_sigma_m / air.speed_mps) ** 2 + settings.path_sigma_s**2
        )
        self._own = settings.pick_sigma_s**2
        self._speed_sigma = settings.speed_sigma
        self._height = expected_height(picks, float(at[0]), float(at[1]), settings)
        self._height_weight = 1.0 / settings.source_height_sigma_m**2

    def same(self, chosen: Index, rounds: Index) -> bool:
        """True if this is a fit to these picks in these rounds."""
        return np.array_equal(chosen, self._chosen) and np.array_equal(rounds, self._rounds)

    def step(self) -> bool:
        """One Gauss-Newton step of (x, y, z, emissions); False where they can't be solved for."""
        normal, right, per_round, across, late = self._normal()
        try:
            step = np.linalg.solve(normal, right)
        except np.linalg.LinAlgError:
            return False
        length = math.hypot(float(step[0]), float(step[1]))
        shrink = min(1.0, 60.0 / max(length, 1e-9))
        self.at = self.at + shrink * step
        self.emissions = self.emissions + shrink * (late - across.T @ step) / per_round
        self.settled = length < 0.1
        return True

    def covariance(self) -> Array | None:
        """Of east and north (2, 2) in m² at this point; None where the geometry gives none."""
        try:
            return np.asarray(np.linalg.inv(self._normal()[0])[:2, :2], float)
        except np.linalg.LinAlgError:
            return None

    def _normal(self) -> tuple[Array, ...]:
        """Normal matrix (3, 3) and right side of the place, the emissions being eliminated (Schur's complement).

        Then for the emissions: weight of each round, its coupling to the place (3, R), its weighted lateness.
        """
        count = len(self.emissions)
        away = self._where - self.at[:, None]
        distance = np.maximum(np.sqrt((away * away).sum(axis=0)), 1.0)
        travel = travel_times(away[0], away[1], away[2], self._air)
        residual = self._time - travel - self.emissions[self._rounds]
        shared = self._shared + (self._speed_sigma * travel) ** 2
        weight = 1.0 / (shared * self._heard + self._own) / (1.0 + residual**2 / (4.0 * (shared + self._own)))
        slope = away * (-travel / distance**2)
        weighted = slope * weight
        per_round = np.maximum(np.bincount(self._rounds, weight, count).astype(float), 1e-30)
        across: Array = np.stack([np.bincount(self._rounds, row, count) for row in weighted]).astype(float)
        late = np.bincount(self._rounds, weight * residual, count).astype(float)
        share = across / per_round
        normal = weighted @ slope.T - share @ across.T
        right = weighted @ residual - share @ late
        normal[2, 2] += self._height_weight
        right[2] += self._height_weight * (self._height - self.at[2])
        # A millionth of what one sensor tells keeps a degenerate geometry solvable: its ellipse is huge, as it must be.
        normal[0, 0] += 1e-8
        normal[1, 1] += 1e-8
        return normal, right, per_round, across, np.asarray(late, float)


def _real_rounds(
    picks: PickSet, emitted: Array, emissions: Array, chosen: Index, rounds: Index, air: Air,
    settings: FusionSettings,
) -> tuple[Array, Index, Index, float]:  # fmt: skip
    """The rounds that are better than chance and not an echo of another; and how much better in all."""
    duration = max(float(picks.time[-1] - picks.time[0]), 1.0)
    rate = np.maximum(np.bincount(picks.sensor, minlength=len(picks.x)) / duration, settings.least_rate_hz)
    surest = np.zeros(len(picks.x))
    np.maximum.at(surest, picks.sensor, picks.weight)
    heard = settings.hears * surest
    missed = np.log1p(-heard)
    # What a path adds to the straight line it adds to every round: a round must repeat what the fuller ones showed at
    # each sensor, to the spread of one pick. Echoes off one wall come nearly together at all sensors, and not so near.
    own = settings.pick_sigma_s**2
    shared = settings.path_sigma_s**2 + (settings.site_sigma_m / air.speed_mps) ** 2 + np.zeros(len(picks.x))
    clock = np.zeros(len(picks.x))
    np.maximum.at(clock, picks.sensor[chosen], picks.sigma[chosen] ** 2)
    shared = shared + clock
    total, count = np.zeros(len(picks.x)), np.zeros(len(picks.x))
    worth = np.zeros(len(emissions))
    fuller = np.lexsort((np.arange(len(emissions)), -np.bincount(rounds, minlength=len(emissions))))
    for k in fuller.tolist():
        mine = chosen[rounds == k]
        who = picks.sensor[mine]
        bias = total * shared / (count * shared + own)
        spread = shared * own / (count * shared + own) + own
        weight = 1.0 / spread[who]
        late = emitted[mine] - bias[who]
        # The emission time that most of them agree on: the median doesn't follow one wrong pick.
        residual = late - _weighted_median(late, weight)
        # Student's t of four degrees of freedom: a corner of a path, and no echo some hundredths of a second off.
        density = 0.375 / np.sqrt(spread[who]) * (1.0 + residual**2 / (4.0 * spread[who])) ** -2.5
        # Per sensor: heard (robust density of a direct path's residual over that of chance), or not.
        gain = np.log(1.0 - heard[who] + heard[who] * density / rate[who]) - missed[who]
        worth[k] = gain.sum() + missed.sum() - math.log(duration / (2.0 * settings.gate_s))
        if worth[k] > 0.0:
            total[who] += residual + bias[who]
            count[who] += 1.0
    worth[1:] -= settings.close_cost * (np.diff(emissions) < settings.close_s)
    real = (worth > 0.0) & ~_echo_rounds(picks, emissions, chosen, rounds, settings)
    real &= ~_repeated_rounds(picks, chosen, rounds, worth * real, settings)
    kept = real[rounds]
    renumber = np.cumsum(real) - 1
    return emissions[real], chosen[kept], renumber[rounds[kept]], float(worth[real].sum())


def _weighted_median(values: Array, weight: Array) -> float:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order]) - 0.5 * weight[order]
    return float(np.interp(0.5 * weight.sum(), below, values[order]))


def _echo_rounds(
    picks: PickSet, emissions: Array, chosen: Index, rounds: Index, settings: FusionSettings
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rounds that are much fainter, at the same sensors, than an earlier one soon before: a common echo."""
    level = np.full((len(emissions), len(picks.x)), np.nan)
    level[rounds, picks.sensor[chosen]] = picks.level[chosen]
    level[level <= 0.0] = np.nan
    loudest = np.zeros(len(picks.x))
    np.maximum.at(loudest, picks.sensor, picks.level)
    faint = np.zeros(len(emissions), bool)
    for k in range(1, len(emissions)):
        for earlier in range(k):
            if faint[earlier] or emissions[k] - emissions[earlier] > settings.echo_tail_s:
                continue
            drop = level[earlier] - level[k]
            # Two levels at a microphone's own ceiling are equal because it clips.
            clipped = np.minimum(level[earlier], level[k]) > loudest - settings.ceiling_db
            both = ~np.isnan(drop)
            telling = drop[both & ~clipped]
            if 2 * len(telling) >= np.count_nonzero(both) > 0 and np.median(telling) > settings.echo_drop_db:
                faint[k] = True
    return faint


def _repeated_rounds(
    picks: PickSet, chosen: Index, rounds: Index, worth: Array, settings: FusionSettings
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rounds whose picks come, at most of their sensors, as long after a round as others that no round explains do.

    Walls answer every round with the same delay; a trigger finger is not so regular, and where a machine is, each of
    its picks belongs to a round.
    """
    repeated = np.zeros(len(worth), bool)
    if len(worth) < 3:
        return repeated
    used: list[dict[int, float]] = [{} for _ in worth]
    for pick, k in zip(chosen.tolist(), rounds.tolist(), strict=True):
        used[k][int(picks.sensor[pick])] = float(picks.time[pick])
    explained = np.zeros(len(picks.time), bool)
    explained[chosen[worth[rounds] > 0.0]] = True
    unused = {s: picks.time[(picks.sensor == s) & ~explained] for s in range(len(picks.x))}
    surest = int(np.argmax(worth))
    for k in np.flatnonzero(worth > 0.0).tolist():
        if k == surest:
            continue
        votes = 0
        for s, time in used[k].items():
            others = [used[j][s] for j in range(len(worth)) if j != k and worth[j] > 0.0 and s in used[j]]
            lags = np.array([time - other for other in others if settings.round_gap_s / 2.0 < time - other])
            again = np.array([[other + lag for other in others] for lag in lags]).ravel()
            late = np.abs(again[:, None] - unused[s][None, :])
            votes += bool(late.size) and bool(late.min() <= settings.repeat_s)
        repeated[k] = 2 * votes > len(used[k])
    return repeated


def _before(
    picks: PickSet, emitted: Array, emissions: Array, chosen: Index, settings: FusionSettings
) -> float:  # fmt: skip
    """What speaks against a source because something was heard just before it could be: echoes only come late."""
    unused = np.ones(len(emitted), bool)
    unused[chosen] = False
    lead = emissions[0] - emitted
    early = unused & (lead > settings.gate_s) & (lead < settings.before_s)
    worst = np.zeros(len(picks.x))
    np.maximum.at(worst, picks.sensor[early], picks.weight[early])
    # Where things bang all the time, one more before the shot says little: as much as its chance is small.
    seconds, sensors = max(float(lead.max()) - settings.before_s, 0.0), len(picks.x)
    bangs = np.count_nonzero(unused & (lead >= settings.before_s))
    rate = (bangs + USUAL_RATE_HZ * USUAL_S) / (seconds * sensors + USUAL_S)
    cost = min(settings.before_cost, -math.log(-math.expm1(-rate * settings.before_s)))
    return cost * float(worst.sum())
