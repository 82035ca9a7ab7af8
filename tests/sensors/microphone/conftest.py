"""Sounds of known truth, and a model that needs no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from sensors.microphone.sources import Samples


class LoudIsAShot:
    """An acoustic model by peak level alone: what the agent needs of one, with a score that tests can foresee."""

    name = "standin@00000000"
    labels = ("gunshot", "clamor")
    sample_rate_hz = 16_000
    window_samples = 16_000

    def __init__(self) -> None:
        self.windows: list[Samples] = []
        self.clamor = 0.0
        self.thresholds: dict[str, float] = {}

    def scores(self, window: Samples) -> Mapping[str, float]:
        assert window.shape == (self.window_samples,)
        assert np.isfinite(window).all()
        self.windows.append(window.copy())
        return {"gunshot": 0.95 if float(np.abs(window).max()) > 0.1 else 0.01, "clamor": self.clamor}


@pytest.fixture
def model() -> LoudIsAShot:
    return LoudIsAShot()


@pytest.fixture
def street() -> Callable[..., Samples]:
    """Makes noise of `rms` with impulses: (time in s, amplitude), each a 1 kHz wave that decays within 4 ms."""

    def make(
        rate: int, seconds: float, impulses: list[tuple[float, float]], rms: float = 1e-3, seed: int = 0
    ) -> Samples:
        wave = np.random.default_rng(seed).normal(0.0, rms, round(rate * seconds))
        for at_s, amplitude in impulses:
            time = np.arange(wave.size) / rate - at_s
            inside = (time >= 0) & (time < 0.03)
            wave[inside] += amplitude * np.cos(2 * np.pi * 1_000 * time[inside]) * np.exp(-time[inside] / 0.004)
        return wave.astype(np.float32)

    return make
