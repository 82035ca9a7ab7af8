"""Many people shouting at once: no words, no person's voice, and yet a crowd to whoever hears it.

Each person calls again and again: pulses of the vocal folds whose pitch rises and falls with the call, through the
resonances of an open vowel (a cascade, as in Klatt 1980), with breath. The farther ones melt into noise of the same
colour. Pitch and number of voices were chosen by what this project's model and YAMNet hear in it: YAMNet gives "Crowd"
and "Cheering" 0.11 to 0.31 over six seeds, where recordings of sports crowds get 0.05 to 0.29. So it shows the way of a
clamor through the city; it judges no model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

Wave = NDArray[np.float64]

VOWELS: Final = (
    (730, 1090, 2440, 3400), (660, 1720, 2410, 3400), (570, 840, 2410, 3300),
    (530, 1840, 2480, 3500), (640, 1190, 2390, 3300),
)  # fmt: skip
"""Resonances of open and shouted vowels, Hz (Peterson and Barney 1952)."""
WIDTHS_HZ: Final = (110.0, 130.0, 180.0, 260.0)
PITCH_HZ: Final = (200.0, 600.0)
"""Shouting lies an octave above talking."""
CALL_S: Final = (0.25, 1.4)
PAUSE_S: Final = (0.05, 0.9)
NEAREST_DB: Final = 18.0
"""The farthest of those heard singly is this much below the nearest."""
REST: Final = 0.15
"""Level of those who melt into noise, against those heard singly."""


def shouting(rng: np.random.Generator, rate_hz: int, seconds: float, people: int = 60) -> Wave:
    """`people` calling for `seconds`, float64 [seconds * rate_hz], rms 1."""
    count = round(seconds * rate_hz)
    crowd = np.zeros(count)
    for _ in range(people):
        loud = 10.0 ** (-rng.uniform(0.0, NEAREST_DB) / 20.0)
        at = round(rng.uniform(-1.0, 0.4) * rate_hz)
        while at < count:
            length = round(np.exp(rng.uniform(*np.log(CALL_S))) * rate_hz)
            first, last = max(0, at), min(count, at + length)
            if last > first:
                crowd[first:last] += loud * _call(rng, length, rate_hz)[first - at : last - at]
            at += length + round(rng.uniform(*PAUSE_S) * rate_hz)
    spectrum = np.abs(np.fft.rfft(crowd))
    colour = np.sqrt(uniform_filter1d(spectrum**2, max(8, count // 100)))
    rest = np.fft.irfft(colour * np.exp(2j * np.pi * rng.random(colour.size)), count)
    crowd = crowd / crowd.std() + REST * rest / rest.std()
    return np.asarray(crowd / crowd.std(), np.float64)


def _call(rng: np.random.Generator, count: int, rate_hz: int) -> Wave:
    """One call, rms 1: its pitch rises by up to a half and falls again."""
    time = np.arange(count) / rate_hz
    end = float(time[-1])
    knots = max(3, round(end * 12.0))
    tremor = 1.0 + 0.01 * np.interp(time, np.linspace(0.0, end, knots), rng.normal(size=knots))
    course = np.abs(np.sin(np.pi * time / end)) ** rng.uniform(0.3, 1.0)
    pitch = np.exp(rng.uniform(*np.log(PITCH_HZ))) * (1.0 + rng.uniform(0.1, 0.5) * course) * tremor
    pulses = np.diff(np.floor(np.cumsum(pitch) / rate_hz + rng.random()), prepend=0.0)
    source = lfilter([1.0], [1.0, -0.9], pulses)
    source = source - source.mean() + rng.normal(0.0, rng.uniform(0.01, 0.06), count)
    # The mouth radiates the change of the flow; effort keeps the upper partials up.
    wave = lfilter([1.0], [1.0, -0.6], np.diff(source, prepend=0.0))
    size = rng.uniform(0.95, 1.25)
    for hertz, width in zip(VOWELS[int(rng.integers(len(VOWELS)))], WIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width / rate_hz)
        turn = 2.0 * np.pi * min(hertz * size, 0.45 * rate_hz) / rate_hz
        pole = [1.0, -2.0 * radius * np.cos(turn), radius**2]
        wave = lfilter([sum(pole)], pole, wave)
    wave = wave * np.minimum(1.0, time / 0.06) * np.minimum(1.0, (end - time) / 0.15)
    return np.asarray(wave / (wave.std() + 1e-12), np.float64)
