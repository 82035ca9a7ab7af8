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
from scipy.linalg.blas import isamax, sdot

Samples = NDArray[np.float32]
_Float = NDArray[np.float64]

WORKING_RATE_HZ: Final = 12_000
"""Recordings are brought down to between this and twice this: 83 µs a sample; distant shots end below 5 kHz."""
MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 768_000
FRAME_S: Final = 0.001
CHUNK_S: Final = 0.25
HISTORY_FRAMES: Final = 48
LOOK_AHEAD_FRAMES: Final = 24
BEFORE_FRAMES: Final = HISTORY_FRAMES + LOOK_AHEAD_FRAMES + 24
SHORT_FRAMES: Final = 2
LONG_FRAMES: Final = 40
GATE_FRAME_S: Final = 0.002
GATE_LAG_S: Final = 125e-6
"""The high-pass of the gate is the difference of two samples this far apart: 6 dB an octave up to 4 kHz."""


@dataclass(frozen=True, slots=True)
class PickerSettings:
    """How eager the picker is.

    Larger `threshold_db` (energy of 2 ms over the 40 ms before): fewer picks, and weak first arrivals are lost.
    Larger `noise_snr_db` (the same energy over the background of the last seconds): fewer picks inside a quiet street.
    Larger `dead_time_s`: fewer picks inside one wave train; rounds of a burst are 50 ms apart at the least.
    Larger `highpass_hz`: less wind and hum, but also less of a distant shot. Larger `floor`: faint impulses of a very
    quiet place (rms of full scale after the high-pass) are not reported. Larger `gate_ratio` (loudest 2 ms over the
    mean of 250 ms): less work in a lively street, and faint picks are lost; 0 opens always. `hold_s`: how long the gate
    stays open, for echoes inside the reverberation.
    """

    threshold_db: float = 9.0
    noise_snr_db: float = 8.0
    dead_time_s: float = 0.012
    highpass_hz: float = 400.0
    floor: float = 1e-5
    gate_ratio: float = 4.0
    hold_s: float = 1.0


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

    A pick is told at most 250 + 24 ms of sound after its onset. Raises ValueError for a rate outside 4 to 768 kHz.
    """

    def __init__(self, rate: int, settings: PickerSettings | None = None) -> None:
        if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            raise ValueError(f"the picker works at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, not at {rate}")
        self.settings = settings or PickerSettings()
        self.rate = rate
        self.opened = 0
        """Chunks that were searched."""
        self._decimation = max(1, rate // WORKING_RATE_HZ)
        self._rate = rate / self._decimation
        self._frame = max(4, round(self._rate * FRAME_S))
        self._frames = round(self._rate * CHUNK_S / self._frame)
        self._chunk = self._frames * self._frame * self._decimation
        self._sos = _highpass(self._rate, self.settings.highpass_hz)
        self._settled = scipy.signal.sosfilt_zi(self._sos).astype(np.float32)
        step = max(1, rate // 8_000)
        lag = max(1, round(GATE_LAG_S * rate))
        length = max(1, round(GATE_FRAME_S * rate / step))
        count = (self._chunk - lag) // step // length * length
        self._gate = slice(lag, lag + count * step, step), slice(0, count * step, step)
        self._gate_length = length
        self._gate_ones = np.ones(length, np.float32)
        self._gate_share = self.settings.gate_ratio * length / count
        self._gate_step: Samples = np.empty(count, np.float32)
        self._hold_chunks = round(self.settings.hold_s / CHUNK_S)
        self._pending: list[Samples] = []
        self._pending_count = 0
        self._previous: Samples = np.zeros(self._chunk, np.float32)
        self._seen = 0  # chunks
        self._held = 0
        self._noise = 0.0
        self._last_pick = -(10**9)

    @property
    def gate_open(self) -> bool:
        """True while impulses are looked for: something stood out within the hold time."""
        return self._held > 0

    def feed(self, samples: Samples) -> list[Pick]:
        """Take the next block (any length, full scale 1) and tell the picks that are now certain."""
        if not samples.size:
            return []
        if not self._pending_count and not samples.size % self._chunk:
            return self._search_all(samples)
        self._pending.append(samples)
        self._pending_count += samples.size
        if self._pending_count < self._chunk:
            return []
        joined = np.concatenate(self._pending)
        whole = joined.size // self._chunk * self._chunk
        self._pending = [joined[whole:]]
        self._pending_count = joined.size - whole
        return self._search_all(joined[:whole])

    def finish(self) -> list[Pick]:
        """Tell the picks of what is still pending; the picker may not be fed afterwards."""
        rest = np.concatenate([*self._pending, np.zeros(2 * self._chunk, np.float32)])[: 2 * self._chunk]
        self._pending, self._pending_count = [], 0
        return self._search_all(rest)

    def _search_all(self, sound: Samples) -> list[Pick]:
        """Picks of whole chunks. In a quiet street the gate is looked at, and that is all."""
        picks: list[Pick] = []
        for at in range(0, sound.size, self._chunk):
            chunk = sound[at : at + self._chunk]
            stands_out = self._opens(chunk)
            if stands_out or self._held:
                picks += self._advance(chunk, stands_out)
            else:
                self._seen += 1
                self._previous = chunk
        return picks

    def _opens(self, chunk: Samples) -> bool:
        """Whether the loudest 2 ms of a chunk stand out of it, after a difference as high-pass."""
        late, early = self._gate
        step = np.subtract(chunk[late], chunk[early], out=self._gate_step)
        total = float(sdot(step, step))
        np.multiply(step, step, out=step)
        energy = step.reshape(-1, self._gate_length) @ self._gate_ones
        return float(energy[isamax(energy)]) >= total * self._gate_share

    def _advance(self, chunk: Samples, stands_out: bool) -> list[Pick]:
        previous, self._previous = self._previous, chunk
        self._seen += 1
        was_open = self._held > 0
        self._held = self._hold_chunks + 1 if stands_out else self._held - 1
        if not self._held:
            return []
        self.opened += 1
        if was_open:  # the background is known; the filter and the 40 ms before need no more than this
            before = BEFORE_FRAMES
            previous = previous[-before * self._frame * self._decimation :]
        else:
            before = self._frames
            self._noise = 0.0
        return self._search(np.concatenate([previous, chunk]), before)

    def _search(self, sound: Samples, half: int) -> list[Pick]:
        """Picks of `sound` after its first `half` frames, and of the 24 ms before that had not enough behind them."""
        frame, factor, settings = self._frame, self._decimation, self.settings
        # A boxcar decimates without ringing; what it folds back is harmless for an energy.
        raw: Samples = sound if factor == 1 else _boxcar(sound, factor)
        live = _transmitted(raw, frame)
        # What was before the sound is unknown: the filter starts as if it had always had the first value.
        wave: Samples = scipy.signal.sosfilt(self._sos, raw, zi=self._settled * raw[0])[0]
        frames = wave.reshape(-1, frame)
        energy = np.einsum("ij,ij->i", frames, frames).astype(np.float64) / frame
        floor = settings.floor**2
        if self._noise == 0.0:
            self._follow_noise(energy[:half][live[:half]], floor)
        self._follow_noise(energy[half:][live[half:]], floor)
        total = np.concatenate([[0.0], np.cumsum(np.where(live, energy, 0.0))])
        count = np.concatenate([[0], np.cumsum(live)])
        at = np.arange(half - LOOK_AHEAD_FRAMES, energy.size - LOOK_AHEAD_FRAMES)
        short = (energy[at] + energy[at + 1]) / SHORT_FRAMES
        known = count[at - SHORT_FRAMES] - count[at - SHORT_FRAMES - LONG_FRAMES]
        long = (total[at - SHORT_FRAMES] - total[at - SHORT_FRAMES - LONG_FRAMES]) / np.maximum(known, 1)
        ratio = short / np.maximum(long, floor)
        loud = short > max(self._noise, floor) * 10 ** (settings.noise_snr_db / 10)
        wanted = ratio > 10 ** (settings.threshold_db / 10)
        # The step at either edge of a gap is not an onset.
        whole = count[at + 2] - count[at - 3] == 5
        hits = np.flatnonzero(wanted & loud & whole & (known >= LONG_FRAMES // 4))
        picks: list[Pick] = []
        offset = ((self._seen - 1) * self._frames - half) * frame  # working sample index of wave[0]
        dead = round(settings.dead_time_s * self._rate)
        for hit in hits:
            trigger = int(at[hit]) * frame
            if trigger + offset < self._last_pick + dead:
                continue
            onset, sigma = _onset(wave, trigger, frame)
            if onset + offset < self._last_pick + dead:
                continue
            self._last_pick = round(onset) + offset
            picks.append(self._describe(wave, raw, onset, offset, sigma, float(ratio[hit]), energy))
        return picks

    def _follow_noise(self, energies: _Float, floor: float) -> None:
        """Background: the 30th percentile of the frames of each chunk, quick to fall and slow to rise."""
        if energies.size < self._frames // 8:
            return
        now = max(float(np.partition(energies, energies.size * 3 // 10)[energies.size * 3 // 10]), floor)
        if self._noise == 0.0:
            self._noise = now
        self._noise += (now - self._noise) * (0.5 if now < self._noise else 0.1)

    def _describe(
        self, wave: Samples, raw: Samples, onset: float, offset: int, sigma: float, ratio: float, energy: _Float
    ) -> Pick:
        first = int(onset)
        ten = 10 * self._frame
        body = wave[first : first + ten]
        noise = max(self._noise, self.settings.floor**2)
        snr = float(np.mean(np.square(body, dtype=np.float64))) / noise
        frame = first // self._frame
        after = energy[frame : frame + LOOK_AHEAD_FRAMES]
        lasting = int(np.count_nonzero(after > after.max() / 10)) if after.size else 0
        return Pick(
            onset_s=(onset + offset) / self._rate,
            snr_db=_decibels(snr),
            contrast_db=_decibels(ratio),
            peak=float(np.abs(raw[first : first + ten]).max()),
            duration_s=round(lasting * FRAME_S, 3),
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


def _boxcar(sound: Samples, factor: int) -> Samples:
    summed = sound[::factor].copy()
    for shift in range(1, factor):
        summed += sound[shift::factor]
    summed *= np.float32(1.0 / factor)
    return summed


def _transmitted(raw: Samples, frame: int) -> NDArray[np.bool_]:
    """False for frames whose samples are all equal: nothing was transmitted there."""
    frames = raw.reshape(-1, frame)
    moving: NDArray[np.bool_] = np.any(frames != frames[:, :1], axis=1)
    return moving


@lru_cache(maxsize=16)
def _highpass(rate: float, cutoff_hz: float) -> NDArray[np.float32]:
    sos: NDArray[np.float32] = scipy.signal.butter(2, cutoff_hz, "highpass", fs=rate, output="sos").astype(np.float32)
    return sos


def _decibels(ratio: float) -> float:
    return 10.0 * float(np.log10(max(ratio, 1e-12)))
