"""The numbers of the evidence, in log-odds, with where each comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the evidence; natural logarithm."""

    origin: str
    base_rate: float
    """Log-odds that a cluster of bangs is a gunshot before anything else is known."""
    slow_base_rate: float
    """The same of a camera's event: what is added to the score of the surest camera."""
    per_sensor: float
    """Log-odds of each sensor that agrees, beyond the first, with falling returns."""
    score_weight: float
    """How much of the mean log-odds of the detections counts: one network's errors are shared by its copies."""
    hearing_margin_db: float
    """Peak over A-weighted noise at which half of the shots are reported, dB."""
    hearing_width_db: float
    """Width of that transition, dB."""

    def agreement(self, sensors: int) -> float:
        """What `sensors` agreeing on one place and time add."""
        return self.per_sensor * math.log(max(sensors, 1)) if sensors > 1 else 0.0

    def sound(self, mean_log_odds: float) -> float:
        """What the scores of the microphones add, together."""
        return max(-4.0, min(4.0, self.score_weight * mean_log_odds))


CALIBRATION = Calibration(
    origin="prior judgement",
    base_rate=-2.5,
    slow_base_rate=-0.5,
    per_sensor=1.6,
    score_weight=1.0,
    hearing_margin_db=15.0,
    hearing_width_db=6.0,
)
