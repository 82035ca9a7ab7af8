"""The numbers of the evidence, in log-odds, with where each comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

RIGHT_WITHIN_M: Final = 25.0
"""A place is called right within this, or within one and a half times its ellipse: what a patrol is helped by."""
ENOUGH: Final = 6
"""Sensors that agree from which something certainly banged there."""


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

    place_base: float
    """Log-odds that a place is the right one, of three sensors with an ellipse of 10 m and no second place."""
    place_sensors: float
    """What each further sensor adds, up to seven."""
    place_wide: float
    """What each doubling of the ellipse's greater axis adds (negative: takes away), from 5 to 160 m."""
    place_second: float
    """What a second place adds (negative: takes away)."""

    PLACE_FEATURES: ClassVar = ("place_sensors", "place_wide", "place_second")

    @staticmethod
    def place_features(sensors: int, semi_major_m: float, second: bool) -> tuple[float, float, float]:
        """What the certainty of a place is told from, in the order of `PLACE_FEATURES`."""
        wide = math.log2(min(max(semi_major_m, 5.0), 160.0) / 10.0)
        return float(min(max(sensors, 3), 10) - 3), wide, float(second)

    def place_right(self, sensors: int, semi_major_m: float, second: bool) -> float:
        """Probability that a place is right, given that something banged and these sensors agree on where."""
        further, wide, other = self.place_features(sensors, semi_major_m, second)
        total = self.place_base + self.place_sensors * further + self.place_wide * wide + self.place_second * other
        return 1.0 / (1.0 + math.exp(-total))

    def agreement(self, sensors: int) -> float:
        """What `sensors` agreeing on one place and time add; beyond `ENOUGH` nothing: who else hears a bang says no
        more of what banged."""
        return self.per_doubling * math.log2(min(max(sensors, 1), ENOUGH))

    def sound(self, mean_log_odds: float, sensors: int) -> float:
        """What the scores of the microphones add, together; at most 5 either way."""
        weight = self.score_weight + self.score_doubling * math.log2(min(max(sensors, 1), 16))
        return max(-5.0, min(5.0, weight * mean_log_odds))


CALIBRATION = Calibration(
    origin="""Agreement, sound and base rate: 742 incidents of two simulated cities (300 m and 450 m between sensors,
    seeds 31 and 32; tocsin evaluate calibration), logistic regression on the agreeing sensors, up to six, and their
    scores, silence counted as is, and one sensor alone that is 90 % sure held at odds of 1 to 4.5 (simulated
    streets hold too little noise to learn that from); three bangs in ten were shots, scores Beta(4, 2) of shots
    and Beta(2, 4) of others. Calibration error on other draws 0.04, in a city of 600 m 0.19 (it believes too
    little there). Agreement that rose up to sixteen sensors was the error before: 0.07. The share of silent
    sensors (25 %) is the simulation's; on live fire 16 of 20 sensors report a direct path.
    Place: tocsin evaluate calibration --data livefire --incidents 500,
    seed 11: 429 shots of three simulated cities, and 535 of the vendor's raw pulses at firing positions FP2
    and FP3 with 3 to 12 sensors kept.""",
    base_rate=-2.74,
    slow_base_rate=-0.5,
    per_doubling=0.6,
    score_weight=0.56,
    score_doubling=0.68,
    hears=0.75,
    hearing_margin_db=15.0,
    hearing_width_db=6.0,
    place_base=2.63,
    place_sensors=1.32,
    place_wide=-0.37,
    place_second=-1.75,
)
