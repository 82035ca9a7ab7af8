"""Lessons: situations made on the waveform, with what the teacher says of exactly them.

The teacher (`models.teacher`) has heard two million recordings and our corpus holds some hundreds. What it knows of
sounds that are not in the corpus shows in how it grades mixtures, pitches and colours of those that are. It is asked
once, here, and a network learns its answers beside the labels. A lesson remembers whose recordings it was made of, so
that cross-validation never learns from what it will be asked.
"""

from __future__ import annotations

import hashlib
import itertools
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from models.corpus import Recording
from models.frontend import BANDS, FRAMES, SAMPLE_RATE_HZ, WINDOW_SAMPLES, Floats, mel_power
from models.labels import LABELS
from models.livefire import each_test, read_test
from models.recordings import RecordingError, decode, read_manifest
from models.teacher import CLASSES, Yamnet
from models.teacher import WINDOW_SAMPLES as TAUGHT_SAMPLES

CHUNK: Final = 500
"""Lessons drawn from one generator: the same seed gives the same lessons in whatever order the threads work."""
COUNT: Final = 60_000
MOST_SOUNDS: Final = 3
LOWEST: Final = 3e-4
"""Scores below this say nothing to each other; logits are cut at +-8."""
OFTEN: Final = {"gunshot": 6.0, "clamor": 4.0, "siren": 3.0, "car_horn": 2.0, "fireworks": 3.0, "crowd_babble": 2.0}
"""How often a label is drawn, relative to 1 for the others; live fire is a label of its own here."""
CACHE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Lessons:
    """`power`: mel power's natural logarithm, float16 [n, FRAMES, BANDS]; `said`: the teacher's scores, float16
    [n, 521]; `of`: indices into `groups` of the recordings mixed, int64 [n, MOST_SOUNDS], -1 for none."""

    power: np.ndarray
    said: np.ndarray
    of: np.ndarray
    groups: tuple[str, ...]

    def without_others(self, recordings: Sequence[Recording]) -> Lessons:
        """The lessons made only of groups that occur in `recordings`."""
        known = {recording.group for recording in recordings}
        allowed = np.array([group in known for group in self.groups] + [True], bool)
        kept = allowed[self.of].all(axis=1)
        return Lessons(self.power[kept], self.said[kept], self.of[kept], self.groups)


def logits(said: np.ndarray) -> Floats:
    """Scores to logits, cut where they no longer tell anything."""
    score = np.clip(said.astype(np.float32), LOWEST, 1.0 - LOWEST)
    return np.asarray(np.log(score / (1.0 - score)), np.float32)


def targets(said: np.ndarray, columns: Sequence[int]) -> Floats:
    """What a network learns: the logit of each of LABELS (the highest of its classes), then those of `columns`."""
    every = logits(said)
    own = [every[:, list(CLASSES[label])].max(axis=1) for label in LABELS]
    return np.concatenate([np.stack(own, axis=1), every[:, list(columns)]], axis=1)


def occurring(lessons: Lessons) -> list[int]:
    """The teacher's classes that these lessons are about at all."""
    return [int(i) for i in np.flatnonzero(np.asarray((lessons.said > 0.1).mean(axis=0)) > 2e-4)]


_Chunk = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class _Sound:
    samples: Floats
    group: int


def _sounds(audio: Path, livefire: Path | None) -> tuple[dict[str, list[list[_Sound]]], tuple[str, ...]]:
    """Waveforms by label and original recording."""
    names: dict[str, int] = {}
    found: dict[str, dict[str, list[_Sound]]] = {}

    def keep(label: str, group: str, unit: str, samples: Floats) -> None:
        number = names.setdefault(group, len(names))
        found.setdefault(label, {}).setdefault(unit, []).append(_Sound(samples, number))

    for row in read_manifest(audio):
        try:
            keep(row.label, row.group, row.group, decode(row.path))
        except RecordingError:
            continue  # told by `models.corpus.load`, which reads the same files
    for folder in each_test(livefire) if livefire else []:
        try:
            for heard in read_test(folder):
                keep("livefire", f"livefire:{heard.position}", str(heard.path), decode(heard.path))
        except RecordingError:
            continue
    return {label: list(units.values()) for label, units in found.items()}, tuple(names)


class _Maker:
    """One thread's maker of lessons."""

    def __init__(self, sounds: dict[str, list[list[_Sound]]], teacher: Path) -> None:
        self._sounds = sounds
        self._labels = sorted(sounds)
        often = np.array([OFTEN.get(label, 1.0) * min(1.0, len(sounds[label]) / 4) ** 0.5 for label in self._labels])
        self._often = often / often.sum()
        self._teacher = Yamnet(teacher)

    def _sound(self, rng: np.random.Generator) -> tuple[Floats, int]:
        """A second of some recording, at another pitch and speed."""
        units = self._sounds[self._labels[int(rng.choice(len(self._labels), p=self._often))]]
        clips = units[int(rng.integers(len(units)))]
        sound = clips[int(rng.integers(len(clips)))]
        speed = float(np.exp(rng.uniform(-0.35, 0.35))) if rng.random() < 0.6 else 1.0
        length = round(WINDOW_SAMPLES * speed)
        samples = sound.samples
        if len(samples) > length:
            # Where something happens rather than anywhere: the loudest of three places, half of the time.
            places = rng.integers(0, len(samples) - length + 1, size=3 if rng.random() < 0.5 else 1)
            start = max(places, key=lambda place: float(np.abs(samples[place : place + length]).max()))
            part = samples[start : start + length]
        else:
            part = np.zeros(length, np.float32)
            start = int(rng.integers(0, length - len(samples) + 1))
            part[start : start + len(samples)] = samples
        if speed != 1.0:
            part = soxr.resample(part, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="LQ")
            part = np.pad(part, (0, max(0, WINDOW_SAMPLES - len(part))))[:WINDOW_SAMPLES]
        return part, sound.group

    def _coloured(self, samples: Floats, rng: np.random.Generator) -> Floats:
        """Through a microphone and a street: a smooth response and band limits."""
        spectrum = np.fft.rfft(samples)
        hertz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, len(spectrum))
        place = np.log2(np.maximum(hertz, 60.0) / 60.0)
        gain_db = np.interp(place, np.linspace(0.0, 7.1, 6), rng.normal(0.0, 4.0, 6))
        gain_db += rng.normal(0.0, 1.0) * (place - 3.5)
        if rng.random() < 0.3:
            limit = float(np.exp(rng.uniform(np.log(2_500.0), np.log(7_000.0))))
            gain_db -= np.clip(60.0 * np.log2(np.maximum(1.0, hertz / limit)), 0.0, 70.0)
        return np.asarray(np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), len(samples)), np.float32)

    def chunk(self, seed: int, number: int, size: int) -> _Chunk:
        """Power, answers and sources of `size` lessons."""
        rng = np.random.default_rng((seed, number))
        power = np.zeros((size, FRAMES, BANDS), np.float16)
        said = np.zeros((size, 521), np.float16)
        of = np.full((size, MOST_SOUNDS), -1, np.int64)
        for row in range(size):
            mixed = np.zeros(WINDOW_SAMPLES, np.float32)
            for index in range(1 + int(rng.choice(MOST_SOUNDS, p=[0.4, 0.45, 0.15]))):
                part, of[row, index] = self._sound(rng)
                level = float(np.sqrt(np.mean(part**2))) + 1e-6
                mixed += part / level * np.float32(10.0 ** (-(rng.uniform(0.0, 25.0) if index else 0.0) / 20.0))
            if rng.random() < 0.5:
                mixed = self._coloured(mixed, rng)
            if rng.random() < 0.3:
                hiss = float(np.sqrt(np.mean(mixed**2))) * 10.0 ** (-rng.uniform(5.0, 45.0) / 20.0)
                mixed = mixed + rng.normal(0.0, hiss, WINDOW_SAMPLES).astype(np.float32)
            mixed *= np.float32(10.0 ** rng.uniform(-2.5, 0.0) / (np.abs(mixed).max() + 1e-9))
            edge = (WINDOW_SAMPLES - TAUGHT_SAMPLES) // 2
            said[row] = self._teacher.window(mixed[edge : edge + TAUGHT_SAMPLES])
            power[row] = np.log(mel_power(mixed) + 1e-12)
        return power, said, of


def make(
    audio: Path,
    livefire: Path | None,
    teacher: Path,
    cache: Path,
    *,
    seed: int,
    count: int = COUNT,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Lessons:
    """Make `count` lessons, or read them where this was done before. `progress(done, total)` counts lessons."""
    rows = [(str(row.path), row.label, row.group) for row in read_manifest(audio)]
    stamp = repr((CACHE_VERSION, seed, count, rows, livefire and each_test(livefire), str(teacher)))
    file = cache / f"lessons-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}.pickle"
    if file.is_file():
        with file.open("rb") as stream:
            kept: Lessons = pickle.load(stream)
        return kept
    sounds, groups = _sounds(audio, livefire)
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    done = itertools.count(1)

    def work(first: int) -> list[tuple[int, _Chunk]]:
        maker = _Maker(sounds, teacher)
        made = []
        for number in range(first, len(sizes), threads):
            made.append((number, maker.chunk(seed, number, sizes[number])))
            progress(min(count, next(done) * CHUNK), count)
        return made

    with ThreadPoolExecutor(threads) as pool:
        numbered = sorted(itertools.chain.from_iterable(pool.map(work, range(threads))), key=lambda part: part[0])
    power, said, of = (np.concatenate([chunk[i] for _, chunk in numbered]) for i in range(3))
    lessons = Lessons(power, said, of, groups)
    cache.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        pickle.dump(lessons, out, protocol=5)
    return lessons
