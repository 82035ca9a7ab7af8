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
    origin="""tocsin evaluate city, 600 bangs, seed 1: logistic regression on the number of agreeing sensors and scores,
    silence counted as is; three bangs in ten were shots, scores Beta(4, 2) of shots and Beta(2, 4) of others. The share
    of silent sensors (25 %) is the simulation's; on live fire 16 of 20 sensors report a direct path.""",
    base_rate=-2.15,
    slow_base_rate=-0.5,
    per_doubling=0.47,
    score_weight=0.28,
    score_doubling=0.56,
    hears=0.75,
    hearing_margin_db=15.0,
    hearing_width_db=6.0,
)
