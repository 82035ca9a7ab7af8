"""Onsets of impulses in sound: the picks that place a shot.

A pick is the first arrival of one wave front at one microphone. The picker works as a seismic network's does: a
high-pass takes the hum of the street away, the energy of 2 ms is compared with that of the 40 ms before (STA/LTA,
Allen 1978), and the onset is then refined by the Akaike criterion (Maeda 1985): the sample that best splits the
surroundings into noise and signal. Everything is causal, so that nothing rings ahead of the onset, and an echo never
moves the pick of the direct path before it.

The comparison with the 40 ms before also finds wave fronts inside the reverberation of an earlier one: a burst gives
several picks, and so do echoes; which of them belong together is for fusion to say.

Sound is cut into chunks at fixed places whatever the blocks it comes in, so `pick` on a whole recording and a `Picker`
fed block by block give the same picks, bit for bit. Digital silence (a run of equal samples) is a gap of transmission,
not a level: it neither lowers the noise estimate nor is its end an onset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.signal
from numpy.typing import NDArray

Samples = NDArray[np.float32]
_Float = NDArray[np.float64]

WORKING_RATE_HZ: Final = 12_000
"""Recordings are brought down to between this and twice this: 83 µs a sample; distant shots end below 5 kHz."""
MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 768_000
FRAME_S: Final = 0.001
CHUNK_FRAMES: Final = 128
HISTORY_FRAMES: Final = 48
LOOK_AHEAD_FRAMES: Final = 24
FULL_SCALE_RATIO: Final = 0.97
"""Of full scale: above it a sample counts as clipped (converters of the live-fire set stop at 0.98)."""


@dataclass(frozen=True, slots=True)
class PickerSettings:
    """How eager the picker is.

    Larger `threshold_db` (energy of 2 ms over the 40 ms before): fewer picks, and weak first arrivals are lost.
    Larger `noise_snr_db` (the same energy over the background of the last seconds): fewer picks inside a quiet street.
    Larger `dead_time_s`: fewer picks inside one wave train; rounds of a burst are 50 ms apart at the least.
    Larger `highpass_hz`: less wind and hum, but also less of a distant shot. Larger `floor`: faint impulses of a very
    quiet place (rms of full scale after the high-pass) are not reported.
    """

    threshold_db: float = 9.0
    noise_snr_db: float = 8.0
    dead_time_s: float = 0.012
    highpass_hz: float = 400.0
    floor: float = 1e-5


@dataclass(frozen=True, slots=True, order=True)
class Pick:
    """One onset: `onset_s` seconds after the first sample fed, with the spread that noise gives it.

    `snr_db`: energy of the 10 ms after the onset over the background, after the high-pass. `contrast_db`: energy of
    2 ms over the 40 ms before. `peak`: largest magnitude of the wave in the 10 ms after the onset, full scale 1,
    unfiltered. `duration_s`: how long the energy stays within 10 dB of its maximum.
    """

    onset_s: float
    snr_db: float
    contrast_db: float
    peak: float
    duration_s: float
    sigma_s: float


def pick(samples: Samples, rate: int, settings: PickerSettings | None = None) -> list[Pick]:
    """Picks of a whole mono recording `samples` (float, full scale 1) at `rate` Hz, in order of onset."""
    picker = Picker(rate, settings)
    return [*picker.feed(samples), *picker.finish()]


class Picker:
    """Finds onsets in a stream of sound; `feed` any block sizes, `finish` at the end or at a gap.

    A pick is told at most 128 + 24 ms of sound after its onset. Raises ValueError for a rate outside 4 to 768 kHz.
    """

    def __init__(self, rate: int, settings: PickerSettings | None = None) -> None:
        if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            raise ValueError(f"the picker works at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, not at {rate}")
        self.settings = settings or PickerSettings()
        self.rate = rate
        self._decimation = max(1, rate // WORKING_RATE_HZ)
        self._rate = rate / self._decimation
        self._frame = max(4, round(self._rate * FRAME_S))
        self._chunk = self._frame * CHUNK_FRAMES
        self._keep = self._frame * (HISTORY_FRAMES + LOOK_AHEAD_FRAMES)
        self._sos = _highpass(self._rate, self.settings.highpass_hz)
        self._start()

    def _start(self) -> None:
        self._pending: list[Samples] = []
        self._pending_count = 0
        self._state: _Float | None = None
        self._filtered: Samples = np.zeros(self._keep, np.float32)
        self._raw: Samples = np.zeros(self._keep, np.float32)
        self._live = np.zeros(self._keep, np.bool_)
        self._done = 0  # working samples that went through the filter
        self._noise = 0.0
        self._last_pick = -(10**9)

    def feed(self, samples: Samples) -> list[Pick]:
        """Take the next block (any length, full scale 1) and tell the picks that are now certain."""
        self._pending.append(samples)
        self._pending_count += samples.size
        need = self._chunk * self._decimation
        if self._pending_count < need:
            return []
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        whole = joined.size // need * need
        self._pending = [joined[whole:]]
        self._pending_count = joined.size - whole
        picks: list[Pick] = []
        for at in range(0, whole, need):
            picks += self._advance(joined[at : at + need])
        return picks

    def finish(self) -> list[Pick]:
        """Tell the picks of what is still pending; the picker may not be fed afterwards."""
        need = self._chunk * self._decimation
        rest = np.concatenate([*self._pending, np.zeros(0, np.float32)])
        self._pending, self._pending_count = [], 0
        if not rest.size:
            rest = np.zeros(0, np.float32)
        padded = np.concatenate([rest, np.zeros(2 * need - rest.size, np.float32)])
        return self._advance(padded[:need]) + self._advance(padded[need:])

    def _advance(self, block: Samples) -> list[Pick]:
        factor = self._decimation
        # A boxcar decimates without ringing; what it folds back is harmless for an energy.
        raw = block if factor == 1 else block.reshape(-1, factor).mean(axis=1, dtype=np.float32)
        if self._state is None:
            self._state = scipy.signal.sosfilt_zi(self._sos).astype(np.float32) * raw[0]
        fresh, self._state = scipy.signal.sosfilt(self._sos, raw, zi=self._state)
        self._raw = np.concatenate([self._raw[-self._keep :], raw])
        self._filtered = np.concatenate([self._filtered[-self._keep :], fresh.astype(np.float32, copy=False)])
        self._live = np.concatenate([self._live[-self._keep :], _transmitted(raw, self._frame)])
        self._done += raw.size
        return self._search()

    def _search(self) -> list[Pick]:
        frame, wave = self._frame, self._filtered
        frames = wave.reshape(-1, frame)
        energy = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / frame
        live: NDArray[np.bool_] = np.all(self._live.reshape(-1, frame), axis=1)
        floor = self.settings.floor**2
        begin, end = HISTORY_FRAMES, HISTORY_FRAMES + CHUNK_FRAMES
        self._follow_noise(energy[begin:end][live[begin:end]], floor)
        total = np.concatenate([[0.0], np.cumsum(np.where(live, energy, 0.0))])
        count = np.concatenate([[0], np.cumsum(live)])
        at = np.arange(begin, end)
        short = (energy[at] + energy[at + 1]) / 2
        lag, gap = 40, 2
        known = count[at - gap] - count[at - gap - lag]
        long = (total[at - gap] - total[at - gap - lag]) / np.maximum(known, 1)
        ratio = short / np.maximum(long, floor)
        wanted = 10 ** (self.settings.threshold_db / 10)
        loud = short > max(self._noise, floor) * 10 ** (self.settings.noise_snr_db / 10)
        hits = np.flatnonzero((ratio > wanted) & loud & (known >= lag // 4) & live[at] & live[at - 1])
        picks: list[Pick] = []
        offset = self._done - wave.size  # working sample index of wave[0]
        dead = round(self.settings.dead_time_s * self._rate)
        for hit in hits:
            trigger = int(hit + begin) * frame
            if trigger + offset < self._last_pick + dead:
                continue
            onset, sigma = _onset(wave, trigger, frame)
            if onset + offset < self._last_pick + dead:
                continue
            self._last_pick = round(onset) + offset
            picks.append(self._describe(onset, offset, sigma, float(ratio[hit]), energy, live))
        return picks

    def _follow_noise(self, energies: _Float, floor: float) -> None:
        """Background: the 30th percentile of the frames of each chunk, quick to fall and slow to rise."""
        if energies.size < CHUNK_FRAMES // 4:
            return
        now = max(float(np.partition(energies, energies.size * 3 // 10)[energies.size * 3 // 10]), floor)
        if self._noise == 0.0:
            self._noise = now
        self._noise += (now - self._noise) * (0.5 if now < self._noise else 0.05)

    def _describe(
        self, onset: float, offset: int, sigma: float, ratio: float, energy: _Float, live: NDArray[np.bool_]
    ) -> Pick:
        first = int(onset)
        ten = 10 * self._frame
        body = self._filtered[first : first + ten]
        noise = max(self._noise, self.settings.floor**2)
        snr = float(np.mean(np.square(body, dtype=np.float64))) / noise
        frame = first // self._frame
        after = energy[frame : frame + LOOK_AHEAD_FRAMES]
        lasting = int(np.count_nonzero(after > after.max() / 10)) if after.size else 0
        return Pick(
            onset_s=(onset + offset) / self._rate,
            snr_db=_decibels(snr),
            contrast_db=_decibels(ratio),
            peak=float(np.abs(self._raw[first : first + ten]).max()),
            duration_s=lasting * FRAME_S,
            sigma_s=sigma / self._rate,
        )


def _onset(wave: Samples, trigger: int, frame: int) -> tuple[float, float]:
    """Sample where the wave front begins near `trigger`, and the one-sigma spread of that, in samples.

    The window runs from 8 ms before to the largest magnitude of the next 3 ms: an echo behind cannot pull at it.
    """
    begin = trigger - 8 * frame
    ahead = np.abs(wave[trigger : trigger + 3 * frame])
    end = trigger + int(ahead.argmax()) + 2
    piece = wave[begin:end].astype(np.float64)
    size = piece.size
    k = np.arange(2, size - 1)
    squares = np.cumsum(np.square(piece))
    before = squares[k - 1] / k
    after = (squares[-1] - squares[k - 1]) / (size - k)
    tiny = 1e-20
    akaike = k * np.log(before + tiny) + (size - k) * np.log(after + tiny)
    best = int(akaike.argmin())
    # Akaike weights around the minimum: a flat valley is an uncertain onset.
    weight = np.exp(-0.5 * np.minimum(akaike - akaike[best], 60.0))
    weight /= weight.sum()
    spread = float(np.sqrt(np.sum(weight * np.square(k - k[best], dtype=np.float64))))
    return float(begin + k[best]), max(spread, 0.3)


def _transmitted(raw: Samples, frame: int) -> NDArray[np.bool_]:
    """False for frames whose samples are all equal: nothing was transmitted there."""
    frames = raw.reshape(-1, frame)
    moving: NDArray[np.bool_] = np.any(frames != frames[:, :1], axis=1)
    return np.repeat(moving, frame)


@lru_cache(maxsize=16)
def _highpass(rate: float, cutoff_hz: float) -> NDArray[np.float32]:
    sos: NDArray[np.float32] = scipy.signal.butter(2, cutoff_hz, "highpass", fs=rate, output="sos").astype(np.float32)
    return sos


def _decibels(ratio: float) -> float:
    return 10.0 * float(np.log10(max(ratio, 1e-12)))
