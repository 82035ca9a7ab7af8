"""Training windows: real recordings, placed at a distance, in a street, before a background, through a microphone.

All of it works on mel power, where independent sounds add up and filters multiply, so a batch of 256 different
situations costs a few milliseconds and no situation comes twice. What is made, and from what, is listed in the card:

- bursts of one weapon, pitch and speed a little changed, colours exchanged between sounds of one class, and crowds of
  many shouting or cheering voices at once;
- level, background at a known ratio of peak to background power;
- distance: air absorption by ISO 9613-1 at 0 to 30 degrees C, 50 to 800 m;
- street: an exponentially decaying tail and single echoes, duller than the direct sound;
- microphone: a smooth random frequency response, low-pass and high-pass limits, a noise floor, digital gaps;
- wind: low-frequency noise that wanders.

Limits and floors are drawn alike for every class, so that none of them tells a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.corpus import IMPULSIVE, STREET, Ints, Recording
from models.frontend import BANDS, FRAMES, Floats, band_edges_hz
from models.labels import LABELS, truth

BACKGROUNDS: Final = (
    STREET, STREET, "traffic", "ambience", "rain", "wind", "crowd_babble", "speech", "music", "engine", "machinery",
    "children_playing", "water", "helicopter", "aircraft_train", "drilling", "footsteps", "construction",
    "fire_crackle",
)  # fmt: skip
MARK_FROM, MARK_TO = 2, 60
"""Where in the window (frames) an event's peak may stand: up to 0.75 s, so that some of its tail is there."""
VOICES: Final = ("scream", "children_playing", "clamor", "applause")
MADE_CROWDS: Final = 0.4
"""Share of the crowd windows that are made of single voices."""
MASKED_BANDS: Final = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """`power` [n, FRAMES, BANDS], `truths` and `known` [n, len(LABELS)], `kinds` [n] index into the corpus's labels."""

    power: Floats
    truths: Floats
    known: Floats
    kinds: Ints


def air_absorption_db_per_m(hertz: np.ndarray, celsius: float, humidity: float) -> np.ndarray:
    """Pure-tone attenuation by ISO 9613-1 (6.2 to 6.4) at 101.325 kPa; `humidity` in percent."""
    kelvin = celsius + 273.15
    saturation = 10.0 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151)
    vapour = humidity * saturation
    oxygen = 24.0 + 4.04e4 * vapour * (0.02 + vapour) / (0.391 + vapour)
    ratio = kelvin / 293.15
    nitrogen = ratio**-0.5 * (9.0 + 280.0 * vapour * np.exp(-4.17 * (ratio ** (-1.0 / 3.0) - 1.0)))
    squared = hertz**2
    classical = 1.84e-11 * ratio**0.5
    by_oxygen = 0.01275 * np.exp(-2239.1 / kelvin) / (oxygen + squared / oxygen)
    by_nitrogen = 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen + squared / nitrogen)
    return np.asarray(8.686 * squared * (classical + ratio**-2.5 * (by_oxygen + by_nitrogen)))


class Mixer:
    """Draws batches of training windows from recordings; the same seed draws the same batches."""

    def __init__(self, recordings: Sequence[Recording], seed: int, shares: Mapping[str, float]) -> None:
        """`shares`: how much of a batch each corpus label is, relative; a label that is not named has 1."""
        self._rng = np.random.default_rng(seed)
        self._by_label: dict[str, dict[str, list[Recording]]] = {}
        for recording in recordings:
            if len(recording.powers[0]):
                # Groups are drawn before clips: twelve clips of one shot are one shot.
                self._by_label.setdefault(recording.label, {}).setdefault(self._unit(recording), []).append(recording)
        self.kinds = tuple(sorted(self._by_label))
        weight = np.array(
            [shares.get(kind, 1.0) * min(1.0, len(self._by_label[kind]) / 4) ** 0.5 for kind in self.kinds]
        )
        self._weight = weight / weight.sum()
        self._backgrounds = [name for name in BACKGROUNDS if name in self._by_label]
        self._voiced = any(name in self._by_label for name in VOICES)
        self._hertz = band_edges_hz()[1:-1]
        self._grain = (np.random.default_rng(0).chisquare(8, (8_192, BANDS)) / 8.0).astype(np.float32)

    @staticmethod
    def _unit(recording: Recording) -> str:
        return recording.key.split("#")[0] if recording.source == "livefire" else recording.group

    def _draw(self, kind: str) -> Recording:
        groups = self._by_label[kind]
        names = list(groups)
        if kind == "gunshot":
            # Half of the shots are live fire (the domain that counts), though it is many recordings of few places.
            real = [name for name in names if name.startswith("livefire/")]
            other = [name for name in names if not name.startswith("livefire/")]
            names = real if real and (not other or self._rng.random() < 0.45) else other
        clips = groups[names[int(self._rng.integers(len(names)))]]
        return clips[int(self._rng.integers(len(clips)))]

    def _crop(self, recording: Recording) -> Floats:
        """A window of the recording."""
        rng = self._rng
        choice = int(rng.choice(len(recording.powers), p=_rendering_weights(len(recording.powers))))
        power = recording.powers[choice]
        if len(recording.marks) and (recording.label == "gunshot" or rng.random() < 0.75):
            mark = int(rng.choice(recording.marks))
            start = mark - int(rng.integers(MARK_FROM, MARK_TO))
        elif len(power) > FRAMES:
            start = int(rng.integers(0, len(power) - FRAMES + 1))
        else:
            start = -int(rng.integers(0, FRAMES - len(power) + 1))
        window = np.zeros((FRAMES, BANDS), np.float32)
        first, last = max(0, start), min(len(power), start + FRAMES)
        if last > first:
            window[first - start : last - start] = power[first:last]
        return window

    def _voices(self) -> Floats:
        """A crowd that never was: up to 40 crops of shouting, playing and cheering people, each with its own pitch."""
        rng = self._rng
        names = [name for name in VOICES if name in self._by_label]
        crowd = np.zeros((FRAMES, BANDS), np.float32)
        for _ in range(int(rng.integers(6, 40))):
            window = self._crop(self._draw(names[int(rng.integers(len(names)))]))
            window = np.roll(_shifted(window, int(rng.integers(-3, 4))), int(rng.integers(FRAMES)), axis=0)
            crowd += window / (window.mean() + 1e-12) * np.float32(10.0 ** rng.uniform(-1.2, 0.0))
        return crowd

    def _vary(self, window: Floats, recording: Recording) -> Floats:
        """Bursts and small changes of pitch and speed."""
        rng = self._rng
        if rng.random() < 0.3:
            window = _shifted(window, int(rng.integers(-2, 3)))
        if rng.random() < 0.3:
            place = np.clip(np.arange(FRAMES) * rng.uniform(0.8, 1.25), 0, FRAMES - 1).astype(int)
            window = window[place]
        if recording.label == "gunshot" and recording.source != "livefire" and rng.random() < 0.25:
            gap, once = int(rng.integers(5, 40)), window.copy()
            for count in range(1, int(rng.integers(2, 6))):
                if count * gap < FRAMES:
                    window = window.copy()
                    window[count * gap :] += once[: FRAMES - count * gap] * np.float32(rng.uniform(0.5, 1.5))
        # What lasts is told by its colour: exchanging that made roads into crowds in cross-validation.
        if recording.label in IMPULSIVE and rng.random() < 0.35:
            window = self._relative(window, recording)
        return window

    def _relative(self, window: Floats, recording: Recording) -> Floats:
        """A sound between two of one class: with the other's colour, or heard together with it."""
        rng = self._rng
        other = self._crop(self._draw(recording.label))
        if rng.random() < 0.4:
            ratio = (window.max() + 1e-12) / (other.max() + 1e-12)
            return np.asarray(window + other * np.float32(ratio * 10.0 ** rng.uniform(-1.5, 0.0)), np.float32)
        mine, theirs = window.mean(axis=0) + 1e-12, other.mean(axis=0) + 1e-12
        gain = np.log((theirs / theirs.sum()) / (mine / mine.sum())) * rng.uniform(0.0, 1.0)
        return np.asarray(window * np.exp(np.clip(gain, -4.0, 4.0)).astype(np.float32), np.float32)

    def batch(self, size: int) -> Batch:
        """`size` windows, each a situation of its own."""
        rng = self._rng
        kinds = rng.choice(len(self.kinds), size=size, p=self._weight)
        drawn = [self._draw(self.kinds[kind]) for kind in kinds]
        power = np.stack([self._vary(self._crop(recording), recording) for recording in drawn])
        for place, recording in enumerate(drawn):
            if recording.label == "clamor" and self._voiced and rng.random() < MADE_CROWDS:
                power[place] = self._voices()
        behind = [self._draw(self._backgrounds[int(i)]) for i in rng.integers(len(self._backgrounds), size=size)]
        background = np.stack([self._crop(recording) for recording in behind])
        real = np.array([recording.source == "livefire" for recording in drawn])
        impulsive = np.array([recording.label in IMPULSIVE for recording in drawn])
        power = self._propagate(power, np.where(real, 0.15, 0.5))
        power = self._mix(power, background, real, impulsive)
        power = self._masked(self._microphone(power))
        truths = np.zeros((size, len(LABELS)), np.float32)
        known = np.ones((size, len(LABELS)), np.float32)
        for row, recording in enumerate(drawn):
            for column, label in enumerate(LABELS):
                answer = truth(label, recording.label)
                truths[row, column] = answer is True
                known[row, column] = answer is not None
                if answer is False and truth(label, behind[row].label) is None:
                    known[row, column] = 0.0
        return Batch(power, truths, known, kinds.astype(np.int64))

    def _masked(self, power: Floats) -> Floats:
        """Some bands missing from a quarter of the windows (Park et al. 2019), so that no single one decides."""
        for row in np.flatnonzero(self._rng.random(len(power)) < 0.25):
            width = int(self._rng.integers(1, MASKED_BANDS + 1))
            first = int(self._rng.integers(0, BANDS - width + 1))
            power[row, :, first : first + width] *= np.float32(1e-7)
        return power

    def _propagate(self, power: Floats, chance: Floats) -> Floats:
        """Distance and street for a random part of the windows."""
        rng = self._rng
        size = len(power)
        far = rng.random(size) < chance
        metres = np.where(far, np.exp(rng.uniform(np.log(30.0), np.log(800.0), size)), 0.0)
        loss = air_absorption_db_per_m(self._hertz, float(rng.uniform(0.0, 30.0)), float(rng.uniform(30.0, 90.0)))
        # The ground and corners take more of the treble than air does: up to 6 dB an octave above 1 kHz.
        corner = np.where(far, rng.uniform(0.0, 6.0, size), 0.0)[:, None] * np.maximum(0.0, np.log2(self._hertz / 1e3))
        power = power * 10.0 ** (-(metres[:, None] * loss + corner) / 10.0)[:, None, :].astype(np.float32)
        chosen = np.flatnonzero(rng.random(size) < chance)
        if not len(chosen):
            return power
        time = np.arange(FRAMES) * 0.0125
        decay = np.exp(rng.uniform(np.log(0.15), np.log(1.8), len(chosen)))[:, None]
        wet = 10.0 ** (-rng.uniform(3.0, 25.0, len(chosen)) / 10.0)[:, None]
        grain = rng.chisquare(4, (len(chosen), FRAMES)) / 4.0
        kernel = wet * grain * np.exp(-13.8 * time / decay) * (time > 0)
        for _ in range(3):
            at = rng.integers(2, FRAMES, len(chosen))
            kernel[np.arange(len(chosen)), at] += (rng.random(len(chosen)) < 0.4) * 10.0 ** (
                -rng.uniform(2.0, 20.0, len(chosen)) / 10.0
            )
        duller = (kernel * np.exp(-time * rng.uniform(0.0, 8.0, (len(chosen), 1)))).astype(np.float32)
        bright, dull = _toeplitz(kernel.astype(np.float32)), _toeplitz(duller)
        part = power[chosen]
        blend = np.linspace(0.0, 1.0, BANDS, dtype=np.float32)
        power[chosen] = part + (bright @ part) * (1.0 - blend) + (dull @ part) * blend
        return power

    def _mix(self, power: Floats, background: Floats, real: np.ndarray, impulsive: np.ndarray) -> Floats:
        """Add the background at a ratio drawn from what a street has; peaks stand above what surrounds them."""
        rng = self._rng
        size = len(power)
        loud = np.sqrt(self._hertz / 1e3).astype(np.float32)
        peak = (power * loud).sum(axis=2).max(axis=1) + 1e-12
        mean = (power * loud).sum(axis=2).mean(axis=1) + 1e-12
        floor = (background * loud).sum(axis=2).mean(axis=1) + 1e-12
        ratio_db = np.where(impulsive, rng.uniform(8.0, 45.0, size), rng.uniform(2.0, 35.0, size))
        ratio_db = np.where(real, rng.uniform(18.0, 45.0, size), ratio_db)
        wanted = np.where(impulsive, peak, mean) / 10.0 ** (ratio_db / 10.0)
        gain = np.where(rng.random(size) < 0.75, wanted / floor, 0.0).astype(np.float32)
        return power + background * gain[:, None, None]

    def _microphone(self, power: Floats) -> Floats:
        rng = self._rng
        size = len(power)
        knots = rng.normal(0.0, 4.0, (size, 6))
        place = np.linspace(0.0, 5.0, BANDS)
        low = np.clip(place.astype(int), 0, 4)
        response = knots[:, low] * (1.0 - (place - low)) + knots[:, low + 1] * (place - low)
        response += rng.normal(0.0, 2.0, (size, 1)) * np.linspace(-1.0, 1.0, BANDS)
        limit = np.where(rng.random(size) < 0.4, np.exp(rng.uniform(np.log(3_200.0), np.log(7_000.0), size)), 2e4)
        response -= np.clip(60.0 * np.log2(np.maximum(1.0, self._hertz / limit[:, None])), 0.0, 70.0)
        bottom = np.where(rng.random(size) < 0.3, np.exp(rng.uniform(np.log(60.0), np.log(350.0), size)), 1.0)
        response -= np.clip(18.0 * np.log2(np.maximum(1.0, bottom[:, None] / self._hertz)), 0.0, 50.0)
        mean = power.mean(axis=(1, 2))[:, None, None] + 1e-12
        windy = np.flatnonzero(rng.random(size) < 0.2)
        gusts = np.cumsum(rng.normal(0.0, 1.2, (len(windy), FRAMES)), axis=1) + rng.uniform(-5.0, 12.0, (len(windy), 1))
        slope = -14.0 * np.maximum(0.0, np.log2(self._hertz / 80.0))
        wind = 10.0 ** (gusts / 10.0)[:, :, None] * 10.0 ** (slope / 10.0)
        power[windy] += (mean[windy] * wind).astype(np.float32)
        power = power * (10.0 ** (response / 10.0)).astype(np.float32)[:, None, :]
        level = np.log(rng.uniform(1e-7, 1.0, size))[:, None, None]
        mean = power.mean(axis=(1, 2))[:, None, None] + 1e-12
        noise_db = rng.uniform(-65.0, -18.0, (size, 1, 1)) + rng.normal(0.0, 3.0, (size, 1, BANDS))
        # Frames of one long noise, begun at a random place: drawing new noise for each window takes half of the time.
        frames = rng.integers(len(self._grain) - FRAMES, size=(size, 1)) + np.arange(FRAMES)
        noise = self._grain[frames] * (mean * 10.0 ** (noise_db / 10.0)).astype(np.float32)
        return np.asarray((power + noise) * np.exp(level).astype(np.float32), np.float32)


def _rendering_weights(count: int) -> list[float]:
    first = [0.3, 0.3] if count >= 2 else [1.0]
    rest = count - len(first)
    return [*first, *([(1.0 - sum(first)) / rest] * rest)] if rest else first


def _shifted(window: Floats, bands: int) -> Floats:
    """The same sound some mel bands higher (or lower); what comes in at the edge repeats the outermost band."""
    return window[:, np.clip(np.arange(BANDS) - bands, 0, BANDS - 1)]


def _toeplitz(kernel: Floats) -> Floats:
    """Causal convolution along time as a matrix a window: [n, FRAMES] -> [n, FRAMES, FRAMES]."""
    padded = np.concatenate([np.zeros((len(kernel), FRAMES - 1), np.float32), kernel], axis=1)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, FRAMES, axis=1)[:, :, ::-1])
