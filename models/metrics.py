"""Figures of a detector: average precision, recall at a false-alarm rate, reliability, with intervals over groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


def average_precision(truth: Bools, score: Reals) -> float:
    """Area under precision and recall as a sum of steps (no interpolation); equal scores count together."""
    if not truth.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ranked, values = truth[order], score[order]
    ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    hits = np.cumsum(ranked)[ends]
    precision = hits / (ends + 1)
    recall = hits / truth.sum()
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * precision))


def recall_at(truth: Bools, score: Reals, false_share: float) -> float:
    """Share of the true ones found at the lowest threshold that lets at most `false_share` of the others through."""
    others = np.sort(score[~truth])[::-1]
    if not truth.any() or not len(others):
        return float("nan")
    allowed = int(np.floor(false_share * len(others)))
    threshold = others[allowed] if allowed < len(others) else -np.inf
    return float(np.mean(score[truth] > threshold))


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def over_groups(
    figure: Callable[[Bools, Reals], float], truth: Bools, score: Reals, groups: Sequence[str], *, draws: int, seed: int
) -> Interval:
    """`figure` with a bootstrap interval that draws groups, not clips: clips of one recording are not independent."""
    value = figure(truth, score)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == number) for number in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = np.concatenate([members[i] for i in rng.integers(len(names), size=len(names))])
        again = figure(truth[chosen], score[chosen])
        if np.isfinite(again):
            drawn.append(again)
    if not drawn or not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def count_per_hour(count: int, hours: float) -> Interval:
    """A rate with the exact Poisson interval (Garwood 1936), by scipy's chi-square where there is one."""
    from scipy.stats import chi2

    if hours <= 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    low = float(chi2.ppf(0.025, 2 * count)) / 2.0 if count else 0.0
    return Interval(count / hours, low / hours, float(chi2.ppf(0.975, 2 * count + 2)) / 2.0 / hours)


def platt(truth: Bools, logit: Reals, weight: Reals) -> tuple[float, float]:
    """Scale and shift of Platt (1999), by Newton's method on the weighted log loss; a slight prior pulls to (1, 0)."""
    design = np.stack([logit, np.ones_like(logit)], axis=1)
    prior = np.array([1.0, 0.0])
    theta = prior.copy()
    stiffness = np.diag([1.0, 0.1])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -40.0, 40.0)))
        slope = design.T @ (weight * (chance - truth)) + stiffness @ (theta - prior)
        bend = (design * (weight * chance * (1.0 - chance))[:, None]).T @ design + stiffness
        move = np.linalg.solve(bend, slope)
        theta = theta - move
        if float(np.abs(move).max()) < 1e-8:
            break
    return float(max(theta[0], 0.05)), float(theta[1])


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of a reliability plot, and the mean gap between said and true, weighted by how many."""

    said: tuple[float, ...]
    true: tuple[float, ...]
    counts: tuple[int, ...]
    error: float


def reliability(truth: Bools, probability: Reals, bins: int = 10) -> Reliability:
    """Ten equal bins of probability; empty bins are left out (Guo et al. 2017, expected calibration error)."""
    which = np.clip((probability * bins).astype(int), 0, bins - 1)
    said, true, counts = [], [], []
    for number in range(bins):
        inside = which == number
        if inside.any():
            said.append(float(probability[inside].mean()))
            true.append(float(truth[inside].mean()))
            counts.append(int(inside.sum()))
    total = max(1, sum(counts))
    error = sum(n * abs(s - t) for s, t, n in zip(said, true, counts, strict=True)) / total
    return Reliability(tuple(said), tuple(true), tuple(counts), float(error))
