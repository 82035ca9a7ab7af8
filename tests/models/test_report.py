"""Live fire in the report: what reaches the threshold, and what is told to a hub at all."""

from __future__ import annotations

import numpy as np

from models.crossval import Judged
from models.labels import LABELS
from models.pipeline import Calibration
from models.report import TOLD, livefire_found

CALIBRATION = Calibration((1.0,) * len(LABELS), (0.0,) * len(LABELS), (0.5,) * len(LABELS))


def shot(probability: float, *, distance_m: float = 200.0, position: str = "FP1") -> Judged:
    """A shot at frame 60 that one window hears with this probability."""
    logits = np.full((8, len(LABELS)), -9.0, np.float32)
    logits[1, LABELS.index("gunshot")] = np.log(probability / (1.0 - probability))
    return Judged(f"livefire/{position}", "gunshot", "livefire", f"livefire:{position}", 0, logits, (60,), distance_m)


def test_a_shot_below_the_threshold_is_not_found_and_yet_told() -> None:
    judged = [shot(0.9), shot(0.2), shot(0.02), shot(0.9, position="FP2")]
    assert livefire_found(judged, CALIBRATION) == {"livefire:FP1": (1, 3), "livefire:FP2": (1, 1)}
    assert livefire_found(judged, CALIBRATION, TOLD) == {"livefire:FP1": (2, 3), "livefire:FP2": (1, 1)}


def test_shots_from_farther_than_400_m_are_not_asked_for() -> None:
    assert livefire_found([shot(0.9, distance_m=450.0)], CALIBRATION) == {}


def test_the_agent_tells_what_the_report_calls_told() -> None:
    from sensors.microphone.hearing import HearingSettings

    assert HearingSettings().report_floor == TOLD
