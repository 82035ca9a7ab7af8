"""The numbers of the evidence, in log-odds, with where each comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the evidence; natural logarithm."""

    origin: str
    base_rate: float
    """Log-odds that one bang that a microphone reports is a gunshot, before anything else is known."""
    slow_base_rate: float
    """The same of a camera's event: what is added to the score of the surest camera."""
    per_doubling: float
    """Log-odds that each doubling of the sensors that agree adds."""
    score_weight: float
    """How much of the mean log-odds of the detections counts for one sensor."""
    score_doubling: float
    """How much more of it counts for each doubling of the sensors: their errors are partly their own."""
    hears: float
    """Share of the shots well over the noise that a sensor reports: the rest is behind something."""
    hearing_margin_db: float
    """Peak over A-weighted noise at which half of that share is reported, dB."""
    hearing_width_db: float
    """Width of that transition, dB."""

    def agreement(self, sensors: int) -> float:
        """What `sensors` agreeing on one place and time add; beyond sixteen nothing."""
        return self.per_doubling * math.log2(min(max(sensors, 1), 16))

    def sound(self, mean_log_odds: float, sensors: int) -> float:
        """What the scores of the microphones add, together; at most 5 either way."""
        weight = self.score_weight + self.score_doubling * math.log2(min(max(sensors, 1), 16))
        return max(-5.0, min(5.0, weight * mean_log_odds))


CALIBRATION = Calibration(
    origin="prior judgement",
    base_rate=-2.0,
    slow_base_rate=-0.5,
    per_doubling=0.7,
    score_weight=0.7,
    score_doubling=0.25,
    hears=0.75,
    hearing_margin_db=15.0,
    hearing_width_db=6.0,
)
