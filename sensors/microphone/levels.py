"""Sound level meter: LAeq, LAFmax, LCpeak and the percentiles L10, L50, L90 of each period (IEC 61672-1, ISO 1996-2).

Exponential time weighting runs on the mean squares of 2.5 ms: F has 125 ms, so what is lost is below 0.05 dB. Levels
are told for closed periods of 1 s at least; nothing finer leaves, so that no voice can be made out of a row of levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from sensors.microphone.weighting import Weigher

Samples = NDArray[np.float32]

REFERENCE_PA: Final = 20e-6
CALIBRATOR_DB: Final = 94.0
"""Level of a class 1 sound calibrator (IEC 60942): 1 Pa, rounded."""
FAST_S: Final = 0.125
SLOW_S: Final = 1.0
BIN_S: Final = 0.0025
STEP_S: Final = 0.5
MIN_PERIOD_S: Final = 1.0
MAX_PERIOD_S: Final = 3_600.0
MIN_PERIOD_SHARE: Final = 0.5
"""A period of which less than half was heard tells nothing: it is dropped, not guessed."""
FLOOR_DB: Final = -40.0
CEILING_DB: Final = 200.0
UNCALIBRATED_SIGMA_DB: Final = 6.0
CALIBRATED_SIGMA_DB: Final = 0.7
"""Class 1 expanded tolerance at 1 kHz (0.7 dB), the calibrator (0.25 dB) and the weather's drift, one sigma."""


class CalibrationError(ValueError):
    """The calibrator's tone is not usable: `code` is stable, the text says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Calibration:
    """How loud full scale is: `pascal` per unit of sample, and the one-sigma uncertainty of levels in dB.

    The default (20 Pa, 120 dB peak) is a common outdoor MEMS microphone; its levels are good to 6 dB until calibrated.
    """

    pascal: float = 20.0
    sigma_db: float = UNCALIBRATED_SIGMA_DB

    def db(self, magnitude: float) -> float:
        """Level of a pressure magnitude in units of sample, within the range of the wire."""
        if magnitude <= 0.0 or not math.isfinite(magnitude):
            return FLOOR_DB
        return min(max(20.0 * math.log10(magnitude * self.pascal / REFERENCE_PA), FLOOR_DB), CEILING_DB)


def calibrate(samples: Samples, rate_hz: int, level_db: float = CALIBRATOR_DB) -> Calibration:
    """The calibration that makes this recording of a calibrator's 1 kHz tone read `level_db`.

    Needs 2 s of a steady clean tone: raises CalibrationError (`too_short`, `clipped`, `no_tone`, `unsteady`).
    """
    if samples.size < 2 * rate_hz:
        raise CalibrationError("too_short", "Record at least 2 s of the calibrator's tone.")
    if float(np.abs(samples).max()) > 0.98:
        raise CalibrationError("clipped", "The tone clips: lower the gain, then calibrate again.")
    # The tone between 900 and 1,100 Hz against everything else of the A-weighted range.
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    frequency = np.fft.rfftfreq(samples.size, 1 / rate_hz)
    tone = float(power[(frequency > 900) & (frequency < 1_100)].sum())
    rest = float(power[(frequency > 30) & ((frequency <= 900) | (frequency >= 1_100))].sum())
    if tone <= 0.0 or tone < 10 * rest:
        raise CalibrationError(
            "no_tone", "No clean 1 kHz tone: seat the calibrator on the microphone and switch it on."
        )
    sos = scipy.signal.butter(4, [800, 1_250], "bandpass", fs=rate_hz, output="sos")
    filtered = scipy.signal.sosfilt(sos, samples.astype(np.float64))[rate_hz // 2 :]
    pieces = np.sqrt([np.mean(np.square(piece)) for piece in np.array_split(filtered, 8)])
    if 20 * math.log10(pieces.max() / pieces.min()) > 0.5:
        raise CalibrationError("unsteady", "The tone sways by more than 0.5 dB: keep the calibrator still.")
    rms = float(np.sqrt(np.mean(np.square(filtered))))
    return Calibration(pascal=REFERENCE_PA * 10 ** (level_db / 20) / rms, sigma_db=CALIBRATED_SIGMA_DB)


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of one closed period that began at `start_us` (UTC), dB re 20 µPa; `heard_s` seconds of it were heard."""

    start_us: int
    period_s: float
    heard_s: float
    laeq: float
    lafmax: float
    lasmax: float
    lcpeak: float
    l10: float
    l50: float
    l90: float


class LevelMeter:
    """Meters a stream of sound: feed blocks, get the levels of each closed period (aligned to whole periods of UTC)."""

    def __init__(self, rate_hz: int, calibration: Calibration | None = None, period_s: float = 60.0) -> None:
        if not MIN_PERIOD_S <= period_s <= MAX_PERIOD_S:
            raise ValueError(f"a level period is {MIN_PERIOD_S:g} to {MAX_PERIOD_S:g} s, not {period_s:g}")
        self.calibration = calibration or Calibration()
        self.rate_hz = rate_hz
        self.period_s = period_s
        self._bin = max(1, round(BIN_S * rate_hz))
        self._bins = round(STEP_S * rate_hz / self._bin)
        self._weigher = Weigher(rate_hz, self._bins * self._bin)
        self._c_bound = self._weigher.gain_bound("C")
        self._sample_every = max(1, round(FAST_S * rate_hz / self._bin))
        self.laf = FLOOR_DB
        """The A-weighted Fast level now."""
        self._reset()
        self._open_period(None)

    def _reset(self) -> None:
        self._buffer: Samples = np.zeros(self._weigher.history, np.float32)
        self._fast = 0.0
        self._slow = 0.0
        self._first_utc_us: int | None = None  # of the first sample after the history

    def _open_period(self, start_us: int | None) -> None:
        self._start_us = start_us
        self._energy = 0.0
        self._count = 0
        self._fast_max = 0.0
        self._slow_max = 0.0
        self._peak = 0.0
        self._history: list[NDArray[np.float64]] = []

    def feed(self, samples: Samples, start_utc_us: int, *, gap: bool = False) -> list[Levels]:
        """Take a block that begins at `start_utc_us` and return the levels of the periods that it closes."""
        if gap:
            self._reset()
        if self._first_utc_us is None:
            self._first_utc_us = start_utc_us
        else:  # follow the capture clock: the end of this block is where it says it is
            waiting = self._buffer.size - self._weigher.history
            self._first_utc_us = start_utc_us - round(waiting * 1e6 / self.rate_hz)
        self._buffer = np.concatenate([self._buffer, samples])
        closed: list[Levels] = []
        step, size = self._weigher.step, self._weigher.size
        while self._buffer.size >= size:
            closed += self._measure(self._buffer[:size])
            self._buffer = self._buffer[step:]
            self._first_utc_us += round(step * 1e6 / self.rate_hz)
        return closed

    def finish(self) -> list[Levels]:
        """The levels of the period under way, if enough of it was heard; the meter starts afresh."""
        last = self._close()
        self._reset()
        self._open_period(None)
        return last

    def _measure(self, piece: Samples) -> list[Levels]:
        closed: list[Levels] = []
        assert self._first_utc_us is not None
        period_us = round(self.period_s * 1e6)
        start_us = self._first_utc_us - self._first_utc_us % period_us
        if self._start_us is None or start_us != self._start_us:
            closed = self._close()
            self._open_period(start_us)
        weigher = self._weigher
        spectrum = weigher.spectrum(piece)
        weighted = weigher.weigh(spectrum, "A").reshape(self._bins, self._bin)
        squares = np.einsum("ij,ij->i", weighted, weighted).astype(np.float64) / self._bin
        self._energy += float(squares.sum())
        self._count += squares.size
        fast, self._fast = self._exponential(squares, FAST_S, self._fast)
        slow, self._slow = self._exponential(squares, SLOW_S, self._slow)
        self._fast_max = max(self._fast_max, float(fast.max()))
        self._slow_max = max(self._slow_max, float(slow.max()))
        self._history.append(fast[:: self._sample_every])
        self.laf = self._db(self._fast)
        # The exact C-weighted wave is only worth computing where it can be a new peak.
        if float(np.abs(piece).max()) * self._c_bound > self._peak:
            self._peak = max(self._peak, float(np.abs(weigher.weigh(spectrum, "C")).max()))
        return closed

    def _exponential(
        self, squares: NDArray[np.float64], tau_s: float, last: float
    ) -> tuple[NDArray[np.float64], float]:
        keep = math.exp(-self._bin / self.rate_hz / tau_s)
        level, _ = scipy.signal.lfilter([1.0 - keep], [1.0, -keep], squares, zi=[keep * last])
        return np.asarray(level, np.float64), float(level[-1])

    def _db(self, square: float) -> float:
        return self.calibration.db(math.sqrt(max(square, 0.0)))

    def _close(self) -> list[Levels]:
        heard_s = self._count * self._bin / self.rate_hz
        if self._start_us is None or heard_s < max(MIN_PERIOD_SHARE * self.period_s, STEP_S):
            return []
        history = np.concatenate(self._history)
        l90, l50, l10 = (self._db(float(value)) for value in np.percentile(history, (10, 50, 90)))
        return [
            Levels(
                start_us=self._start_us,
                period_s=self.period_s,
                heard_s=heard_s,
                laeq=self._db(self._energy / self._count),
                lafmax=self._db(self._fast_max),
                lasmax=self._db(self._slow_max),
                lcpeak=self.calibration.db(self._peak),
                l10=l10,
                l50=l50,
                l90=l90,
            )
        ]
