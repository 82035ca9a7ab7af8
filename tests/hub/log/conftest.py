"""Messages to put into a log."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import uuid6

from sensors.protocol import Detection, SoundLevel


def make_detection(number: int = 0) -> Detection:
    """A gunshot heard now."""
    now = time.time_ns() // 1_000
    return Detection(
        id=uuid6.uuid7(),
        sensor=f"mic-{number % 7}",
        sent=now,
        event="gunshot",
        onset=now - number,
        duration_s=0.2,
        score=0.9,
        clock_sigma_us=500,
        model="tocsin-acoustic@0123456789abcdef",
    )


def make_level() -> SoundLevel:
    """A quiet second."""
    now = time.time_ns() // 1_000
    return SoundLevel(
        id=uuid6.uuid7(), sensor="mic-1", sent=now, start=now - 1_000_000, period_s=1.0,
        laeq=50.0, lafmax=55.0, lcpeak=70.0, l10=53.0, l50=49.0, l90=45.0,
    )  # fmt: skip


@pytest.fixture
def detection() -> Callable[[int], Detection]:
    """Makes detections."""
    return make_detection


@pytest.fixture
def level() -> Callable[[], SoundLevel]:
    """Makes sound levels."""
    return make_level
