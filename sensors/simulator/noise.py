"""The noise of a street, as a loop without a seam, and noise of any spectrum.

The spectrum is that of road traffic in EN 1793-3:1997, table 1 (A-weighted third octaves, 100 Hz to 5 kHz), continued
at both ends. A loop is made on a circle in the frequency domain, so its end runs into its start; making it once costs
milliseconds, playing it costs a copy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

REFERENCE_PA: Final = 20e-6
"""0 dB SPL (ISO 1683)."""

_TRAFFIC_HZ: Final = np.array(
    [20, 50, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 8000],
    dtype=np.float64,
)
_TRAFFIC_DBA: Final = np.array(
    [-58, -30, -20, -20, -18, -16, -15, -14, -13, -12, -11, -9, -8, -9, -10, -11, -13, -15, -16, -18, -25],
    dtype=np.float64,
)


def pascals(level_db: float) -> float:
    """Sound pressure in Pa of a level in dB re 20 µPa."""
    return float(REFERENCE_PA * 10.0 ** (level_db / 20.0))


def a_weighting_db(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """A-weighting in dB (IEC 61672-1, annex E)."""
    square = np.maximum(np.asarray(frequency_hz, dtype=np.float64), 1.0) ** 2
    gain = (
        12194.0**2
        * square**2
        / ((square + 20.6**2) * np.sqrt((square + 107.7**2) * (square + 737.9**2)) * (square + 12194.0**2))
    )
    return np.asarray(20.0 * np.log10(gain) + 2.0, dtype=np.float64)


def frequencies(count: int, rate_hz: int) -> NDArray[np.float64]:
    """The frequencies in Hz of the real transform of `count` samples."""
    return np.asarray(np.fft.rfftfreq(count, 1.0 / rate_hz), dtype=np.float64)


def shaped(
    rng: np.random.Generator,
    count: int,
    rate_hz: int,
    hz: NDArray[np.float64],
    density_db: NDArray[np.float64],
    laeq_db: float,
) -> NDArray[np.float32]:
    """Gaussian noise float32[count] in Pa on a circle: `density_db` at `hz` gives its shape, `laeq_db` its A-level."""
    frequency = frequencies(count, rate_hz)
    audible = np.maximum(frequency, 1.0)
    shape = 10.0 ** (np.interp(np.log10(audible), np.log10(hz), density_db) / 20.0)
    shape[0] = 0.0
    spectrum = shape * (rng.standard_normal(frequency.size) + 1j * rng.standard_normal(frequency.size))
    weight = 10.0 ** (a_weighting_db(frequency) / 20.0)
    # Parseval: mean square of a real signal from its one-sided spectrum.
    power = 2.0 * float(np.sum(np.abs(spectrum * weight) ** 2)) / count**2
    return np.asarray(np.fft.irfft(spectrum * (pascals(laeq_db) / np.sqrt(power)), count), dtype=np.float32)


def street_loop(rng: np.random.Generator, seconds: float, rate_hz: int, laeq_db: float) -> NDArray[np.float32]:
    """A seamless loop of street noise in Pa with the A-weighted level `laeq_db`, swelling by 2 dB as traffic does."""
    count = round(seconds * rate_hz)
    # Third-octave levels become a density by the band's width, which grows with its frequency.
    density = _TRAFFIC_DBA - a_weighting_db(_TRAFFIC_HZ) - 10.0 * np.log10(_TRAFFIC_HZ)
    noise = shaped(rng, count, rate_hz, _TRAFFIC_HZ, density, laeq_db)
    turn = 2.0 * np.pi * np.arange(count) / count
    swell_db = sum(0.8 * np.sin(k * turn + rng.uniform(0.0, 2.0 * np.pi)) for k in (1, 2, 5))
    return np.asarray(noise * 10.0 ** (np.asarray(swell_db) / 20.0), dtype=np.float32)
