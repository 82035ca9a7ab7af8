"""From picks to sources: which picks come from one place, where it is, and how many rounds there were.

Two stages. A coarse vote (`hub/fusion/vote.py`) proposes places; each is refined jointly over all rounds: one place,
one emission time a round, robust weights. Hypotheses compete by a likelihood: what they explain against chance, what
near sensors should have heard and didn't, and picks that came before the direct path could (echoes only come late).
What no round explains stays unused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hub.fusion.air import Air, travel_times
from hub.fusion.combine import apart, first_arrivals, neighbours, promising
from hub.fusion.geometry import CHI2_95_2
from hub.fusion.picks import Array, Index, PickSet, Source
from hub.fusion.refine import refine
from hub.fusion.settings import FusionSettings
from hub.fusion.vote import Vote

Mask = NDArray[np.bool_]

MOST_DENSE, MOST_SPARSE = 2, 8
"""Places that one pivot proposes."""
PIVOTS_AGAIN = 5
"""Pivots asked for a further source: it must be heard clearly, or it is none."""
LEAST_VOTES = 2.0
"""Votes below which a place isn't refined: four sensors at half a window."""
PIVOTS_QUICK, PIVOTS_SPARSE = 2, 6
"""Pivots whose first arrivals are combined: for a first place, for the last word."""
WORSE_CLOCK_S = 0.005
"""Clocks less sure than this count beside what paths differ by: the gate opens for two of their sigmas."""
BESIDE = 6
"""Of those places the ones that are refined."""
TRIES_DENSE, TRIES_QUICK, TRIES_SPARSE = 2, 3, 8
"""Places that are refined."""
IN_STEP_S = 0.010
"""Delays of an image's rounds differ by less: what is wrong about paths and sensors is the same for each round."""
LOUD = 12
"""Loudest picks that are asked at last, where no other pivot leads anywhere: among many bangs a shot is a loud one."""
HILLS, STEPS = 2, 4
"""Of few sensors: the best sources around which higher ones are looked for, and how many at each step."""
AROUND_M, APART_M = 60, 10
"""And how far around them every so many metres: a hill beside a higher one is as wide as the gate is long (30 ms)."""


def find_sources(
    picks: PickSet,
    air: Air,
    settings: FusionSettings,
    most: int = 2,
    explained: Sequence[bool] | None = None,
    quick: bool = False,
    known: Sequence[tuple[float, float]] = (),
) -> list[Source]:
    """The sources that explain these picks, the best first; a pick belongs to at most one.

    `known`: places (x, y) that earlier picks spoke for; each competes with what the search finds.

    A further source needs sensors whose picks can't be echoes of the sources before it; `explained` marks picks that a
    source known elsewhere may have made. `quick` looks less far where sensors are few: for a first place. One sensor
    fewer is enough for a place where the classifiers are sure of a shot.
    """
    settings = _widened(picks, settings)
    fresh: Mask = np.ones(len(picks.time), bool) if explained is None else ~np.asarray(explained, bool)
    fewer = settings
    if len(np.unique(picks.sensor[fresh & (picks.weight > 0.5)])) >= settings.fewest_sensors:
        fewer = replace(settings, min_sensors=settings.fewest_sensors)
    found: list[Source] = []
    left, indexes = picks, np.arange(len(picks.time))
    while len(found) < most:
        further = bool(found) or not bool(fresh.all())
        source = _best(left, fresh, air, settings, settings if found else fewer, quick, known)
        if source is None:
            break
        needed = _fullest(source, settings) - (1 if further else 0)
        if len(np.unique(left.sensor[source.picks[fresh[source.picks]]])) < needed:
            break
        if not any(answers(source.emissions, other.emissions, settings) for other in found):
            found.append(source.renumbered(indexes))
        else:
            most -= 1
        left, indexes, fresh = _without(source, left, indexes, fresh, air, settings)
    return found


def _fullest(source: Source, settings: FusionSettings) -> int:
    """Sensors of the round that most of them heard, as far as they are asked for."""
    return min(int(np.bincount(source.rounds).max()), settings.min_sensors)


def _widened(picks: PickSet, settings: FusionSettings) -> FusionSettings:
    """The same settings with a gate that clocks as bad as most of these are fit through."""
    sigma_s = float(np.median(picks.sigma)) if len(picks.sigma) else 0.0
    if sigma_s < WORSE_CLOCK_S:
        return settings
    return replace(settings, gate_s=math.hypot(settings.gate_s, 2.0 * sigma_s))


def grown(
    picks: PickSet, known: Sequence[tuple[float, float]], explained: Sequence[bool], air: Air, settings: FusionSettings
) -> list[Source] | None:
    """Known places (x, y) with the picks that came since; None where they no longer do and a search is needed."""
    settings = _widened(picks, settings)
    left, indexes = picks, np.arange(len(picks.time))
    fresh: Mask = ~np.asarray(explained, bool)
    found: list[Source] = []
    for x, y in known:
        source = refine(left, x, y, air, settings)
        if source is None or math.hypot(source.x - x, source.y - y) > settings.grid_m:
            return None
        found.append(source.renumbered(indexes))
        left, indexes, fresh = _without(source, left, indexes, fresh, air, settings)
    enough = settings.min_sensors - 1
    return found if len(np.unique(left.sensor[fresh])) < max(enough, len(np.unique(picks.sensor)) // 2) else None


def answers(later: Array, rounds: Array, settings: FusionSettings) -> bool:
    """True if each of several rounds follows one of another source after the same delay: a large wall's mirror image.

    Two people who fire at the same intervals to some milliseconds are one, and the picks are echoes all the same.
    """
    if len(later) < 2 or len(rounds) < 2:
        return False
    for delay in later[0] - rounds:
        apart = np.abs(later[:, None] - delay - rounds[None, :]).min(axis=1)
        if 0.0 < delay <= settings.image_s and bool(np.all(apart <= IN_STEP_S)):
            return True
    return False


def _without(
    source: Source, picks: PickSet, indexes: Index, fresh: Mask, air: Air, settings: FusionSettings
) -> tuple[PickSet, Index, Mask]:
    """What is left of the picks, their indexes, and which of them are no echo, once a source is known."""
    keep = np.ones(len(picks.time), bool)
    keep[source.picks] = False
    left = picks.only(keep)
    level: Array = np.zeros(len(picks.x))
    np.maximum.at(level, picks.sensor[source.picks], picks.level[source.picks])
    return left, indexes[keep], fresh[keep] & ~_possible_echo(left, source, level, air, settings)


def _possible_echo(picks: PickSet, source: Source, level: Array, air: Air, settings: FusionSettings) -> Mask:
    """Picks that may be echoes of a source whose direct arrivals had a `level` (S,) in dB, 0 where none is known.

    Echoes only arrive late, not for long, and hardly louder than the direct path.
    """
    direct = travel_times(picks.x - source.x, picks.y - source.y, picks.z - source.z, air)[picks.sensor]
    late = picks.time - direct
    after = late > source.emissions[0] - settings.gate_s
    before = level[picks.sensor]
    louder = (before > 0.0) & (picks.level > before + settings.echo_louder_db)
    return np.asarray(after & (late < source.emissions[-1] + settings.echo_tail_s) & ~louder)


def _best(
    picks: PickSet, fresh: Mask, air: Air, settings: FusionSettings, fewer: FusionSettings, quick: bool,
    known: Sequence[tuple[float, float]],
) -> Source | None:  # fmt: skip
    """The best source that any fresh pivot leads to; one of `fewer` sensors where there is no other."""
    if len(np.unique(picks.sensor[fresh])) < fewer.min_sensors - (0 if fresh.all() else 1):
        return None
    present = len(np.unique(picks.sensor))
    if present < fewer.min_sensors:
        return None
    sparse = present < settings.sure_sensors
    starts = _sparse_starts if sparse else _dense_starts
    places = [*known, *starts(picks, fresh, present, air, settings, quick)]
    refined = [refine(picks, x, y, air, fewer) for x, y in places]
    others = [source for source in refined if source is not None]
    full = [source for source in others if _fullest(source, settings) >= settings.min_sensors]
    for candidates, asked in ((full, settings), (others, fewer)):
        best = _highest_of(candidates, picks, air, asked, thorough=sparse and not quick)
        # That something was fired needs no second proof; that another thing was fired somewhere else does.
        recognised = 0.0 if best is None or not fresh.all() else _recognised(best, picks)
        if best is not None and best.score + recognised > _places_tried(air, settings):
            return best
    return None


def _highest_of(
    found: Sequence[Source], picks: PickSet, air: Air, settings: FusionSettings, *, thorough: bool
) -> Source | None:
    """The best of these sources; `thorough`: or of what is near them, with the second place that is left."""
    if not found or not thorough:
        return max(found, key=lambda source: source.score, default=None)
    others = [*found, *(_climbed(source, picks, air, settings) for source in _highest(found, HILLS))]
    best = max(others, key=lambda source: source.score)
    return replace(best, alternative=_second_place(best, others, settings))


def _dense_starts(
    picks: PickSet, fresh: Mask, present: int, air: Air, settings: FusionSettings, _quick: bool
) -> list[tuple[float, float]]:
    """Places to refine where many sensors vote: the pivots are asked until one gives what most agree on."""
    vote = Vote(picks, air, settings)
    pivots = _pivots(picks, fresh, air)
    found: list[tuple[float, float, float]] = []
    for pivot in pivots if fresh.all() else pivots[:PIVOTS_AGAIN]:
        found += vote.places(pivot, most=MOST_DENSE)
        found.sort(reverse=True)
        if found and found[0][0] >= settings.sure_share * present:
            return _apart([place for place in found if place[0] >= 0.6 * found[0][0]])[:TRIES_DENSE]
    voted = _apart([place for place in found if place[0] >= max(LEAST_VOTES, 0.5 * found[0][0])])
    return promising(voted, TRIES_DENSE, picks, air, settings)


def _apart(voted: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Places (x, y) of (votes, x, y), without those that an earlier one is as good as."""
    places = [(x, y) for _, x, y in voted]
    return [places[index] for index in apart(places, 10.0)]


def _sparse_starts(
    picks: PickSet, fresh: Mask, _present: int, air: Air, settings: FusionSettings, quick: bool
) -> list[tuple[float, float]]:
    """Places to refine where few sensors vote, and the votes alone tell little: many are made, the best are kept."""
    vote = Vote(picks, air, settings)
    pivots = _pivots(picks, fresh, air)
    if not fresh.all():
        pivots = pivots[:PIVOTS_AGAIN]
    places = [(x, y) for pivot in pivots for _, x, y in vote.places(pivot, most=MOST_SPARSE)]
    for pivot in pivots[: PIVOTS_QUICK if quick else PIVOTS_SPARSE]:
        places += first_arrivals(pivot, picks, air, settings)
    return promising(places, TRIES_QUICK if quick else TRIES_SPARSE, picks, air, settings)


def _second_place(best: Source, others: Sequence[Source], settings: FusionSettings) -> tuple[float, float] | None:
    """The best of the other places that explain the picks as well, or nearly, and lie outside the 95 % ellipse."""
    information = np.linalg.inv(best.covariance)
    rivals: list[Source] = []
    for source in others:
        off = np.array([source.x - best.x, source.y - best.y])
        apart = off @ information @ off > CHI2_95_2 and math.hypot(*off) > settings.grid_m / 2.0
        if apart and source.score > best.score - settings.alternative_within:
            rivals.append(source)
    second = max(rivals, key=lambda source: source.score, default=None)
    return None if second is None else (second.x, second.y)


def _highest(sources: Sequence[Source], most: int) -> list[Source]:
    """The best `most` sources of different places."""
    ranked = sorted(sources, key=lambda source: -source.score)
    return [ranked[index] for index in apart([(one.x, one.y) for one in ranked], 2.0, most)]


def _climbed(best: Source, picks: PickSet, air: Air, settings: FusionSettings) -> Source:
    """The best source around one: few sensors leave several hills close to each other."""
    steps = np.arange(-AROUND_M, AROUND_M + 1, APART_M).tolist()
    beside = [(best.x + dx, best.y + dy) for dx in steps for dy in steps]
    for turn in range(3):
        places = promising(neighbours(best, picks, air), STEPS, picks, air, settings)
        places += promising(beside, BESIDE, picks, air, settings) if turn == 0 else []
        around = [refine(picks, x, y, air, settings) for x, y in places]
        higher = max((s for s in around if s is not None), key=lambda s: s.score, default=best)
        if higher.score <= best.score + 0.1:
            break
        best = higher
    return best


def _places_tried(air: Air, settings: FusionSettings) -> float:
    """Logarithm of how many places could have been tried: what a source must be better than chance by."""
    return 2.0 * math.log(math.sqrt(math.pi) * settings.first_sensor_m / (settings.gate_s * air.speed_mps))


def _recognised(source: Source, picks: PickSet) -> float:
    """What the classifiers add: where sensors are sure of a shot, that there is one somewhere needs no proof."""
    best: Array = np.zeros(len(picks.x))
    np.maximum.at(best, picks.sensor[source.picks], picks.weight[source.picks])
    best = np.clip(best[best > 0.5], 0.5, 0.98)
    return float(np.sum(np.log(best / (1.0 - best))))


def _pivots(picks: PickSet, fresh: Mask, air: Air) -> list[int]:
    """Picks that are likely direct arrivals at one of the nearest sensors, the likeliest first.

    The loudest; then those that the most sensors follow within the time that sound needs between the two; then the
    first of the first sensors.
    """
    level = np.where(fresh, picks.level, 0.0)
    loudest = np.argsort(-level, kind="stable") if np.any(level > 0.0) else np.zeros(0, np.intp)
    loud = loudest[:2].tolist()
    apart = travel_times(picks.x[:, None] - picks.x, picks.y[:, None] - picks.y, picks.z[:, None] - picks.z, air)
    window = apart[picks.sensor[:, None], picks.sensor[None, :]] + 0.02
    later = picks.time[None, :] - picks.time[:, None]
    follows = ((later >= -0.02) & (later <= window)).astype(np.float32)
    member = np.zeros((len(picks.time), len(picks.x)), np.float32)
    member[np.arange(len(picks.time)), picks.sensor] = 1.0
    followers = np.minimum(follows @ member, 1.0).sum(axis=1)
    crowded = np.argsort(np.where(fresh, -followers, 0.0), kind="stable")[:4].tolist()
    surest = np.zeros(len(picks.x))
    np.maximum.at(surest, picks.sensor, picks.weight)
    # Not the faint ones before: most of those are of the street.
    usable: Index = np.flatnonzero(fresh & (2.0 * picks.weight >= surest[picks.sensor]))
    _, first = np.unique(picks.sensor[usable], return_index=True)
    early = usable[np.sort(first)[:6]].tolist()
    return list(dict.fromkeys([*loud, *crowded, *early, *loudest[2:LOUD].tolist()]))
