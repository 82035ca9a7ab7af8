"""What is heard in a stream of sound: picks with their scores, levels, sustained sounds. No I/O, no clock of its own.

Quiet streets cost almost nothing because the acoustic model only sees windows around a pick (and, for sustained sounds,
windows in which the level stands out): the picker and the level meter are all that runs all the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from sensors.microphone.buffer import SoundBuffer
from sensors.microphone.levels import Calibration, LevelMeter, Levels
from sensors.microphone.picker import Pick, Picker, PickerSettings
from sensors.microphone.sources import SoundBlock
from sensors.microphone.weighting import c_peak

Samples = NDArray[np.float32]

IMPULSIVE: Final = frozenset({"gunshot", "explosion", "firework", "glass_break"})
"""Labels that are told for one pick; all others need sustained evidence."""
PIECE_S: Final = 0.5
"""Blocks are analysed in pieces of at most this, so that the 2 s buffer always holds the window of a pick."""
SHARED_S: Final = 0.05
"""Picks closer than this are scored on one window."""
MAX_PICKS_PER_S: Final = 40
"""What one sensor may tell in a second: a jackhammer must not fill the uplink. The rest is counted."""


class Scorer(Protocol):
    """The acoustic model: `models.runtime.AcousticModel`."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    def scores(self, window: Samples) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class HearingSettings:
    """How the agent listens.

    `report_floor`: picks whose score is below are not told; lower tells fusion more and costs bandwidth. `after_s`:
    sound waited for after a pick before it is scored: longer scores better and tells later. `period_s`: of the levels.
    """

    calibration: Calibration = field(default_factory=Calibration)
    picker: PickerSettings = field(default_factory=PickerSettings)
    period_s: float = 60.0
    report_floor: float = 0.05
    after_s: float = 0.45


@dataclass(frozen=True, slots=True)
class Impulse:
    """A pick with its time in UTC and its class."""

    event: str
    onset_us: int
    duration_s: float
    score: float
    clock_sigma_us: int
    peak_db: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What one block gave."""

    impulses: tuple[Impulse, ...] = ()
    levels: tuple[Levels, ...] = ()


class Hearing:
    """Analyses one microphone's stream, block by block; a gap or another rate starts it afresh."""

    def __init__(self, settings: HearingSettings | None = None, model: Scorer | None = None) -> None:
        self.settings = settings or HearingSettings()
        self.model = model
        self.dropped_picks = 0
        self.windows_scored = 0
        self._rate_hz = 0
        self._budget = float(MAX_PICKS_PER_S)
        self._overloaded_s = 0.0
        self._levels: list[Levels] = []
        self._impulses: list[Impulse] = []

    def hear(self, block: SoundBlock) -> Heard:
        """Analyse `block` (samples finite, within +-1); returns what became certain."""
        rate = block.sample_rate_hz
        if rate != self._rate_hz:
            if self._rate_hz:
                self._flush()
                self._levels += self._meter.finish()
            self._open(rate)
        elif block.gap:
            self._flush()
            self._restart(rate)
        gap = block.gap
        piece = max(1, round(PIECE_S * rate))
        for at in range(0, block.samples.size, piece):
            start_us = block.start_utc_us + round(at * 1e6 / rate)
            self._take(block.samples[at : at + piece], start_us, block.clock_sigma_us, gap)
            gap = False
        return self._told()

    def finish(self) -> Heard:
        """The source has ended: tell what is still open."""
        if self._rate_hz:
            self._flush()
            self._levels += self._meter.finish()
            self._rate_hz = 0
        return self._told()

    @property
    def overloaded(self) -> bool:
        """True for a minute after picks had to be dropped."""
        return self._overloaded_s > 0.0

    @property
    def laf_db(self) -> float | None:
        """A-weighted Fast level now, None before the first sound."""
        return self._meter.laf if self._rate_hz else None

    def _told(self) -> Heard:
        heard = Heard(tuple(self._impulses), tuple(self._levels))
        self._impulses, self._levels = [], []
        return heard

    def _open(self, rate: int) -> None:
        self._rate_hz = rate
        self._meter = LevelMeter(rate, self.settings.calibration, self.settings.period_s)
        self._restart(rate)

    def _restart(self, rate: int) -> None:
        self._buffer = SoundBuffer(rate)
        self._picker = Picker(rate, self.settings.picker)
        self._waiting: list[Pick] = []
        self._scored_at = -1e9
        self._scores: Mapping[str, float] = {}

    def _take(self, samples: Samples, start_us: int, sigma_us: int, gap: bool) -> None:
        self._buffer.append(samples, start_us, sigma_us)
        picks = self._picker.feed(samples)
        eventful = self._picker.gate_open
        self._levels += self._meter.feed(samples, start_us, gap=gap, eventful=eventful)
        if not (eventful or picks or self._waiting):
            return
        self._waiting += picks
        self._budget = min(self._budget + samples.size / self._rate_hz * MAX_PICKS_PER_S, float(MAX_PICKS_PER_S))
        self._overloaded_s = max(0.0, self._overloaded_s - samples.size / self._rate_hz)
        heard_s = self._buffer.end / self._rate_hz
        while self._waiting and self._waiting[0].onset_s + self.settings.after_s <= heard_s:
            self._tell(self._waiting.pop(0))

    def _flush(self) -> None:
        """Before a gap or at the end: what waits is scored on the sound there is."""
        for pick in [*self._waiting, *self._picker.finish()]:
            self._tell(pick)
        self._waiting = []

    def _tell(self, pick: Pick) -> None:
        if self.model is None:
            return
        if self._budget < 1.0:
            self.dropped_picks += 1
            self._overloaded_s = 60.0
            return
        scores = self._score(self.model, pick.onset_s)
        told = [label for label in scores if label in IMPULSIVE and scores[label] >= self.settings.report_floor]
        if not told:
            return
        self._budget -= 1.0
        onset = pick.onset_s * self._rate_hz
        utc_us, clock_us = self._buffer.utc(onset)
        before, after = round(0.1 * self._rate_hz), round(0.05 * self._rate_hz)
        peak = c_peak(self._buffer.piece(int(onset) - before, before + after), self._rate_hz)
        for label in told:
            self._impulses.append(
                Impulse(
                    event=label,
                    onset_us=utc_us,
                    duration_s=pick.duration_s,
                    score=min(max(float(scores[label]), 0.0), 1.0),
                    clock_sigma_us=round(float(np.hypot(clock_us, pick.sigma_s * 1e6))),
                    peak_db=self.settings.calibration.db(peak),
                    snr_db=min(max(pick.snr_db, -40.0), 200.0),
                )
            )

    def _score(self, model: Scorer, onset_s: float) -> Mapping[str, float]:
        if onset_s - self._scored_at > SHARED_S:
            self._scored_at = onset_s
            end_s = onset_s + self.settings.after_s
            self._scores = model.scores(self._window(model, end_s))
            self.windows_scored += 1
        return self._scores

    def _window(self, model: Scorer, end_s: float) -> Samples:
        """The model's window that ends at `end_s`, brought to its rate; zeros where there was no sound."""
        wanted = model.window_samples / model.sample_rate_hz
        length = round(wanted * self._rate_hz)
        sound = self._buffer.piece(round(end_s * self._rate_hz) - length, length)
        if self._rate_hz != model.sample_rate_hz:
            sound = np.asarray(soxr.resample(sound, self._rate_hz, model.sample_rate_hz, quality="LQ"), np.float32)
        out: Samples = np.zeros(model.window_samples, np.float32)
        out[: min(out.size, sound.size)] = sound[: out.size]
        return out
