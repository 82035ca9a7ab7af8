"""What the sources of the city sound like: sound pressure in pascals at one metre.

Every maker takes a random generator and a sample rate and gives a `Waveform`; the same generator state gives the same
samples. Levels are peaks for bangs and A-weighted equivalents for what lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from sensors.simulator.crowd import shouting
from sensors.simulator.noise import a_weighting_db, frequencies, pascals, shaped

Sound = NDArray[np.float32]

SoundKind = Literal["gunshot", "firework", "clamor", "siren", "traffic", "hammering", "jackhammer", "thunder"]
SOUND_KINDS: Final[frozenset[str]] = frozenset(get_args(SoundKind))

BANG_LEAD_S: Final = 0.004
"""Silence before the front of a bang, so that band limiting has room to ring before it."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """`samples` float32[n] in Pa at 1 m; `lead_s` is how far into them the emission begins."""

    samples: Sound
    rate_hz: int
    lead_s: float = 0.0


def blast(rate_hz: int, seconds: float, peak_db: float, positive_phase_s: float) -> Sound:
    """A muzzle blast float32[seconds * rate] in Pa, its front at `BANG_LEAD_S`.

    Friedlander's wave p(t) = P (1 - t/T) exp(-t/T) (Friedlander 1946), with T the length of the positive phase in
    seconds: 0.3 to 0.45 ms for handguns. It is evaluated as a spectrum, where it has the
    closed form P (1/(a + jw) - 1/(T (a + jw)²)), a = 1/T, and rolls off smoothly below half the sample rate: its front
    is exact to a fraction of a sample, which a sampled front cannot be.
    """
    count = round(seconds * rate_hz)
    over = 8
    frequency = frequencies(count, rate_hz)
    pole = 1.0 / positive_phase_s + 2j * np.pi * frequency
    spectrum = 1.0 / pole - 1.0 / (positive_phase_s * pole**2)
    spectrum *= np.exp(-0.5 * (frequency / (0.2 * rate_hz)) ** 2)
    spectrum *= np.exp(-2j * np.pi * frequency * BANG_LEAD_S)
    fine = np.fft.irfft(spectrum, count * over) * over
    scale = pascals(peak_db) / float(np.max(np.abs(fine)))
    return np.asarray(np.fft.irfft(spectrum, count) * scale, dtype=np.float32)


def gunshot(rng: np.random.Generator, rate_hz: int, level_db: float) -> Waveform:
    """One round of a handgun; `level_db` is the peak at 1 m, 155 to 160 dB."""
    return Waveform(blast(rate_hz, 0.06, level_db, rng.uniform(0.3e-3, 0.45e-3)), rate_hz, BANG_LEAD_S)


def firework(rng: np.random.Generator, rate_hz: int, level_db: float) -> Waveform:
    """A shell: a whistle that climbs for a second, a report that is slower than a shot's, then a second of crackle.

    `lead_s` points at the report, which is what `level_db` (peak at 1 m) measures.
    """
    whistle_s, crackle_s = 1.1, 1.6
    whistle_n, total = round(whistle_s * rate_hz), round((whistle_s + 0.3 + crackle_s) * rate_hz)
    samples = np.zeros(total, dtype=np.float32)
    time = np.arange(whistle_n) / rate_hz
    pitch = np.cumsum(2200.0 + 1500.0 * time / whistle_s + 40.0 * rng.standard_normal(whistle_n)) / rate_hz
    samples[:whistle_n] = pascals(level_db - 42.0) * np.sin(2.0 * np.pi * pitch) * np.sin(np.pi * time / whistle_s)
    report = blast(rate_hz, 0.25, level_db, rng.uniform(4e-3, 7e-3))
    start = whistle_n - round(BANG_LEAD_S * rate_hz)
    samples[start : start + report.size] += report
    for _ in range(int(rng.integers(50, 90))):
        pop = blast(rate_hz, 0.02, level_db - rng.uniform(18.0, 32.0), rng.uniform(0.2e-3, 0.5e-3))
        at = whistle_n + int(rng.uniform(0.15, 0.25 + crackle_s - 0.1) * rate_hz)
        samples[at : at + pop.size] += pop[: max(0, total - at)]
    return Waveform(samples, rate_hz, whistle_s)


def _level(samples: NDArray[np.float64], rate_hz: int, laeq_db: float) -> Sound:
    """Scale to an A-weighted equivalent level."""
    spectrum = np.fft.rfft(samples)
    weight = 10.0 ** (a_weighting_db(frequencies(samples.size, rate_hz)) / 20.0)
    power = 2.0 * float(np.sum(np.abs(spectrum * weight) ** 2)) / samples.size**2
    return np.asarray(samples * (pascals(laeq_db) / np.sqrt(power)), dtype=np.float32)


def _fade(samples: NDArray[np.float64], rate_hz: int, seconds: float) -> NDArray[np.float64]:
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(round(seconds * rate_hz)) / (seconds * rate_hz))
    samples[: ramp.size] *= ramp
    samples[-ramp.size :] *= ramp[::-1]
    return samples


def clamor(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """A shouting crowd of sixty voices that swells and falls; `level_db` is its LAeq at 1 m."""
    count = round(seconds * rate_hz)
    crowd = shouting(rng, rate_hz, seconds)
    swell = np.interp(np.arange(count), np.linspace(0, count, 9), rng.uniform(0.5, 1.0, 9))
    return Waveform(_level(_fade(crowd * swell, rate_hz, min(1.0, seconds / 4)), rate_hz, level_db), rate_hz)


def siren(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """The two tones of the French police, 435 and 580 Hz, 55 times a minute; `level_db` is its LAeq at 1 m."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = np.where((time * 55.0 / 60.0 * 2.0) % 2.0 < 1.0, 435.0, 580.0)
    phase = 2.0 * np.pi * (np.cumsum(tone) / rate_hz + rng.uniform())
    wave = sum(np.sin(k * phase) / k**1.2 for k in range(1, 9))
    return Waveform(_level(_fade(np.asarray(wave), rate_hz, min(0.5, seconds / 4)), rate_hz, level_db), rate_hz)


def traffic(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """A vehicle: rolling noise and its engine's orders; `level_db` is its LAeq at 1 m."""
    count = round(seconds * rate_hz)
    hz = np.array([30.0, 200.0, 1000.0, 2500.0, 8000.0])
    rolling = shaped(rng, count, rate_hz, hz, np.array([-6.0, -4.0, 0.0, -12.0, -30.0]), 60.0).astype(np.float64)
    turn = 2.0 * np.pi * np.cumsum(np.full(count, rng.uniform(35.0, 60.0))) / rate_hz
    engine = sum(np.sin(k * turn + rng.uniform(0.0, 6.0)) / k for k in range(1, 7))
    rolling += 0.6 * float(np.std(rolling)) * np.asarray(engine)
    return Waveform(_level(_fade(rolling, rate_hz, min(1.0, seconds / 4)), rate_hz, level_db), rate_hz)


def _blows(
    rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float, pause_s: tuple[float, float]
) -> Waveform:
    """Blows on something that rings, a pause between them; `level_db` is the peak at 1 m."""
    samples = np.zeros(round(seconds * rate_hz))
    modes = rng.uniform(500.0, 3800.0, 6)
    damping = rng.uniform(25.0, 90.0, 6)
    time = np.arange(round(0.18 * rate_hz)) / rate_hz
    at = 0.02
    while at < seconds - 0.2:
        gains = rng.uniform(0.3, 1.0, 6)
        blow = sum(
            g * np.exp(-d * time) * np.sin(2 * np.pi * f * time) for g, d, f in zip(gains, damping, modes, strict=True)
        )
        blow = np.asarray(blow) + 0.5 * rng.standard_normal(time.size) * np.exp(-600.0 * time)
        start = round(at * rate_hz)
        samples[start : start + time.size] += blow / np.max(np.abs(blow)) * pascals(level_db - rng.uniform(0.0, 3.0))
        at += rng.uniform(*pause_s)
    return Waveform(samples.astype(np.float32), rate_hz)


def hammering(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """A hammer on a plank, a blow every half second or so; `level_db` is the peak at 1 m."""
    return _blows(rng, rate_hz, level_db, seconds, (0.42, 0.75))


def jackhammer(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """A breaker at about 20 blows a second; `level_db` is the peak at 1 m."""
    return _blows(rng, rate_hz, level_db, seconds, (0.046, 0.054))


def thunder(rng: np.random.Generator, rate_hz: int, level_db: float, seconds: float) -> Waveform:
    """A crack and a roll of low rumble; `level_db` is its LAeq at 1 m of an equivalent source."""
    count = round(seconds * rate_hz)
    time = np.arange(count) / rate_hz
    hz = np.array([10.0, 60.0, 200.0, 800.0, 4000.0])
    roll = shaped(rng, count, rate_hz, hz, np.array([0.0, 3.0, -4.0, -22.0, -48.0]), 60.0).astype(np.float64)
    claps = sum(
        a * np.exp(-np.maximum(time - t, 0.0) / d) * (time > t)
        for a, t, d in zip(
            rng.uniform(0.3, 1.0, 5),
            np.sort(rng.uniform(0.05, seconds * 0.6, 5)),
            rng.uniform(0.4, 1.2, 5),
            strict=True,
        )
    )
    smooth = sosfilt([[0.02, 0.0, 0.0, 1.0, -0.98, 0.0]], np.asarray(claps))
    return Waveform(_level(_fade(roll * smooth, rate_hz, min(0.3, seconds / 4)), rate_hz, level_db), rate_hz)


Maker = Callable[[np.random.Generator, int, float, float], Waveform]

MAKERS: Final[dict[SoundKind, Maker]] = {
    "gunshot": lambda rng, rate_hz, level_db, _: gunshot(rng, rate_hz, level_db),
    "firework": lambda rng, rate_hz, level_db, _: firework(rng, rate_hz, level_db),
    "clamor": clamor,
    "siren": siren,
    "traffic": traffic,
    "hammering": hammering,
    "jackhammer": jackhammer,
    "thunder": thunder,
}
"""How each kind of sound is made: generator, sample rate in Hz, level in dB at 1 m, length in seconds."""

USUAL_LEVEL_DB: Final[dict[SoundKind, float]] = {
    "gunshot": 158.0,
    "firework": 150.0,
    "clamor": 106.0,  # sixty people at 88 dB(A), a loud shout by ISO 9921
    "siren": 116.0,
    "traffic": 88.0,
    "hammering": 118.0,
    "jackhammer": 118.0,
    "thunder": 142.0,
}
"""Peak (bangs, blows) or LAeq (what lasts) at 1 m where a scenario says nothing."""
