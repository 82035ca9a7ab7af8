"""The ear's front end: one second of sound becomes 79 frames of mel power, as matrices that run anywhere.

The power spectrum is a Fourier transform written as matrix products. About the middle of a frame the cosines see only
the sum of a sample and its mirror image and the sines only the difference; about the middle of a half, so folded, even
and odd bins differ in the same way. Folding twice quarters the work, and LiteRT runs the result in less than a seventh
of the time of its own RFFT operator. `models.network` puts the same matrices in the graph, so training and edge cannot
differ; a test compares them with librosa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SAMPLE_RATE_HZ: Final = 16_000
WINDOW_SAMPLES: Final = 16_000
"""One window: 1.0 s. A shot and the first of its echoes fit in; a longer one only costs."""
HOP_SAMPLES: Final = 200
"""12.5 ms between frames."""
FRAME_SAMPLES: Final = 320
"""20 ms a frame, 50 Hz a bin. At most twice the hop: frames are made by joining neighbouring hops, without a gather."""
FRAMES: Final = WINDOW_SAMPLES // HOP_SAMPLES - 1
BANDS: Final = 40
LOWEST_HZ: Final = 50.0
HIGHEST_HZ: Final = 7_600.0


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998; librosa's default)."""
    step = np.log(6.4) / 27.0
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * np.exp(step * (mel - 15.0)))


def _hz_to_mel(hertz: float) -> float:
    return hertz * 3.0 / 200.0 if hertz < 1_000.0 else 15.0 + float(np.log(hertz / 1_000.0)) * 27.0 / float(np.log(6.4))


@cache
def band_edges_hz() -> NDArray[np.float64]:
    """Edges of the triangles, shape [BANDS + 2], Hz; band `b` peaks at `edges[b + 1]`."""
    return _mel_to_hz(np.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), BANDS + 2))


@cache
def mel_matrix() -> NDArray[np.float64]:
    """Triangular weights from power bins to bands, shape [FRAME_SAMPLES // 2 + 1, BANDS], peak 1."""
    edges = band_edges_hz()
    bins = np.fft.rfftfreq(FRAME_SAMPLES, 1.0 / SAMPLE_RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


@cache
def window() -> NDArray[np.float64]:
    """Hann window about the middle between two samples, shape [FRAME_SAMPLES]."""
    return np.asarray(np.sin(np.pi * (np.arange(FRAME_SAMPLES) + 0.5) / FRAME_SAMPLES) ** 2)


@dataclass(frozen=True, slots=True)
class Matrices:
    """What a frame goes through: `taper` [FRAME_SAMPLES // 2]; cosines and sines of the even and of the odd bins in
    use, each [FRAME_SAMPLES // 4, bins]; and their mel weights, each [bins, BANDS]."""

    taper: Floats
    even_cosines: Floats
    odd_cosines: Floats
    even_sines: Floats
    odd_sines: Floats
    even_mel: Floats
    odd_mel: Floats


@cache
def matrices() -> Matrices:
    """The matrices of this front end."""
    weights = mel_matrix()
    bins = np.flatnonzero(weights.sum(axis=1))
    half = FRAME_SAMPLES // 2
    time = np.arange(half // 2) + 0.5 - half
    even, odd = bins[bins % 2 == 0], bins[bins % 2 == 1]

    def waves(kind: Callable[[Doubles], Doubles], chosen: NDArray[np.intp]) -> Floats:
        return kind(2.0 * np.pi * np.outer(time, chosen) / FRAME_SAMPLES).astype(np.float32)

    return Matrices(
        window()[:half].astype(np.float32),
        waves(np.cos, even),
        waves(np.cos, odd),
        waves(np.sin, even),
        waves(np.sin, odd),
        weights[even].astype(np.float32),
        weights[odd].astype(np.float32),
    )


def mel_power(samples: Floats) -> Floats:
    """Mel power of `samples` (float32 in [-1, 1] at 16 kHz), shape [frames, BANDS]; fewer than two hops: no frame."""
    hops = len(samples) // HOP_SAMPLES
    if hops < 2:
        return np.zeros((0, BANDS), np.float32)
    half, tail = FRAME_SAMPLES // 2, FRAME_SAMPLES - HOP_SAMPLES
    blocks = np.ascontiguousarray(samples[: hops * HOP_SAMPLES], np.float32).reshape(hops, HOP_SAMPLES)
    frames = np.concatenate([blocks[:-1], blocks[1:, :tail]], axis=1)
    through = matrices()
    left, right = frames[:, :half], frames[:, : half - 1 : -1]
    total, difference = (left + right) * through.taper, (left - right) * through.taper
    quarter = half // 2
    first, second = total[:, :quarter], total[:, : quarter - 1 : -1]
    third, fourth = difference[:, :quarter], difference[:, : quarter - 1 : -1]
    even = ((first + second) @ through.even_cosines) ** 2 + ((third - fourth) @ through.even_sines) ** 2
    odd = ((first - second) @ through.odd_cosines) ** 2 + ((third + fourth) @ through.odd_sines) ** 2
    return np.asarray(even @ through.even_mel + odd @ through.odd_mel, np.float32)
