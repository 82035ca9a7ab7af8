"""Capture time to UTC: a line through (sample count, UTC) that follows the crystal, and an honest uncertainty.

A sound card counts samples with its own crystal, tens of parts per million off; the operating system stamps blocks
with a jitter of milliseconds, and may itself be wrong. `CaptureClock` fits UTC = a + b * samples through the stamps of
the last minutes (Huber weights, so that a late call-back does not pull), notices a step of the system clock and says
so, and adds up what is uncertain: the fit, the path through the card, and the system clock against UTC.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import shutil
import sys
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from sensors.children import end

UNSYNCHRONISED_SIGMA_US: Final = 500_000
"""What an undisciplined clock is assumed to be off by: a PC drifts about 1 s a day. Fusion leaves such sensors out."""
KERNEL_SIGMA_US: Final = 5_000
"""A plain SNTP service tells the kernel no error of its own; over the internet such clocks are milliseconds off."""
MAX_DRIFT_PPM: Final = 500.0
"""Crystals of sound cards keep within 100 ppm; beyond this the stamps are wrong, not the crystal."""
JUMP_US: Final = 20_000.0
"""A residual beyond this, kept up over several blocks, is a step of the clock and not jitter."""
JUMP_BLOCKS: Final = 4
_STA_UNSYNC: Final = 0x0040


@dataclass(frozen=True, slots=True)
class SystemClock:
    """How the system clock stands to UTC: `offset_us` (system minus UTC), its one-sigma error, and who said so."""

    synchronised: bool
    offset_us: int
    sigma_us: int
    source: str


def parse_chrony(line: str) -> SystemClock | None:
    """State of the clock from one line of `chronyc -c tracking`; None where it is not such a line.

    Sigma joins chrony's RMS offset and half of its bound (root delay / 2 + root dispersion, RFC 5905 section 11.2).
    """
    fields = line.strip().split(",")
    if len(fields) < 14:
        return None
    try:
        offset_s, rms_s, delay_s, dispersion_s = (float(fields[i]) for i in (4, 6, 10, 11))
    except ValueError:
        return None
    if not all(math.isfinite(value) for value in (offset_s, rms_s, delay_s, dispersion_s)):
        return None
    if fields[13].strip() == "Not synchronised" or fields[2] == "0":
        return SystemClock(False, 0, UNSYNCHRONISED_SIGMA_US, "chrony")
    bound_s = abs(delay_s) / 2 + abs(dispersion_s)
    sigma_us = math.ceil(1e6 * math.hypot(rms_s, bound_s / 2))
    # A positive "system time" is printed as "slow of NTP time": the system clock is behind UTC by that much.
    return SystemClock(True, -round(offset_s * 1e6), max(sigma_us, 1), "chrony")


async def read_system_clock() -> SystemClock:
    """Ask chrony, then the kernel; where neither knows, the clock counts as undisciplined."""
    program = await asyncio.to_thread(shutil.which, "chronyc")
    if program is not None:
        process = await asyncio.create_subprocess_exec(
            program, "-c", "tracking", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 3.0)
        except TimeoutError:
            await end(process)
        else:
            state = parse_chrony(output.decode("utf-8", "replace"))
            if state is not None:
                return state
    return await asyncio.to_thread(_read_kernel)


def _read_kernel() -> SystemClock:
    """`adjtimex(2)`: esterror and the unsynchronised flag, kept by any NTP or PTP service."""
    unknown = SystemClock(False, 0, UNSYNCHRONISED_SIGMA_US, "unknown")
    if not sys.platform.startswith("linux"):
        return unknown
    # struct timex: unsigned modes, then longs offset, freq, maxerror, esterror, int status (padded), ...
    long = ctypes.c_long

    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", long),
            ("freq", long),
            ("maxerror", long),
            ("esterror", long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_byte * 256),
        )

    timex = Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return unknown
    if answer < 0 or timex.status & _STA_UNSYNC:
        return SystemClock(False, 0, UNSYNCHRONISED_SIGMA_US, "kernel")
    return SystemClock(True, 0, max(int(timex.esterror), KERNEL_SIGMA_US), "kernel")


class CaptureClock:
    """Maps sample counts of one capture to UTC microseconds.

    `rate_hz` is the nominal rate; `path_sigma_us` what is unknown of the way from the membrane to the stamp (1 ms for a
    sound card with ADC times, far more for a network); `window_s` how far back the line looks: longer is smoother, but
    slower to follow a crystal that warms up.
    """

    def __init__(self, rate_hz: int, *, path_sigma_us: float = 1_000.0, window_s: float = 120.0) -> None:
        self._rate = rate_hz
        self.path_sigma_us = path_sigma_us
        self._window = round(window_s * rate_hz)
        self._stamps: deque[tuple[int, int]] = deque(maxlen=1_024)
        self._late: deque[float] = deque(maxlen=JUMP_BLOCKS)
        self._system = SystemClock(False, 0, UNSYNCHRONISED_SIGMA_US, "unknown")
        self._origin = (0, 0)
        self._intercept_us = 0.0
        self._slope = 0.0  # relative rate error
        self._fit_sigma_us = 0.0
        self.jumps = 0

    def set_system(self, state: SystemClock) -> None:
        """Take what the system clock is known to be worth from now on."""
        self._system = state

    def stamp(self, sample: int, utc_us: int) -> bool:
        """Block starting at `sample` was captured at `utc_us` by the system clock; True when the clock has jumped."""
        jumped = False
        if self._stamps:
            late = utc_us - self._raw(sample)
            self._late.append(late)
            same_way = len(self._late) == JUMP_BLOCKS and (min(self._late) > JUMP_US or max(self._late) < -JUMP_US)
            if same_way and max(self._late) - min(self._late) < JUMP_US:
                self.jumps += 1
                self._stamps.clear()
                self._late.clear()
                jumped = True
        self._stamps.append((sample, utc_us))
        while sample - self._stamps[0][0] > self._window:
            self._stamps.popleft()
        self._fit()
        return jumped

    def utc_us(self, sample: float) -> int:
        """UTC microseconds of `sample` (may be fractional), the known offset of the system clock taken off."""
        return round(self._raw(sample)) - self._system.offset_us

    @property
    def offset_us(self) -> int:
        """Known offset of the system clock from UTC."""
        return self._system.offset_us

    @property
    def sigma_us(self) -> int:
        """One-sigma uncertainty of `utc_us` against true UTC."""
        return math.ceil(math.hypot(self._fit_sigma_us, self.path_sigma_us, self._system.sigma_us))

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal time passes in samples: positive for a slow crystal."""
        return self._slope * 1e6

    @property
    def synchronised(self) -> bool:
        """True while the system clock is disciplined."""
        return self._system.synchronised

    def _raw(self, sample: float) -> float:
        first, utc = self._origin
        nominal = (sample - first) * 1e6 / self._rate
        return utc + self._intercept_us + nominal * (1.0 + self._slope)

    def _fit(self) -> None:
        first, utc = self._stamps[0]
        stamps = np.array(self._stamps, dtype=np.int64)
        elapsed = (stamps[:, 0] - first) * (1e6 / self._rate)
        residual = (stamps[:, 1] - utc) - elapsed
        self._origin = (first, utc)
        slope, intercept = 0.0, float(np.median(residual))
        weights = np.ones(len(stamps))
        # Under a few seconds the jitter says nothing about the crystal.
        steady = len(stamps) >= 8 and elapsed[-1] >= 5e6
        for _ in range(4):
            if steady:
                centre = np.average(elapsed, weights=weights)
                spread = np.average(np.square(elapsed - centre), weights=weights)
                mean = np.average(residual, weights=weights)
                slope = float(np.average((elapsed - centre) * (residual - mean), weights=weights) / spread)
                slope = float(np.clip(slope, -MAX_DRIFT_PPM * 1e-6, MAX_DRIFT_PPM * 1e-6))
                intercept = float(mean - slope * centre)
            error = residual - intercept - slope * elapsed
            scale = max(1.4826 * float(np.median(np.abs(error))), 1.0)
            weights = np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(error), 1e-9))
        self._slope, self._intercept_us = slope, intercept
        # A few stamps cannot tell their own spread: 5 ms until there are enough.
        self._fit_sigma_us = max(scale / math.sqrt(len(stamps)) * 2, 5_000.0 / len(stamps))
