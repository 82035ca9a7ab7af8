"""Cross-validation: which recordings are held out together, and what a network trained without them says of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.corpus import STREET, Recording
from models.frontend import Floats
from models.labels import LABELS, truth
from models.metrics import Bools, Reals
from models.train import clip_windows, score_windows

FOLDS: Final = 5
HOP_FRAMES: Final = 20
"""A quarter of a second between the windows that an evaluation scores, as for the baseline."""
LASTING: Final = frozenset({"clamor", "siren", "horn"})
"""Classes that last: their clip score is the mean of the louder half of the windows, not the highest."""


def clip_score(label: str, scores: Floats) -> float:
    """One figure for a clip from its windows' scores of `label`, shape [windows]."""
    if label not in LASTING:
        return float(scores.max())
    upper = np.sort(scores)[len(scores) // 2 :]
    return float(upper.mean())


def folds(recordings: Sequence[Recording], count: int = FOLDS) -> dict[str, int]:
    """A fold for each group, balanced by label; a group (an original recording, a firing position) is never split.

    The rarest labels choose first, the largest groups first, ties by name: the same corpus gives the same folds.
    """
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for recording in recordings:
        if recording.label != STREET:
            sizes[recording.label][recording.group] += 1
    chosen: dict[str, int] = {}
    total = [0] * count
    for label in sorted(sizes, key=lambda name: (name not in {"gunshot", "clamor"}, len(sizes[name]), name)):
        load = [0] * count
        for group, size in sizes[label].items():
            if group in chosen:
                load[chosen[group]] += size
        for group, size in sorted(sizes[label].items(), key=lambda item: (-item[1], item[0])):
            if group not in chosen:
                chosen[group] = min(range(count), key=lambda fold: (load[fold], total[fold], fold))
                load[chosen[group]] += size
                total[chosen[group]] += size
    for recording in recordings:
        chosen.setdefault(recording.group, len(chosen) % count)
    return chosen


@dataclass(frozen=True, slots=True)
class Judged:
    """What a network that never heard this recording says of it: logits [windows, len(LABELS)]."""

    key: str
    label: str
    source: str
    group: str
    fold: int
    logits: Floats
    marks: tuple[int, ...]
    distance_m: float


def judge(network: Any, recordings: Sequence[Recording], fold: int, trust: float) -> list[Judged]:
    """Score whole recordings window by window."""
    return [
        Judged(
            key=recording.key,
            label=recording.label,
            source=recording.source,
            group=recording.group,
            fold=fold,
            logits=score_windows(network, clip_windows(recording.powers[0], HOP_FRAMES), trust),
            marks=tuple(int(mark) for mark in recording.marks),
            distance_m=recording.distance_m,
        )
        for recording in recordings
    ]


@dataclass(frozen=True, slots=True)
class Table:
    """Clips of one class question: `truth` and `score` by clip, with who they are."""

    truth: Bools
    score: Reals
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    keys: tuple[str, ...]


def table(judged: Sequence[Judged], label: str, *, livefire: bool = True) -> Table:
    """The clips that can be asked about `label`, with their clip scores (logits)."""
    column = LABELS.index(label)
    asked = [one for one in judged if truth(label, one.label) is not None and (livefire or one.source != "livefire")]
    return Table(
        truth=np.array([truth(label, one.label) is True for one in asked], bool),
        score=np.array([clip_score(label, one.logits[:, column]) for one in asked], np.float64),
        groups=tuple(one.group for one in asked),
        labels=tuple(one.label for one in asked),
        keys=tuple(one.key for one in asked),
    )
