"""A simulated microphone as a source for the microphone agent: paced like real sound, stamped by its own clock."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import numpy as np

from sensors.microphone.sources import SoundBlock, SourceStatus
from sensors.simulator.ear import Ear
from sensors.simulator.scenario import MicrophonePlan, Scenario

BLOCK_S: Final = 0.2
_CLOCK: Final = 5
_LATE_S: Final = 4.0
"""Further behind than this the microphone skips, as a sound card that was not read does."""


def _now_us() -> int:
    return time.time_ns() // 1_000


def clock_error_ms(plan: MicrophonePlan, at_s: float, chance: float) -> float:
    """How wrong the sensor's clock is `at_s` seconds into the scenario; `chance` is a standard normal number."""
    return plan.clock_offset_ms + plan.clock_drift_ppm * at_s * 1e-3 + plan.clock_jitter_ms * chance


class SimulatedMicrophone:
    """One microphone of a scenario that begins at `start_us` (UTC microseconds); a source of `SoundBlock`s."""

    def __init__(
        self, scenario: Scenario, plan: MicrophonePlan, seed: int, start_us: int, now_us: Callable[[], int] = _now_us
    ) -> None:
        self._scenario = scenario
        self._plan = plan
        self._seed = seed
        self._start_us = start_us
        self._now_us = now_us
        self._overruns = 0
        self._rng = np.random.default_rng([seed, _CLOCK, zlib.crc32(plan.id.encode())])

    @property
    def name(self) -> str:
        """What it is called in logs."""
        return f"simulated:{self._plan.id}"

    def status(self) -> SourceStatus:
        """Blocks lost to a machine that was too slow, and the clock as the sensor itself believes it to be."""
        return SourceStatus(overruns=self._overruns, clock_synchronised=self._plan.clock_sigma_ms < 100.0)

    def stamp_us(self, at_s: float) -> int:
        """What this sensor's clock says `at_s` seconds after the scenario's beginning."""
        wrong_ms = clock_error_ms(self._plan, at_s, float(self._rng.standard_normal()))
        return self._start_us + round(at_s * 1e6 + wrong_ms * 1e3)

    async def blocks(self) -> AsyncIterator[SoundBlock]:
        """Deliver a block once its last sample has been heard; end with a scenario that does not repeat."""
        rate = self._scenario.rate_hz
        count = round(BLOCK_S * rate)
        ear = await asyncio.to_thread(Ear, self._scenario, self._plan, self._seed)
        # Whoever is switched on late hears from now on, which is no loss.
        late = (self._now_us() - self._start_us) / 1e6
        position, gap = max(0, int(late / BLOCK_S)) * count, False
        last = None if self._scenario.repeat else round(self._scenario.duration_s * rate)
        while last is None or position < last:
            behind = (self._now_us() - self._start_us) / 1e6 - (position + count) / rate
            if behind < 0.0:
                await asyncio.sleep(-behind)
            elif behind > _LATE_S:
                skipped = int(behind / BLOCK_S)
                self._overruns += skipped
                position, gap = position + skipped * count, True
            samples = await asyncio.to_thread(ear.read, position, count)
            stamp = self.stamp_us(position / rate)
            yield SoundBlock(samples, rate, stamp, round(self._plan.clock_sigma_ms * 1e3), gap)
            position, gap = position + count, False
