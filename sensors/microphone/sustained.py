"""Sounds that last (clamor, siren): told by evidence that is kept up, with hysteresis, never by one window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

TIME_CONSTANT_S: Final = 2.5
OFF_SHARE: Final = 0.5
"""Evidence must fall to half of the threshold that switched it on before a sound counts as over."""
REPEAT_S: Final = 10.0
LONGEST_S: Final = 1_800.0
"""After half an hour a sound is told anew: an operator must see that it still lasts."""
DEFAULT_THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Lasting:
    """A lasting sound as it stands: told when it is certain, every 10 s while it lasts, and when it is over."""

    event: str
    onset_us: int
    duration_s: float
    score: float
    over: bool


class SustainedSound:
    """Evidence for one label over time: an exponential mean of its scores, on above `threshold`, off below half of it.

    Larger `threshold`: surer, and misses more. Larger `min_s` (how long there must be evidence): later and surer.
    """

    def __init__(self, label: str, threshold: float = DEFAULT_THRESHOLD, min_s: float = 3.0) -> None:
        self.label = label
        self.evidence = 0.0
        self.active = False
        self._threshold = threshold
        self._min_s = min_s
        self._since_us: int | None = None
        self._last_us: int | None = None
        self._told_us = 0

    def offer(self, score: float, at_us: int) -> Lasting | None:
        """Take the score of the window that ended at `at_us`; times must not go back. Returns what is to be told."""
        step_s = 0.0 if self._last_us is None else max(0, at_us - self._last_us) / 1e6
        self._last_us = at_us
        self.evidence += (score - self.evidence) * (1.0 - math.exp(-step_s / TIME_CONSTANT_S))
        off = self._threshold * OFF_SHARE
        if self.evidence < off:
            told = self._told(at_us, over=True) if self.active else None
            self.active, self._since_us = False, None
            return told
        if self._since_us is None:
            self._since_us = at_us
        lasted_s = (at_us - self._since_us) / 1e6
        if not self.active:
            if self.evidence >= self._threshold and lasted_s >= self._min_s:
                self.active = True
                return self._told(at_us, over=False)
            return None
        if lasted_s >= LONGEST_S:
            told = self._told(at_us, over=True)
            self.active, self._since_us = False, at_us
            return told
        return self._told(at_us, over=False) if at_us - self._told_us >= REPEAT_S * 1e6 else None

    def rest(self, at_us: int) -> None:
        """The place is quiet and there was next to no evidence: begin again at nothing."""
        self.evidence, self._since_us, self._last_us = 0.0, None, at_us

    def lose(self) -> Lasting | None:
        """Sound is missing from here on: what was active is over."""
        told = self._told(self._last_us, over=True) if self.active and self._last_us is not None else None
        self.evidence, self.active, self._since_us, self._last_us = 0.0, False, None, None
        return told

    def _told(self, at_us: int, *, over: bool) -> Lasting:
        assert self._since_us is not None
        self._told_us = at_us
        duration_s = min(max(at_us - self._since_us, 0) / 1e6, LONGEST_S)
        return Lasting(self.label, self._since_us, duration_s, min(max(self.evidence, 0.0), 1.0), over)


class LevelGate:
    """Whether the level stands out of the background: the model need not look at a street as it always is.

    The background follows levels down within 10 s and up within 10 minutes. One look every 10 s is taken anyway, so
    that a sound that was there from the start, or crept in, is found too.
    """

    STANDS_OUT_DB: Final = 5.0
    LOOK_S: Final = 10.0
    FALL_S: Final = 10.0
    RISE_S: Final = 600.0

    def __init__(self) -> None:
        self.background_db: float | None = None
        self._since_look_s = math.inf

    def open(self, laf_db: float, seconds: float) -> bool:
        """Take the level after another `seconds` of sound; True when the model should look."""
        if self.background_db is None:
            self.background_db = laf_db
        constant = self.FALL_S if laf_db < self.background_db else self.RISE_S
        self.background_db += (laf_db - self.background_db) * min(seconds / constant, 1.0)
        self._since_look_s += seconds
        if laf_db < self.background_db + self.STANDS_OUT_DB and self._since_look_s < self.LOOK_S:
            return False
        self._since_look_s = 0.0
        return True
