"""What is shipped, on any folder of labelled recordings: it never trains, and the baseline runs beside it.

Each recording is heard as the agent hears it, in windows of one second; the clip's score is the highest of the windows
for what strikes, and the mean of the louder half for what lasts. The baseline's scores are put together the same way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.crossval import LASTING, clip_score
from models.frontend import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Floats
from models.labels import CONFUSERS, truth
from models.livefire import each_test, read_test
from models.metrics import Bools, Interval, Reals, average_precision, count_per_hour, over_groups, recall_at
from models.recordings import RecordingError, Row, decode, read_manifest, windows
from models.runtime import AcousticModel
from models.teacher import CLASSES, Yamnet
from models.teacher import WINDOW_SAMPLES as BASELINE_SAMPLES

HOP_SAMPLES: Final = 4_000
"""A quarter of a second, for the model and for the baseline alike."""
ALARM_APART_S: Final = 2.0
"""Windows above the threshold closer than this are one alarm: a person is called once."""
SUSTAINED_S: Final = 2.0
FALSE_SHARE: Final = 0.01
DRAWS: Final = 500
FAR_M: Final = 400.0
"""Live fire: shots up to this distance have to be found at the sensor."""
DIGITAL_SILENCE: Final = 1e-5
"""Below a 16-bit step: what a resampler leaves of zeros. A shot that falls there is not in the recording."""
BEFORE_S, AFTER_S = 0.2, 0.1
"""A window counts for a shot when it starts at most a window less `BEFORE_S` before and `AFTER_S` after its arrival."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with what it rests on."""

    interval: Interval
    unit: str
    n: float


@dataclass(frozen=True, slots=True)
class Heeded:
    """One recording with the model's window scores [windows, labels], and the baseline's [windows, labels]."""

    row: Row
    seconds: float
    scores: Floats
    baseline: Floats | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures by key, and what could not be read."""

    figures: dict[str, Figure]
    failed: tuple[RecordingError, ...]
    baseline_thresholds: dict[str, float]
    """By class where the baseline lets FALSE_SHARE of the other clips through."""


def listen(model: AcousticModel, samples: Floats, hop: int = HOP_SAMPLES) -> Floats:
    """Probabilities [windows, labels] over a recording at 16 kHz."""
    return np.stack([model.probabilities(part) for part in windows(samples, WINDOW_SAMPLES, hop)])


def _baseline(yamnet: Yamnet, samples: Floats, labels: Sequence[str]) -> Floats:
    scores = yamnet.scores(samples, HOP_SAMPLES)
    return np.stack([scores[:, list(CLASSES[label])].max(axis=1) for label in labels], axis=1)


def alarms(label: str, scores: Floats, threshold: float, hop_s: float = HOP_SAMPLES / SAMPLE_RATE_HZ) -> int:
    """How often a person would be called: runs of windows at or above `threshold`, at least ALARM_APART_S apart.

    What lasts has to last: its scores are averaged over SUSTAINED_S first (or over the whole of a shorter clip).
    """
    if label in LASTING:
        width = min(len(scores), round(SUSTAINED_S / hop_s))
        scores = np.convolve(scores, np.full(width, 1.0 / width, np.float32), mode="valid")
    above = np.flatnonzero(scores >= threshold)
    return int(len(above) > 0) + int(np.sum(np.diff(above) * hop_s > ALARM_APART_S))


def _class_figures(heeded: Sequence[Heeded], label: str, column: int, threshold: float) -> dict[str, Figure]:
    asked = [one for one in heeded if truth(label, one.row.label) is not None]
    true = np.array([truth(label, one.row.label) is True for one in asked], bool)
    groups = [one.row.group for one in asked]
    hard = np.array([one.row.label in CONFUSERS.get(label, frozenset()) for one in asked], bool) | true
    score = np.array([clip_score(label, one.scores[:, column]) for one in asked], np.float64)
    figures: dict[str, Figure] = {}

    def ranked(prefix: str, said: Reals, chosen: Bools, suffix: str) -> None:
        if true[chosen].any() and (~true[chosen]).any():
            members = [group for group, inside in zip(groups, chosen, strict=True) if inside]
            interval = over_groups(average_precision, true[chosen], said[chosen], members, draws=DRAWS, seed=1)
            figures[f"{prefix}ap_{label}{suffix}"] = Figure(interval, "", float(true[chosen].sum()))

    everything = np.ones(len(asked), bool)
    ranked("", score, everything, "")
    ranked("", score, hard, "_hard")
    if asked and all(one.baseline is not None for one in asked):
        said = np.array(
            [clip_score(label, one.baseline[:, column]) for one in asked if one.baseline is not None], np.float64
        )
        ranked("yamnet_", said, everything, "")
        ranked("yamnet_", said, hard, "_hard")
    if true.any() and (~true).any():
        found = functools.partial(recall_at, false_share=FALSE_SHARE)
        figures[f"recall_{label}_at_1pct"] = Figure(
            over_groups(found, true, score, groups, draws=DRAWS, seed=1), "share", float(true.sum())
        )
        hit = np.array([float(alarms(label, one.scores[:, column], threshold) > 0) for one in asked], np.float64)
        share = over_groups(_share, true, hit, groups, draws=DRAWS, seed=1)
        figures[f"recall_{label}"] = Figure(share, "share", float(true.sum()))
    others = [one for one, yes in zip(asked, true, strict=True) if not yes]
    hours = sum(one.seconds for one in others) / 3_600.0
    if hours > 0:
        count = sum(alarms(label, one.scores[:, column], threshold) for one in others)
        figures[f"false_per_hour_{label}"] = Figure(count_per_hour(count, hours), "1/h", hours)
    return figures


def evaluate(
    folder: Path,
    model: AcousticModel,
    yamnet: Yamnet | None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Every figure of the shipped model on `folder`, and the baseline's where `yamnet` is given.

    Raises:
        RecordingError: the manifest is missing or unusable, or none of its recordings can be read (`nothing_readable`).
    """
    rows = read_manifest(folder)
    heeded: list[Heeded] = []
    failed: list[RecordingError] = []
    for done, row in enumerate(rows):
        progress(done, len(rows))
        try:
            samples = decode(row.path)
        except RecordingError as problem:
            failed.append(problem)
            continue
        heeded.append(
            Heeded(
                row=row,
                seconds=len(samples) / SAMPLE_RATE_HZ,
                scores=listen(model, samples),
                baseline=_baseline(yamnet, samples, model.labels) if yamnet else None,
            )
        )
    progress(len(rows), len(rows))
    if not heeded:
        raise RecordingError("nothing_readable", folder, "none of the recordings in the manifest can be read")
    figures: dict[str, Figure] = {}
    for column, label in enumerate(model.labels):
        figures |= _class_figures(heeded, label, column, model.thresholds[label])
    return Outcome(figures, tuple(failed), _baseline_thresholds(heeded, model.labels))


def _baseline_thresholds(heeded: Sequence[Heeded], labels: Sequence[str]) -> dict[str, float]:
    found = {}
    for column, label in enumerate(labels):
        asked = [one for one in heeded if one.baseline is not None and truth(label, one.row.label) is not None]
        true = np.array([truth(label, one.row.label) is True for one in asked], bool)
        said = [clip_score(label, one.baseline[:, column]) for one in asked if one.baseline is not None]
        if (~true).any():
            found[label] = _threshold(true, np.array(said, np.float64))
    return found


def _at(scores: Reals, total: int, length: int, arrival_s: float) -> float | None:
    """The highest of the scores of windows of `length` samples that hold the arrival, in a sound of `total` samples."""
    starts = np.minimum(np.arange(len(scores)) * HOP_SAMPLES, max(0, total - length)) / SAMPLE_RATE_HZ
    holds = (starts >= arrival_s - (length / SAMPLE_RATE_HZ - BEFORE_S)) & (starts <= arrival_s - AFTER_S)
    return float(scores[holds].max()) if holds.any() else None


def evaluate_livefire(
    folder: Path,
    model: AcousticModel,
    yamnet: Yamnet | None,
    *,
    baseline_threshold: float = 0.5,
    most: int | None = None,
) -> Outcome:
    """The share of real shots within 400 m found at each sensor that heard them, with the firing position as the group.

    The model is asked at its shipped threshold, the baseline at `baseline_threshold`; `most` limits the tests heard.

    Raises:
        RecordingError: there is no test in `folder` with such a shot (`nothing_readable`).
    """
    column = model.labels.index("gunshot")
    threshold = model.thresholds["gunshot"]
    hits: dict[str, list[float]] = {"": [], "yamnet_": []}
    groups: list[str] = []
    failed: list[RecordingError] = []
    for test in each_test(folder)[:most]:
        try:
            sensors = [(heard, decode(heard.path)) for heard in read_test(test)]
        except RecordingError as problem:
            failed.append(problem)
            continue
        for heard, samples in sensors:
            wanted = [
                one.at_s
                for one in heard.arrivals
                if one.heard and one.distance_m <= FAR_M and transmitted(samples, one.at_s)
            ]
            ours = listen(model, samples)[:, column].astype(np.float64)
            theirs = yamnet.scores(samples)[:, CLASSES["gunshot"][0]].astype(np.float64) if yamnet and wanted else None
            for arrival_s in wanted:
                best = _at(ours, len(samples), WINDOW_SAMPLES, arrival_s)
                if best is None:
                    continue
                groups.append(heard.position)
                hits[""].append(float(best >= threshold))
                if theirs is not None:
                    said = _at(theirs, len(samples), BASELINE_SAMPLES, arrival_s) or 0.0
                    hits["yamnet_"].append(float(said >= baseline_threshold))
    if not groups:
        raise RecordingError("nothing_readable", folder, "no live-fire test here with a shot within 400 m")
    true = np.ones(len(groups), bool)
    figures = {
        f"{prefix}recall_gunshot_livefire_400m": Figure(
            over_groups(_share, true, np.array(found), groups, draws=DRAWS, seed=1), "share", float(len(found))
        )
        for prefix, found in hits.items()
        if found
    }
    return Outcome(figures, tuple(failed), {})


def transmitted(samples: Floats, at_s: float, rate_hz: int = SAMPLE_RATE_HZ) -> bool:
    """Whether there is sound 25 to 75 ms after an arrival: the city's sensors send segments, and zeros between."""
    after = samples[round((at_s + 0.025) * rate_hz) : round((at_s + 0.075) * rate_hz)]
    return bool(after.size and np.abs(after).max() > DIGITAL_SILENCE)


def _share(true: Bools, hit: Reals) -> float:
    """The share of the true ones that were hit."""
    return float(hit[true].mean()) if true.any() else float("nan")


def _threshold(true: Bools, score: Reals) -> float:
    """The lowest threshold that lets at most FALSE_SHARE of the others through."""
    others = np.sort(score[~true])[::-1]
    allowed = int(np.floor(FALSE_SHARE * len(others)))
    return float(np.nextafter(others[allowed], 2.0)) if len(others) else 0.5
