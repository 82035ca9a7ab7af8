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
from sensors.microphone.levels import FLOOR_DB, Calibration, LevelMeter, Levels
from sensors.microphone.loudness import LevelHistory, Loud
from sensors.microphone.picker import Pick, Picker, PickerSettings
from sensors.microphone.sources import SoundBlock
from sensors.microphone.sustained import DEFAULT_THRESHOLD, Lasting, LevelGate, SustainedSound
from sensors.microphone.weighting import c_peak

Samples = NDArray[np.float32]

IMPULSIVE: Final = frozenset({"gunshot", "explosion", "firework", "glass_break"})
"""Labels that are told for one pick; all others need sustained evidence."""
PIECE_S: Final = 0.5
"""Blocks are analysed in pieces of at most this, so that the 2 s buffer always holds the window of a pick."""
SHARED_S: Final = 0.05
"""Picks closer than this are scored on one window."""
EXPLAINED_S: Final = 2.0
"""A loud second so soon after a sound whose class is known is no unknown one."""
HOP_S: Final = 0.5
"""Windows for lasting sounds begin this far apart while the level stands out."""
QUIET_HOP_S: Final = 1.0
"""How often the level is looked at otherwise: it is measured second by second."""
FORGOTTEN: Final = 0.01
"""Evidence below which a sound that the model does not look for any more counts as never heard."""
WATCHED: Final = 0.1
"""Evidence above which a lasting sound is followed although the level no longer stands out."""
FAINT_BURST: Final = 8
FAINT_PER_S: Final = 0.1
"""Picks below the report floor that are told all the same: so many at once, and so many a second in the long run. The
classifier is at its limit where a shot is far or behind a roof, and the onset there still places what others are sure
of: of ninety bursts of the live-fire set three are lost without. A quiet street makes none."""
MAX_PICKS_PER_S: Final = 40
"""What one sensor may tell in a second: a jackhammer must not fill the uplink. The rest is counted."""


class Scorer(Protocol):
    """The acoustic model: `models.runtime.AcousticModel`."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def thresholds(self) -> Mapping[str, float]: ...
    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    def scores(self, window: Samples) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class HearingSettings:
    """How the agent listens.

    `report_floor`: picks whose score is below are told within a small allowance (`FAINT_BURST`) only; lower tells
    fusion more and costs bandwidth. `after_s`:
    sound waited for after a pick before it is scored: longer scores better and tells later. `period_s`: of the
    levels. `thresholds` of lasting sounds by label, where they are not to be the model's own: larger is surer.
    `always_look`: the model sees every half second, however quiet it is; only to measure what the gate saves.
    """

    calibration: Calibration = field(default_factory=Calibration)
    picker: PickerSettings = field(default_factory=PickerSettings)
    period_s: float = 60.0
    report_floor: float = 0.05
    after_s: float = 0.45
    thresholds: Mapping[str, float] = field(default_factory=dict)
    always_look: bool = False


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
    lasting: tuple[Lasting, ...] = ()
    loud: tuple[Loud, ...] = ()


NOTHING: Final = Heard()


class Hearing:
    """Analyses one microphone's stream, block by block; a gap or another rate starts it afresh.

    `history`: what levels are usual here; without one nothing is told to be loud.
    """

    def __init__(
        self,
        settings: HearingSettings | None = None,
        model: Scorer | None = None,
        history: LevelHistory | None = None,
    ) -> None:
        self.settings = settings or HearingSettings()
        self.model = model
        self.history = history
        thresholds = {**model.thresholds, **self.settings.thresholds} if model else {}
        self._sustained = [
            SustainedSound(label, thresholds.get(label, DEFAULT_THRESHOLD))
            for label in (model.labels if model else ())
            if label not in IMPULSIVE
        ]
        self._gate = LevelGate()
        self._lasting: list[Lasting] = []
        self._loud: list[Loud] = []
        self._explained_us = 0
        self.dropped_picks = 0
        self.windows_scored = 0
        self._rate_hz = 0
        self._overloaded_until = -1.0
        self._levels: list[Levels] = []
        self._impulses: list[Impulse] = []

    def hear(self, block: SoundBlock) -> Heard:
        """Analyse `block` (samples finite, within +-1); returns what became certain."""
        if block.sample_rate_hz != self._rate_hz:
            if self._rate_hz:
                self._flush()
                self._levels += self._meter.finish()
            self._open(block.sample_rate_hz)
        elif block.gap:
            self._flush()
            self._restart(self._rate_hz)
        if block.samples.size <= self._piece:
            self._take(block.samples, block.start_utc_us, block.clock_sigma_us, block.gap)
        else:
            self._take_all(block)
        return self._told()

    def _take_all(self, block: SoundBlock) -> None:
        gap = block.gap
        for at in range(0, block.samples.size, self._piece):
            start_us = block.start_utc_us + round(at * 1e6 / self._rate_hz)
            self._take(block.samples[at : at + self._piece], start_us, block.clock_sigma_us, gap)
            gap = False

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
        return bool(self._rate_hz) and self._buffer.end / self._rate_hz < self._overloaded_until

    @property
    def laf_db(self) -> float | None:
        """A-weighted Fast level now, None before the first sound."""
        return self._meter.laf if self._rate_hz else None

    def _told(self) -> Heard:
        if not (self._impulses or self._levels or self._lasting or self._loud):
            return NOTHING
        heard = Heard(tuple(self._impulses), tuple(self._levels), tuple(self._lasting), tuple(self._loud))
        self._impulses, self._levels, self._lasting, self._loud = [], [], [], []
        return heard

    def _open(self, rate: int) -> None:
        self._rate_hz = rate
        self._piece = max(1, round(PIECE_S * rate))
        self._meter = LevelMeter(rate, self.settings.calibration, self.settings.period_s)
        self._restart(rate)

    def _restart(self, rate: int) -> None:
        self._buffer = SoundBuffer(rate)
        self._picker = Picker(rate, self.settings.picker)
        self._waiting: list[Pick] = []
        self._scored_at = -1e9
        self._scores: Mapping[str, float] = {}
        self._overloaded_until = -1.0
        self._second = self._told_in_second = 0
        self._faint, self._faint_at = float(FAINT_BURST), 0.0
        self._looked_s, self._next_look_s = 0.0, HOP_S
        self._next_second_s = 1.0

    def _take(self, samples: Samples, start_us: int, sigma_us: int, gap: bool) -> None:
        self._buffer.append(samples, start_us, sigma_us)
        picks = self._picker.feed(samples)
        eventful = self._picker.gate_open
        self._levels += self._meter.feed(samples, start_us, gap=gap, eventful=eventful)
        heard_s = self._buffer.end / self._rate_hz
        if heard_s >= self._next_look_s:
            self._look(heard_s)
        if not (eventful or picks or self._waiting):
            return
        self._waiting += picks
        while self._waiting and self._waiting[0].onset_s + self.settings.after_s <= heard_s:
            self._tell(self._waiting.pop(0))

    def _flush(self) -> None:
        """Before a gap or at the end: what waits is scored on the sound there is."""
        for pick in [*self._waiting, *self._picker.finish()]:
            self._tell(pick)
        self._waiting = []
        self._lasting += [told for sound in self._sustained if (told := sound.lose())]

    def _look(self, heard_s: float) -> None:
        """Lasting sounds: the model looks while the level stands out, or while there is evidence already."""
        self._next_look_s = heard_s + HOP_S
        since_s, self._looked_s = heard_s - self._looked_s, heard_s
        end_us, _ = self._buffer.utc(self._buffer.end)
        if self.history is not None and heard_s >= self._next_second_s:
            self._next_second_s = heard_s + 1.0
            loud = self.history.offer(self._meter.take_fast_max(), end_us)
            if loud is not None and end_us - self._explained_us > EXPLAINED_S * 1e6:
                self._loud.append(loud)
        if self.model is None or not self._sustained:
            return
        if self._meter.laf <= FLOOR_DB:
            return  # no level yet
        stands_out = self._gate.open(self._meter.laf, since_s)
        watched = any(sound.evidence > WATCHED for sound in self._sustained)
        scores: Mapping[str, float] = {}
        if stands_out or watched or self.settings.always_look:
            scores = self.model.scores(self._window(self.model, heard_s))
            self.windows_scored += 1
        else:
            self._next_look_s = heard_s + QUIET_HOP_S
        for sound in self._sustained:
            if not scores and sound.evidence < FORGOTTEN:
                sound.rest(end_us)
                continue
            told = sound.offer(scores.get(sound.label, 0.0), end_us)
            if told is not None:
                self._lasting.append(told)
            if sound.active:
                self._explained_us = end_us

    def _tell(self, pick: Pick) -> None:
        if self.model is None:
            return
        second = int(pick.onset_s)
        if second != self._second:
            self._second, self._told_in_second = second, 0
        if self._told_in_second >= MAX_PICKS_PER_S:
            self.dropped_picks += 1
            self._overloaded_until = pick.onset_s + 60.0
            return
        scores = self._score(self.model, pick.onset_s)
        told = [label for label in scores if label in IMPULSIVE and scores[label] >= self.settings.report_floor]
        if not told and self._may_tell_faint(pick.onset_s):
            told = [label for label in ("gunshot",) if label in scores]
        if not told:
            return
        self._told_in_second += 1
        onset = pick.onset_s * self._rate_hz
        utc_us, clock_us = self._buffer.utc(onset)
        if any(scores[label] >= DEFAULT_THRESHOLD for label in told):
            self._explained_us = max(self._explained_us, utc_us)
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

    def _may_tell_faint(self, onset_s: float) -> bool:
        """Take one from the allowance of picks below the report floor, if any is left."""
        self._faint = min(self._faint + (onset_s - self._faint_at) * FAINT_PER_S, float(FAINT_BURST))
        self._faint_at = onset_s
        if self._faint < 1.0:
            return False
        self._faint -= 1.0
        return True

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
        if self._rate_hz == model.sample_rate_hz:
            return sound
        sound = np.asarray(soxr.resample(sound, self._rate_hz, model.sample_rate_hz, quality="LQ"), np.float32)
        out: Samples = np.zeros(model.window_samples, np.float32)
        out[: min(out.size, sound.size)] = sound[: out.size]
        return out
