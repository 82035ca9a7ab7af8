"""The two seconds of sound that analysis needs, in memory, and nowhere else."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BUFFER_S: Final = 2.0
"""LAW.md, red line 2: the analysis buffer is bounded to 2 s."""


class SoundBuffer:
    """The last 2 s at `rate_hz` with their times, addressed by the stream's sample count; older sound is dropped."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._capacity = round(BUFFER_S * rate_hz)
        self._blocks: deque[tuple[int, Samples, int, int]] = deque()  # first sample, sound, UTC, sigma
        self.end = 0
        """Samples that have passed through."""

    @property
    def held(self) -> int:
        """Samples that are here now; never more than 2 s."""
        return sum(samples.size for _, samples, _, _ in self._blocks)

    def append(self, samples: Samples, utc_us: int, sigma_us: int) -> None:
        """Add a block captured at `utc_us`; it is kept, not copied."""
        self._blocks.append((self.end, samples, utc_us, sigma_us))
        self.end += samples.size
        while self.end - self._blocks[0][0] > self._capacity:
            first, oldest, utc_us, sigma_us = self._blocks.popleft()
            beyond = self.end - self._capacity - first
            if beyond < oldest.size and not self._blocks:  # one block longer than the buffer
                rest = oldest[beyond:].copy()
                self._blocks.appendleft((first + beyond, rest, utc_us + self._span_us(beyond), sigma_us))

    def piece(self, start: int, length: int) -> Samples:
        """`length` samples from stream position `start`, zero where they are no longer, or not yet, here."""
        out: Samples = np.zeros(length, np.float32)
        for first, samples, _, _ in self._blocks:
            low, high = max(start, first), min(start + length, first + samples.size)
            if low < high:
                out[low - start : high - start] = samples[low - first : high - first]
        return out

    def utc(self, sample: float) -> tuple[int, int]:
        """UTC microseconds of stream position `sample`, and its one-sigma uncertainty, by its own block's time.

        Sound that is no longer here is dated from the oldest block. Raises LookupError where nothing was heard yet.
        """
        found = self._blocks[0] if self._blocks else None
        for block in reversed(self._blocks):
            if block[0] <= sample:
                found = block
                break
        if found is None:
            raise LookupError("no sound yet")
        return found[2] + self._span_us(sample - found[0]), found[3]

    def _span_us(self, samples: float) -> int:
        return round(samples * 1e6 / self._rate_hz)
