"""From a folder of recordings to a registered model: cross-validate, calibrate, train on everything, export, enter.

Everything that was finished lies in the work folder and is not done twice: an interrupted run goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.corpus import Recording, doubtful, load
from models.crossval import FOLDS, Judged, folds, judge, table
from models.labels import LABELS
from models.lessons import Lessons, make
from models.metrics import platt
from models.network import export
from models.recordings import RecordingError
from models.train import Plan, train

COST_OF_A_MISS: Final[dict[str, float]] = {"gunshot": 4.0, "clamor": 1.0, "siren": 1.0, "horn": 0.5}
"""What a missed event costs, in false alarms. The threshold follows: 1 / (1 + cost), on calibrated probabilities."""

LEAST_PRECISION: Final = 0.85
FINAL_SHARE: Final = 2
LEAST_GROUPS: Final = 8
"""A class ships when cross-validation finds at least this average precision, on so many original recordings or more."""

Progress = Callable[[str, int, int], None]


class TrainingRefused(ValueError):
    """Training cannot start or go on; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Job:
    """What to train from, and where the work lies. `licences`: "all", or "open" for openly licensed recordings only;
    `judged_folds`: how many of the FOLDS are held out in turn: fewer are quicker, and say less."""

    audio: Path
    livefire: Path | None
    teacher: Path | None
    work: Path
    licences: str = "all"
    judged_folds: int = FOLDS
    plan: Plan = Plan()  # noqa: RUF009 - frozen, and its default is a value


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt's scale and shift and the threshold, for each label in order."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    thresholds: tuple[float, ...]


def recordings_of(job: Job, progress: Progress) -> tuple[list[Recording], list[RecordingError]]:
    """The corpus of a job.

    Raises:
        TrainingRefused: `licences_unknown`, or `corpus_too_small` (a shipped class with fewer than two groups).
        RecordingError: the manifest is unusable.
    """
    if job.licences not in {"all", "open"}:
        raise TrainingRefused("licences_unknown", f"{job.licences}: say all or open")
    found, failed = load(
        job.audio,
        job.livefire,
        job.work / "cache",
        seed=job.plan.seed,
        teacher=job.teacher,
        progress=lambda done, total: progress("reading", done, total),
    )
    kept = [recording for recording in found if recording.open_licence or job.licences == "all"]
    groups = {recording.group for recording in kept if recording.label == "gunshot"}
    if len(groups) < 2:
        raise TrainingRefused("corpus_too_small", f"{job.audio}: gunshots of {len(groups)} groups; two are needed")
    return kept, failed


def lessons_of(job: Job, progress: Progress) -> Lessons | None:
    """The teacher's lessons for a job, made of all recordings; training takes those it may hear. None: no teacher."""
    if job.teacher is None or not job.plan.lessons:
        return None
    return make(
        job.audio,
        job.livefire,
        job.teacher,
        job.work / "cache",
        seed=job.plan.seed,
        progress=lambda done, total: progress("lessons", done, total),
    )


def _stage(progress: Progress, name: str) -> Callable[[int, int, float], None]:
    return lambda step, steps, _: progress(name, step, steps)


def cross_validate(
    job: Job, recordings: Sequence[Recording], lessons: Lessons | None, progress: Progress
) -> list[Judged]:
    """Every recording (of the folds that are judged) judged by a network that heard nothing of its group."""
    chosen = folds(recordings)
    unsure = doubtful(job.audio)
    stamp = json.dumps([job.licences, job.plan.fingerprint(), sorted(chosen.items())])
    judged: list[Judged] = []
    for fold in range(job.judged_folds):
        work = job.work / job.licences / f"fold-{fold}"
        file = work / "judged.pickle"
        if file.is_file():
            with file.open("rb") as stream:
                said, kept = pickle.load(stream)
            if said == stamp:
                judged += kept
                continue
        rest = [
            recording for recording in recordings if chosen[recording.group] != fold and recording.key not in unsure
        ]
        held = [recording for recording in recordings if chosen[recording.group] == fold]
        name = f"fold {fold + 1} of {FOLDS}"
        network = train(
            rest,
            job.plan,
            work,
            lessons,
            progress=_stage(progress, name),
        )
        new = judge(network, held, fold, job.plan.trust)
        with file.open("wb") as stream:
            pickle.dump((stamp, new), stream)
        judged += new
    return judged


def calibrate(judged: Sequence[Judged]) -> Calibration:
    """Platt's scaling on the clips that the networks never heard; live fire counts as much as the rest."""
    scale, shift = [], []
    for label in LABELS:
        asked = table(judged, label)
        real = np.array([group.startswith("livefire:") for group in asked.groups], bool)
        weight = np.ones(len(real))
        if real.any() and (~real).any():
            weight[real] = min(1.0, float((~real).sum()) / float(real.sum()))
        slope, offset = platt(asked.truth, asked.score, weight)
        scale.append(slope)
        shift.append(offset)
    return Calibration(tuple(scale), tuple(shift), tuple(1.0 / (1.0 + COST_OF_A_MISS[label]) for label in LABELS))


def carried(found: dict[str, Any]) -> tuple[str, ...]:
    """The labels that cross-validation carries by the figures of `models.report`; gunshot is the product's reason."""
    good = [
        label
        for label in LABELS
        if found[label].get("clips", {"ap": [0.0]})["ap"][0] >= LEAST_PRECISION
        and found[label]["clips"]["groups"] >= LEAST_GROUPS
    ]
    return tuple(label for label in LABELS if label in good or label == "gunshot")


def finish(
    job: Job,
    recordings: Sequence[Recording],
    lessons: Lessons | None,
    calibration: Calibration,
    labels: Sequence[str],
    progress: Progress,
) -> bytes:
    """Train on everything and export `labels`, with the calibration that cross-validation found.

    There is more to learn from than in a fold, so there are `FINAL_SHARE` times the steps.
    """
    plan = dataclasses.replace(job.plan, steps=job.plan.steps * FINAL_SHARE)
    unsure = doubtful(job.audio)
    network = train(
        [recording for recording in recordings if recording.key not in unsure],
        plan,
        job.work / job.licences / "final",
        lessons,
        progress=_stage(progress, "final network"),
    )
    columns = [LABELS.index(label) for label in labels]
    return export(network, calibration.scale, calibration.shift, columns, plan.trust)
