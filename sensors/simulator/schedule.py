"""What happens when: a scenario's events laid out in time, turn after turn, and the truth about them.

Chance comes from the seed, the turn and the event's place in the file alone: every process that plays the scenario lays
out the same evening.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sensors.simulator.propagation import Vector
from sensors.simulator.scenario import Scenario, ScenePlan, SoundPlan
from sensors.simulator.waveforms import MAKERS, Waveform

_EMISSION, _PLACE = 1, 2
_MAKING = threading.Lock()


class Truth(Struct, frozen=True):
    """What really happened: kind, seconds from the start, where, how many rounds; for a scene, at which camera."""

    kind: str
    at_s: float
    duration_s: float
    turn: int
    latitude: float | None = None
    longitude: float | None = None
    rounds: int | None = None
    label: str = ""
    camera: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Emission:
    """One sound that leaves one source: `key` seeds its chance, `path` is set for a source that drives."""

    plan: SoundPlan
    key: tuple[int, int, int]
    emitted_s: float
    place: Vector
    path: NDArray[np.float64] | None

    def wave(self, seed: int, rate_hz: int) -> Waveform:
        """Its waveform at 1 m, the same for every listener; may be called from several threads."""
        # Made once for all microphones of a process, not once by each of those that ask at the same moment.
        with _MAKING:
            return _wave(self.plan, self.key, seed, rate_hz)


@functools.lru_cache(maxsize=48)
def _wave(plan: SoundPlan, key: tuple[int, int, int], seed: int, rate_hz: int) -> Waveform:
    rng = np.random.default_rng([seed, _EMISSION, *key])
    return MAKERS[plan.sound](rng, rate_hz, plan.level, plan.duration_s)


def _place(scenario: Scenario, plan: SoundPlan, seed: int, turn: int, index: int) -> Vector:
    east, north, up = scenario.metres(plan.latitude, plan.longitude, plan.height_m)
    if turn == 0 or plan.scatter_m == 0.0:
        return east, north, up
    rng = np.random.default_rng([seed, _PLACE, turn, index])
    radius, bearing = plan.scatter_m * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
    return float(east + radius * np.cos(bearing)), float(north + radius * np.sin(bearing)), up


def turns(scenario: Scenario) -> int | None:
    """How often the scenario is played; None is for ever."""
    return None if scenario.repeat else 1


def emissions(scenario: Scenario, seed: int, turn: int) -> list[Emission]:
    """Every sound of one turn in order of time."""
    found: list[Emission] = []
    for index, plan in enumerate(scenario.event):
        if not isinstance(plan, SoundPlan):
            continue
        place = _place(scenario, plan, seed, turn, index)
        path = np.array([scenario.metres(*point, plan.height_m) for point in plan.path]) if plan.path else None
        for round_index in range(plan.rounds):
            emitted_s = turn * scenario.duration_s + plan.at_s + round_index * plan.interval_s
            found.append(Emission(plan, (turn, index, round_index), emitted_s, place, path))
    return sorted(found, key=lambda emission: emission.emitted_s)


def truths(scenario: Scenario, seed: int, turn: int) -> list[Truth]:
    """What really happens in one turn, in order of time."""
    found: list[Truth] = []
    for index, plan in enumerate(scenario.event):
        at_s = turn * scenario.duration_s + plan.at_s
        if isinstance(plan, ScenePlan):
            found.append(Truth(plan.scene, at_s, plan.duration_s, turn, camera=plan.camera, zone=plan.zone))
            continue
        east, north, _ = _place(scenario, plan, seed, turn, index)
        latitude, longitude = scenario.degrees(east, north)
        length = (plan.rounds - 1) * plan.interval_s if plan.sound in {"gunshot", "firework"} else plan.duration_s
        found.append(Truth(plan.sound, at_s, length, turn, latitude, longitude, plan.rounds, plan.label))
    return sorted(found, key=lambda truth: truth.at_s)
