"""How the microphone is, told from its sound alone: clipped, silent, broken samples, blocked or wet.

A membrane under water or a wad of foam loses the high end first and the level with it; a dead capsule gives digital
silence or a bare hum; a gain too high flattens the peaks. What is told is a state with a stable code, never the sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import sdot

from sensors.protocol import CaptureState

Samples = NDArray[np.float32]

CLIP_AT: Final = 0.97
"""Of full scale; converters of the live-fire set stop at 0.98."""
CLIPPED_SHARE: Final = 0.001
"""More than one sample in a thousand over 10 s: the gain is too high. One shot nearby stays far below."""
CLIP_OVER_S: Final = 10.0
SILENT_S: Final = 5.0
DEAD_SQUARE: Final = 1e-12
"""Mean square below -120 dB of full scale: no converter with a live capsule is that quiet."""
RECENT_S: Final = 20.0
BLOCKED_DROP_DB: Final = 12.0
"""How far the treble must fall below its own long average, for a minute, before the microphone counts as wet."""
BLOCKED_AFTER_S: Final = 60.0
LEARN_S: Final = 600.0
OVERRUN_KEEP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Condition:
    """State of capture with the code of its reason."""

    capture: CaptureState
    reason: str = ""


class ConditionWatch:
    """Follows one microphone; `look` at every block, read `condition`."""

    def __init__(self) -> None:
        self._heard_s = 0.0
        self._silent_s = 0.0
        self._clipped = 0.0
        self._broken_s = math.inf
        self._treble_db: float | None = None
        self._recent_db: float | None = None
        self._blocked_s = 0.0
        self._lost_s = math.inf
        self._since_treble_s = 0.0
        self._overruns = 0

    def look(self, samples: Samples, rate_hz: int, overruns: int = 0) -> Samples:
        """Take a block and return it fit for analysis: samples that are not numbers become zero, all within +-1."""
        count = samples.size
        if not count:
            return samples
        seconds = count / rate_hz
        square = float(sdot(samples, samples))  # BLAS itself: an overflow is an infinity, not a warning
        if not math.isfinite(square):
            self._broken_s = -seconds
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            samples = np.clip(samples, -1.0, 1.0)
            square = float(samples.dot(samples))
        share = 0.0
        if square >= CLIP_AT * CLIP_AT:  # otherwise no single sample can be that large
            samples = np.clip(samples, -1.0, 1.0)
            share = float(np.count_nonzero(np.abs(samples) >= CLIP_AT)) / count
        self._heard_s += seconds
        self._broken_s += seconds
        self._clipped += (share - self._clipped) * min(seconds / CLIP_OVER_S, 1.0)
        self._lost_s = 0.0 if overruns > self._overruns else self._lost_s + seconds
        self._overruns = overruns
        if square < DEAD_SQUARE * count or (samples[0] == samples[-1] and samples.min() == samples.max()):
            self._silent_s += seconds
            return samples
        self._silent_s = 0.0
        self._since_treble_s += seconds
        if self._since_treble_s >= 1.0:
            self._follow_treble(samples, self._since_treble_s)
            self._since_treble_s = 0.0
        return samples

    def _follow_treble(self, samples: Samples, seconds: float) -> None:
        """First differences are a cheap treble; its fall against its own average tells a wet membrane."""
        step = samples[1:2_048] - samples[: min(samples.size, 2_048) - 1]
        if not step.size:
            return
        level = 10.0 * math.log10(float(step.dot(step)) / step.size + 1e-12)
        if self._treble_db is None or self._recent_db is None:
            self._treble_db = self._recent_db = level
        self._recent_db += (level - self._recent_db) * min(seconds / RECENT_S, 1.0)
        low = self._heard_s > LEARN_S and self._recent_db < self._treble_db - BLOCKED_DROP_DB
        self._blocked_s = self._blocked_s + seconds if low else 0.0
        if not low:
            self._treble_db += (level - self._treble_db) * min(seconds / LEARN_S, 1.0)

    @property
    def condition(self) -> Condition:
        """The worst thing known now."""
        if self._heard_s == 0.0:
            return Condition("starting", "no_sound_yet")
        if self._silent_s >= SILENT_S:
            return Condition("lost", "silent")
        if self._broken_s < OVERRUN_KEEP_S:
            return Condition("degraded", "broken_samples")
        if self._clipped > CLIPPED_SHARE:
            return Condition("degraded", "clipped")
        if self._blocked_s >= BLOCKED_AFTER_S:
            return Condition("degraded", "blocked")
        if self._lost_s < OVERRUN_KEEP_S:
            return Condition("degraded", "overrun")
        return Condition("ok")
