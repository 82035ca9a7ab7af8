"""Sound level meter: LAeq, LAFmax, LCpeak and the percentiles L10, L50, L90 of each period (IEC 61672-1, ISO 1996-2).

Levels are told for closed periods of 1 s at least; nothing finer leaves, so that no voice can be made out of a row of
levels. Tones read within 0.45 dB of the A curve from 16 Hz, and within 0.15 dB from 31.5 Hz, at 8 to 192 kHz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray
from scipy.linalg.blas import isamax

from sensors.microphone.weighting import Weigher, c_peak, response

Samples = NDArray[np.float32]

REFERENCE_PA: Final = 20e-6
CALIBRATOR_DB: Final = 94.0
"""Level of a class 1 sound calibrator (IEC 60942): 1 Pa, rounded."""
FAST_S: Final = 0.125
SLOW_S: Final = 1.0
BIN_S: Final = 0.0025
HOPS: Final = 8
"""Hops of 125 ms that are measured together: one second."""
STEP_S: Final = 0.5
RISE: Final = 1.6
"""A hop that is this much (2 dB) above F is measured as a wave."""
CORRECTED_BINS: Final = 60
"""Up to some 450 Hz: above, the weights are flat within the 8 Hz over which a window spreads a tone."""
LEAST_FLANKS: Final = 1 / 48
"""Of a hop: both flanks of a window together. So little suffices for differences, whose spectrum hardly falls."""
NEW_PEAK: Final = 0.95
"""A second whose largest sample is below this share of the period's largest cannot hold its C-weighted peak."""
PEAK_S: Final = 0.06
"""Sound before the largest sample that its C-weighted magnitude depends on by more than 0.03 dB (poles at 20.6 Hz)."""
MIN_PERIOD_S: Final = 1.0
MAX_PERIOD_S: Final = 3_600.0
MIN_PERIOD_SHARE: Final = 0.5
"""A period of which less than half was heard tells nothing: it is dropped, not guessed."""
FLOOR_DB: Final = -40.0
CEILING_DB: Final = 200.0
UNCALIBRATED_SIGMA_DB: Final = 6.0
CALIBRATED_SIGMA_DB: Final = 0.7
"""Class 1 expanded tolerance at 1 kHz (0.7 dB), the calibrator (0.25 dB) and the weather's drift, one sigma."""


_FAST_STEP: Final = 1.0 - math.exp(-1.0)
_SLOW_STEP: Final = 1.0 - math.exp(-FAST_S / SLOW_S)


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
    """Meters a stream of sound: feed blocks, get the levels of each closed period (aligned to whole periods of UTC).

    Sound is measured second by second. Energies come from spectra of the second differences (which fall with frequency
    as A rises, so that rumble does not spill over) in windows of 125 ms whose sine-squared flanks of 3 ms overlap, so
    that they add up to the whole (LAeq, and F in steady sound). A second that is told to be `eventful`, or in which the
    level rises by 2 dB, is also weighted as a wave, and F, S and the maximum are then those of the wave in steps of
    2.5 ms. LCpeak is that of the C-weighted wave around the largest samples.
    """

    def __init__(self, rate_hz: int, calibration: Calibration | None = None, period_s: float = 60.0) -> None:
        if not MIN_PERIOD_S <= period_s <= MAX_PERIOD_S:
            raise ValueError(f"a level period is {MIN_PERIOD_S:g} to {MAX_PERIOD_S:g} s, not {period_s:g}")
        self.calibration = calibration or Calibration()
        self.rate_hz = rate_hz
        self.period_s = period_s
        self._bin = max(1, round(BIN_S * rate_hz))
        self._hop = round(FAST_S * rate_hz / self._bin) * self._bin
        self._step = self._hop * HOPS
        self._weigher = Weigher(rate_hz, self._step)
        hop = self._hop
        # Sixteen times a product of small primes is quick to transform.
        size = 16 * scipy.fft.next_fast_len(math.ceil(hop * (1.0 + LEAST_FLANKS) / 16), real=True)
        self._flank = (size - hop) // 2  # half of a flank
        self._window = _window(hop, self._flank).astype(np.float32)
        self._frames: Samples = np.zeros((HOPS, size), np.float32)
        self._windowed = self._frames[:, : self._window.size]
        self._steps: Samples = np.empty(self._step + 2 * self._flank + 1, np.float32)
        self._twice: Samples = np.empty(self._steps.size - 1, np.float32)
        self._powers = _powers(rate_hz, size, hop, self._flank)
        needed = self._weigher.history + self._step + max(self._flank + 1, self._weigher.guard)
        self._sound: Samples = np.zeros(needed, np.float32)
        self._before_peak = round(PEAK_S * rate_hz)
        self._recent_max = 0.0
        self.laf = FLOOR_DB
        """The A-weighted Fast level now, dB."""
        self._reset()
        self._open_period(None)

    def _reset(self) -> None:
        self._sound[: self._weigher.history] = 0.0
        self._buffered = self._weigher.history
        self._eventful = True
        self._fast = 0.0
        self._slow = 0.0

    def _open_period(self, start_us: int | None) -> None:
        self._start_us = start_us
        self._energy = 0.0
        self._hops = 0.0
        self._fast_max = 0.0
        self._slow_max = 0.0
        self._peak = 0.0
        self._largest = 0.0
        self._history: list[float] = []

    def feed(self, samples: Samples, start_utc_us: int, *, gap: bool = False, eventful: bool = True) -> list[Levels]:
        """Take a block that begins at `start_utc_us` and return the levels of the periods that it closes.

        `eventful` False promises that nothing impulsive is in the block: the cheap way is then good enough.
        """
        if gap:
            self._reset()
        self._eventful |= eventful
        count, needed = samples.size, self._sound.size
        if self._buffered + count < needed:
            self._sound[self._buffered : self._buffered + count] = samples
            self._buffered += count
            return []
        closed: list[Levels] = []
        taken = 0
        while self._buffered + count - taken >= needed:
            # Dated by this block: the capture clock says when it began.
            ahead = taken - self._buffered + self._weigher.history
            room = needed - self._buffered
            self._sound[self._buffered :] = samples[taken : taken + room]
            taken += room
            closed += self._measure(self._sound, start_utc_us + round(ahead * 1e6 / self.rate_hz))
            self._buffered = needed - self._step
            self._sound[: self._buffered] = self._sound[self._step :]
            self._eventful = eventful
        self._sound[self._buffered : self._buffered + count - taken] = samples[taken:]
        self._buffered += count - taken
        return closed

    def finish(self) -> list[Levels]:
        """The levels of the period under way, if enough of it was heard; the meter starts afresh."""
        last = self._close()
        self._reset()
        self._open_period(None)
        return last

    def take_fast_max(self) -> float:
        """The highest A-weighted Fast level since this was last asked, dB."""
        highest, self._recent_max = self._recent_max, 0.0
        return self._db(highest)

    def _measure(self, sound: Samples, utc_us: int) -> list[Levels]:
        closed: list[Levels] = []
        start_us = utc_us - utc_us % round(self.period_s * 1e6)
        if start_us != self._start_us:
            closed = self._close()
            self._open_period(start_us)
        begin = self._weigher.history
        body = sound[begin : begin + self._step]
        at = int(isamax(body))
        largest = abs(float(body[at]))
        if largest == 0.0 and not sound.any():
            return closed  # digital silence: nothing was transmitted
        self._largest = max(self._largest, largest)
        hop = self._hop
        squares = self._energies(sound)
        live = HOPS
        if min(squares) <= 0.0:
            heard = (body.reshape(HOPS, hop) != 0.0).any(axis=1)
            live = int(heard.sum())
            squares = [square for square, there in zip(squares, heard.tolist(), strict=True) if there]
        self._energy += sum(squares)
        self._hops += live
        fast, slow = self._fast, self._slow
        rises = self._eventful
        coarse: list[float] = []
        for square in squares:
            rises = rises or square > RISE * fast
            fast += (square - fast) * _FAST_STEP
            slow += (square - slow) * _SLOW_STEP
            coarse.append(fast)
        if largest >= NEW_PEAK * self._largest:
            around = sound[begin + at - self._before_peak : begin + at + self._before_peak // 2]
            self._peak = max(self._peak, c_peak(around, self.rate_hz))
        if rises:
            coarse = self._as_wave(self._weigher.weigh(self._weigher.spectrum(sound[: self._weigher.size]), "A"))
        else:
            self._fast, self._slow = fast, slow
            highest = max(coarse, default=0.0)
            self._fast_max = max(self._fast_max, highest)
            self._recent_max = max(self._recent_max, highest)
            self._slow_max = max(self._slow_max, slow)
        self._history += coarse
        self.laf = self._db(self._fast)
        return closed

    def _energies(self, sound: Samples) -> list[float]:
        """A-weighted mean squares of the hops of a second."""
        # Each window reaches half a flank into its neighbours: eight views that overlap, one product.
        first, steps, twice = self._weigher.history - self._flank - 1, self._steps, self._twice
        np.subtract(sound[first : first + steps.size], sound[first - 1 : first - 1 + steps.size], out=steps)
        np.subtract(steps[1:], steps[:-1], out=twice)
        strides = (self._hop * twice.itemsize, twice.itemsize)
        views: Samples = np.ndarray(self._windowed.shape, np.float32, twice, 0, strides)
        np.multiply(views, self._window, out=self._windowed)
        parts = scipy.fft.rfft(self._frames).view(np.float32)
        squares: list[float] = (np.multiply(parts, parts, out=parts) @ self._powers).tolist()
        return squares

    def _as_wave(self, weighted: Samples) -> list[float]:
        """F and S of the A-weighted wave in steps of 2.5 ms; returns F at the end of each hop."""
        bins = weighted.reshape(-1, self._bin)
        squares = np.einsum("ij,ij->i", bins, bins).astype(np.float64) / self._bin
        fast, self._fast = self._exponential(squares, FAST_S, self._fast)
        slow, self._slow = self._exponential(squares, SLOW_S, self._slow)
        self._fast_max = max(self._fast_max, float(fast.max()))
        self._recent_max = max(self._recent_max, float(fast.max()))
        self._slow_max = max(self._slow_max, float(slow.max()))
        every = self._hop // self._bin
        ends: list[float] = fast[every - 1 :: every].tolist()
        return ends

    def _exponential(
        self, squares: NDArray[np.float64], tau_s: float, last: float
    ) -> tuple[NDArray[np.float64], float]:
        keep = math.exp(-self._bin / self.rate_hz / tau_s)
        level, _ = scipy.signal.lfilter([1.0 - keep], [1.0, -keep], squares, zi=[keep * last])
        return np.asarray(level, np.float64), float(level[-1])

    def _db(self, square: float) -> float:
        return self.calibration.db(math.sqrt(max(square, 0.0)))

    def _close(self) -> list[Levels]:
        heard_s = self._hops * self._hop / self.rate_hz
        if self._start_us is None or heard_s < max(MIN_PERIOD_SHARE * self.period_s, STEP_S):
            return []
        history = np.array(self._history)
        l90, l50, l10 = (self._db(float(value)) for value in np.percentile(history, (10, 50, 90)))
        return [
            Levels(
                start_us=self._start_us,
                period_s=self.period_s,
                heard_s=heard_s,
                laeq=self._db(self._energy / self._hops),
                lafmax=self._db(self._fast_max),
                lasmax=self._db(self._slow_max),
                lcpeak=self.calibration.db(self._peak),
                l10=l10,
                l50=l50,
                l90=l90,
            )
        ]


@lru_cache(maxsize=16)
def _powers(rate_hz: int, size: int, hop: int, flank: int) -> Samples:
    """Weights from squared parts (real, imaginary) of a spectrum of second differences to the A-weighted mean square.

    Parseval: a window's energy is the sum of |X|^2 / size over all bins, of which the real transform holds half. The
    window spreads a tone over neighbouring bins, which matters where the weights are steep: the lowest bins are
    corrected until the spread tone reads right.
    """
    hertz = np.fft.rfftfreq(size, 1 / rate_hz).astype(np.float64)
    wanted = np.square(np.abs(response("A", hertz)))
    differences = np.square(2.0 - 2.0 * np.cos(2.0 * np.pi * hertz / rate_hz))
    power = np.divide(wanted, differences, out=np.zeros_like(wanted), where=differences > 0.0)
    low = min(CORRECTED_BINS, power.size // 2)
    spread = np.square(np.abs(np.fft.fft(_window(hop, flank), size)))
    spread /= spread.sum()
    tones, bins = np.arange(1, low)[:, None], np.arange(power.size)
    # A tone at bin i is seen in bin j by what the window spreads to j - i, and by its image at -i.
    seen = differences[1:low, None] * (spread[(tones - bins) % size] + spread[(tones + bins) % size])
    for _ in range(200):
        power[1:low] *= wanted[1:low] / (seen @ power)
    power *= 2.0 / size / hop
    power[-1] /= 2.0  # the Nyquist frequency stands alone: every size is even
    return np.repeat(power, 2).astype(np.float32)


def _window(hop: int, flank: int) -> NDArray[np.float64]:
    """Flat, with sine flanks of 2 * `flank` samples, so that the squares of windows `hop` apart add up to 1."""
    rising = np.sin(np.pi / 2 * (np.arange(2 * flank) + 0.5) / (2 * flank))
    return np.concatenate([rising, np.ones(hop - 2 * flank), rising[::-1]])
