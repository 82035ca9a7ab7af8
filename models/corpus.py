"""The training corpus: every recording as mel power in several renderings, with the frames where its events stand.

Mixing, filtering, distance and reverberation are linear in power, so they are done on mel power while training
(`models.augment`). What is not linear (clipping, codecs, other sample rates) is rendered here, on the waveform, once.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from models.frontend import FRAMES, HOP_SAMPLES, SAMPLE_RATE_HZ, Floats, mel_power
from models.livefire import Heard, each_test, read_test
from models.recordings import RecordingError, Row, decode, read_manifest
from models.teacher import Yamnet

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]

STREET: Final = "street"
"""What the live-fire sensors recorded away from any pulse: the real background of real sensors."""
IMPULSIVE: Final = frozenset(
    {
        "gunshot", "explosion", "fireworks", "door_slam", "impact", "glass_break", "dog_bark", "thunder",
        "footsteps", "animals", "construction", "other", "applause", "scream",
    }
)  # fmt: skip
MARK_WITHIN_DB: Final = 12.0
"""A frame whose level is a peak within this of the loudest one counts as an event of its clip."""
QUIET_BEFORE_S: Final = 0.1
QUIET_AFTER_S: Final = 2.5
"""Sound this close to a pulse is neither a shot for certain nor background: echoes. It is left out."""
TRANSMITTED: Final = 1e-9
"""Mel power that any live microphone exceeds: below, the recording leaves the sound out."""
CACHE_VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as the trainer sees it.

    `powers`: renderings, each float32 [frames, BANDS]; `marks`: frames where an event stands (empty: anywhere);
    `taught`: what the teacher says, float32 [rows, 521], a row each `teacher.seconds_per_row()` (None: not asked);
    `distance_m`: from the shooter, for live fire (0: not known).
    """

    key: str
    label: str
    source: str
    group: str
    open_licence: bool
    powers: tuple[Floats, ...]
    marks: Ints
    taught: Floats | None = None
    distance_m: float = 0.0


def _clipped(samples: Floats, rng: np.random.Generator) -> Floats:
    """Overdriven by up to 20 dB and shifted by part of a hop."""
    peak = float(np.abs(samples).max()) + 1e-9
    driven = np.clip(samples * (10 ** rng.uniform(0.2, 1.0) / peak), -1.0, 1.0)
    return np.asarray(np.roll(driven, int(rng.integers(1, HOP_SAMPLES))) * peak, np.float32)


def _narrow(samples: Floats, rng: np.random.Generator) -> Floats:
    """Through an 8 to 12 kHz sensor with 8 to 16 bits."""
    rate = int(rng.choice([8_000, 11_025, 12_000, 12_000]))
    steps = 2.0 ** rng.integers(7, 15)
    small = soxr.resample(samples, SAMPLE_RATE_HZ, rate)
    peak = float(np.abs(small).max()) + 1e-9
    return np.asarray(soxr.resample(np.round(small / peak * steps) / steps * peak, rate, SAMPLE_RATE_HZ), np.float32)


def _coded(samples: Floats, rng: np.random.Generator) -> Floats:
    """Through a lossy codec at a low rate."""
    buffer = io.BytesIO()
    container, subtype = [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")][int(rng.integers(2))]
    with soundfile.SoundFile(
        buffer,
        "w",
        SAMPLE_RATE_HZ,
        1,
        format=container,
        subtype=subtype,
        compression_level=float(rng.uniform(0.6, 0.99)),
    ) as file:
        file.write(samples)
    buffer.seek(0)
    decoded, rate = soundfile.read(buffer, dtype="float32")
    return np.asarray(decoded if rate == SAMPLE_RATE_HZ else soxr.resample(decoded, rate, SAMPLE_RATE_HZ), np.float32)


def _renderings(samples: Floats, rng: np.random.Generator) -> tuple[Floats, ...]:
    shifted = samples[HOP_SAMPLES // 2 :] if len(samples) > 4 * HOP_SAMPLES else samples
    return tuple(
        mel_power(version)
        for version in (samples, shifted, _clipped(samples, rng), _narrow(samples, rng), _coded(samples, rng))
    )


def marks_of(power: Floats) -> Ints:
    """Frames where the level jumps to a peak near the loudest: where the events of an impulsive clip are."""
    if not len(power):
        return np.zeros(0, np.int64)
    level = 10.0 * np.log10(power[:, 4:].sum(axis=1) + 1e-12)
    before = np.array([level[max(0, i - 8) : i].min() if i else level.min() for i in range(len(level))])
    peak = np.array([level[i] >= level[max(0, i - 4) : i + 5].max() for i in range(len(level))])
    jump = level - before > 6.0
    near = level > level.max() - MARK_WITHIN_DB
    found = np.flatnonzero(peak & near & jump)
    return found if len(found) else np.array([int(level.argmax())])


def transmitted(power: Floats, mark: int) -> bool:
    """Whether there is sound 25 to 75 ms after the frame `mark`: city sensors send segments, and zeros between."""
    after = power[mark + 2 : mark + 6]
    return bool(after.size and after.max() > TRANSMITTED)


def doubtful(audio: Path) -> frozenset[str]:
    """Keys of recordings whose label the manifest itself contradicts: they are judged, but nothing is learnt there."""
    return frozenset(
        f"{row.path.parent.name}/{row.path.name}"
        for row in read_manifest(audio)
        if "on a non-" in row.suspicious or "artificial" in row.suspicious
    )


def _of_row(row: Row, rng: np.random.Generator, teacher: Yamnet | None) -> Recording:
    samples = decode(row.path)
    powers = _renderings(samples, rng)
    return Recording(
        key=f"{row.path.parent.name}/{row.path.name}",
        label=row.label,
        source=row.source,
        group=row.group,
        open_licence=row.open_licence,
        powers=powers,
        marks=marks_of(powers[0]) if row.label in IMPULSIVE else np.zeros(0, np.int64),
        taught=teacher.scores(samples).astype(np.float16) if teacher else None,
    )


def _of_livefire(heard: Heard, rng: np.random.Generator) -> list[Recording]:
    samples = decode(heard.path)
    powers = _renderings(samples, rng)
    frames_per_s = SAMPLE_RATE_HZ / HOP_SAMPLES
    key = f"livefire/{heard.position}/{heard.path.parent.name}/{heard.path.stem}"
    group = f"livefire:{heard.position}"
    marks = [int(arrival.at_s * frames_per_s) for arrival in heard.arrivals if arrival.heard]
    marks = [mark for mark in marks if 0 <= mark < len(powers[0]) and transmitted(powers[0], mark)]
    found = []
    if marks:
        found.append(
            Recording(
                key, "gunshot", "livefire", group, True, powers, np.array(marks), None, heard.arrivals[0].distance_m
            )
        )
    events = sorted([*heard.busy_s, *(arrival.at_s for arrival in heard.arrivals)])
    edges = [-QUIET_AFTER_S, *events, len(samples) / SAMPLE_RATE_HZ + QUIET_BEFORE_S]
    for index, (before, after) in enumerate(itertools.pairwise(edges)):
        first = max(0, int((before + QUIET_AFTER_S) * frames_per_s))
        last = int((after - QUIET_BEFORE_S) * frames_per_s)
        if last - first >= FRAMES:
            quiet = tuple(power[first:last] for power in powers)
            found.append(Recording(f"{key}#{index}", STREET, "livefire", group, True, quiet, np.zeros(0, np.int64)))
    return found


def load(
    audio: Path,
    livefire: Path | None,
    cache: Path,
    *,
    seed: int,
    teacher: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Recording], list[RecordingError]]:
    """Read or build the corpus; returns it with what could not be read. `progress(done, total)` counts files."""
    rows = read_manifest(audio)
    folders = each_test(livefire) if livefire else []
    stamp = repr(
        (CACHE_VERSION, seed, [(str(r.path), r.label, r.group, r.open_licence) for r in rows], folders, str(teacher))
    )
    file = cache / f"corpus-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}.pickle"
    if file.is_file():
        with file.open("rb") as stream:
            kept, problems = pickle.load(stream)
        return kept, [RecordingError(*problem) for problem in problems]
    rng = np.random.default_rng(seed)
    yamnet = Yamnet(teacher) if teacher else None
    found: list[Recording] = []
    failed: list[RecordingError] = []
    total = len(rows) + len(folders)
    for done, row in enumerate(rows):
        progress(done, total)
        try:
            found.append(_of_row(row, rng, yamnet))
        except RecordingError as problem:
            failed.append(problem)
    for done, folder in enumerate(folders, start=len(rows)):
        progress(done, total)
        try:
            for heard in read_test(folder):
                found += _of_livefire(heard, rng)
        except RecordingError as problem:
            failed.append(problem)
    progress(total, total)
    cache.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        pickle.dump((found, [(p.code, p.path, p.detail) for p in failed]), stream)
    return found, failed
