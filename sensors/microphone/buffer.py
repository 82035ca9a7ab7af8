"""The two seconds of sound that analysis needs, in memory, and nowhere else."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BUFFER_S: Final = 2.0
"""LAW.md, red line 2: the analysis buffer is bounded to 2 s."""


class SoundBuffer:
    """The last 2 s at `rate_hz`, addressed by the sample count of the stream; older sound is overwritten."""

    def __init__(self, rate_hz: int) -> None:
        self._ring: Samples = np.zeros(round(BUFFER_S * rate_hz), np.float32)
        self.end = 0
        """Samples that have passed through."""

    @property
    def begin(self) -> int:
        """The oldest sample still here."""
        return max(0, self.end - self._ring.size)

    def append(self, samples: Samples) -> None:
        """Add `samples`; of more than 2 s at once only the last 2 s stay."""
        size = self._ring.size
        kept = samples[-size:]
        at = (self.end + samples.size - kept.size) % size
        first = min(kept.size, size - at)
        self._ring[at : at + first] = kept[:first]
        self._ring[: kept.size - first] = kept[first:]
        self.end += samples.size

    def piece(self, start: int, length: int) -> Samples:
        """`length` samples from stream position `start`, zero where they are no longer, or not yet, here."""
        out: Samples = np.zeros(length, np.float32)
        low, high = max(start, self.begin), min(start + length, self.end)
        if low >= high:
            return out
        size = self._ring.size
        at = low % size
        first = min(high - low, size - at)
        out[low - start : low - start + first] = self._ring[at : at + first]
        out[low - start + first : high - start] = self._ring[: high - low - first]
        return out

    def clear(self) -> None:
        """Forget everything."""
        self._ring[:] = 0.0
        self.end = 0


@dataclass(frozen=True, slots=True)
class _Mark:
    sample: int
    utc_us: int
    sigma_us: int


class Timeline:
    """When each sample of the buffer was captured, by the blocks' own times: only drift within a block is lost."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._marks: deque[_Mark] = deque(maxlen=512)

    def mark(self, sample: int, utc_us: int, sigma_us: int) -> None:
        """The block that begins at stream position `sample` was captured at `utc_us`."""
        self._marks.append(_Mark(sample, utc_us, sigma_us))

    def at(self, sample: float) -> tuple[int, int]:
        """UTC microseconds of stream position `sample`, and the sigma of that."""
        mark = self._marks[0]
        for candidate in reversed(self._marks):
            if candidate.sample <= sample:
                mark = candidate
                break
        return mark.utc_us + round((sample - mark.sample) * 1e6 / self._rate_hz), mark.sigma_us
