"""What a source of sound is: blocks of mono samples with their time in UTC, or an error with a stable code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BLOCK_S: Final = 0.25
"""Sources deliver about this much sound at once: longer is cheaper, shorter is told sooner."""
MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 192_000


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """Mono sound: `samples` float32[n], full scale 1, the first one captured at `start_utc_us`.

    `clock_sigma_us` is the one-sigma uncertainty of that time. `gap`: sound is missing before this block, so that
    nothing may be carried over from the block before.
    """

    samples: Samples
    sample_rate_hz: int
    start_utc_us: int
    clock_sigma_us: int
    gap: bool = False


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What a source knows beyond its blocks: losses, clock, and whether it is only played back."""

    overruns: int = 0
    clock_offset_us: int = 0
    clock_synchronised: bool = True
    clock_jumped: bool = False


class SourceError(Exception):
    """A source can't go on: `code` is stable (`device_lost`, `file_unreadable`, ...), `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.detail = detail


class Source(Protocol):
    """A microphone, a file, a stream, or a simulated street."""

    @property
    def name(self) -> str:
        """What it is called in logs and on the terminal."""

    def blocks(self) -> AsyncIterator[SoundBlock]:
        """Open and deliver blocks of about 0.25 s until the source ends or is closed (`aclose`). Raises SourceError."""

    def status(self) -> SourceStatus:
        """Losses and clock at this moment; never blocks."""


def mono(samples: NDArray[np.floating]) -> Samples:
    """The mean of the channels of `samples` [n] or [n, channels] as float32."""
    if samples.ndim == 2:
        samples = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    return np.ascontiguousarray(samples, dtype=np.float32)
