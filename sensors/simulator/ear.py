"""What one simulated microphone hears, as samples at any moment: its street's noise and every sound that reaches it.

Noise is a loop made once; a sound is carried to the microphone when its emission comes near, added to the blocks that
it reaches, and forgotten.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.noise import pascals, street_loop
from sensors.simulator.propagation import Heard, carry, carry_moving
from sensors.simulator.scenario import MicrophonePlan, Scenario
from sensors.simulator.schedule import Emission, emissions, turns

_LOOP_S: Final = 16.0
_AHEAD_S: Final = 2.5
"""How early a sound is prepared: longer than any whistle before its report."""
_REACH_S: Final = 20.0
"""Time for the last of a sound, with its echoes, to cross a quarter of 5 km."""
_NOISE, _WAY = 3, 4
_FAINT_DB: Final = 12.0
"""A sound whose peak stays this far under the noise's LAeq is not carried: nothing could hear it."""


class Ear:
    """Sound at one microphone, float32 with full scale 1; `read` must be called for consecutive stretches."""

    def __init__(self, scenario: Scenario, plan: MicrophonePlan, seed: int) -> None:
        self._scenario = scenario
        self._plan = plan
        self._seed = seed
        self._number = zlib.crc32(plan.id.encode())
        self._city = scenario.city()
        self._place = scenario.metres(plan.latitude, plan.longitude, plan.height_m)
        rng = np.random.default_rng([seed, _NOISE, self._number])
        self._gain = 1.0 / pascals(plan.full_scale_db)
        loop = street_loop(rng, _LOOP_S, scenario.rate_hz, plan.noise_db) * self._gain
        self._loop: NDArray[np.float32] = np.asarray(loop, dtype=np.float32)
        # Not all microphones of a process shall work at the same moment.
        self._ahead_s = _AHEAD_S + 0.25 * (self._number % 16)
        self._turn = 0
        self._coming: deque[Emission] = deque(emissions(scenario, seed, 0))
        self._heard: list[Heard] = []

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples `start` to `start + count` from the scenario's beginning."""
        if self._plan.fault == "dead":
            return np.zeros(count, dtype=np.float32)
        rate = self._scenario.rate_hz
        self._prepare((start + count) / rate + self._ahead_s, start / rate)
        block = self._noise(start, count)
        for heard in self._heard:
            low, high = max(start, heard.start), min(start + count, heard.start + heard.samples.size)
            if low < high:
                block[low - start : high - start] += heard.samples[low - heard.start : high - heard.start]
        self._heard = [heard for heard in self._heard if heard.start + heard.samples.size > start + count]
        if self._plan.fault == "clipped":
            # A preamplifier turned up until the street's own noise nearly fills the scale.
            block *= pascals(self._plan.full_scale_db) / pascals(self._plan.noise_db + 25.0)
        np.clip(block, -1.0, 1.0, out=block)
        return block

    def _noise(self, start: int, count: int) -> NDArray[np.float32]:
        size = self._loop.size
        offset = start % size
        if offset + count <= size:
            return self._loop[offset : offset + count].copy()
        return np.asarray(self._loop[np.arange(start, start + count) % size], dtype=np.float32)

    def _prepare(self, until_s: float, from_s: float) -> None:
        """Carry every sound emitted before `until_s`; one that was over before `from_s` is left out."""
        while True:
            if not self._coming:
                last = turns(self._scenario)
                if last is not None and self._turn + 1 >= last:
                    return
                if until_s < (self._turn + 1) * self._scenario.duration_s:
                    return
                self._turn += 1
                self._coming.extend(emissions(self._scenario, self._seed, self._turn))
                if not self._coming:
                    return
            if self._coming[0].emitted_s > until_s:
                return
            emission = self._coming.popleft()
            over_s = emission.emitted_s + emission.plan.duration_s + _REACH_S
            if over_s > from_s and self._audible(emission):
                heard = self._carry(emission)
                self._heard.append(Heard(heard.start, heard.samples * np.float32(self._gain)))

    def _audible(self, emission: Emission) -> bool:
        stops = emission.path if emission.path is not None else np.asarray([emission.place])
        nearest = float(np.min(np.linalg.norm(stops - np.asarray(self._place), axis=1)))
        if emission.path is not None:
            nearest = max(1.0, nearest - float(np.max(np.linalg.norm(np.diff(emission.path, axis=0), axis=1))))
        return bool(emission.plan.level - 20.0 * np.log10(max(1.0, nearest)) > self._plan.noise_db - _FAINT_DB)

    def _carry(self, emission: Emission) -> Heard:
        wave = emission.wave(self._seed, self._scenario.rate_hz)
        if emission.path is not None:
            speed = emission.plan.speed_m_s
            return carry_moving(wave, emission.path, speed, self._place, self._city, emission.emitted_s)
        # The same street answers each round of a burst alike: its tail depends on the event, not on the round.
        rng = np.random.default_rng([self._seed, _WAY, *emission.key[:2], self._number])
        return carry(wave, emission.place, self._place, self._city, emission.emitted_s, rng)
