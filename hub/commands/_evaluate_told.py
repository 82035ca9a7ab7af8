"""What an agent tells the hub of real shots: the whole ear on live-fire recordings, block by block.

`models.shipped` asks the model about every window. An agent has a picker before it, a floor behind it and an allowance
of picks that the model doubts; what counts for placing a shot is whether anything of it is told at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from models.frontend import Floats
from models.livefire import HEARD_WITHIN_S, each_test, read_test
from models.metrics import Interval, over_groups
from models.recordings import RecordingError
from models.runtime import AcousticModel
from models.shipped import DRAWS, FAR_M, Figure, transmitted
from sensors.microphone.hearing import Hearing, Impulse
from sensors.microphone.sources import BLOCK_S, SoundBlock, mono

START_US: Final = 1_700_000_000_000_000
NEAR_S: Final = 0.1
"""A pick this close to the computed arrival is the direct sound: nine in ten arrivals are good to 15 ms, roofs add."""

FIGURES: Final = ("told_gunshot_livefire_400m", "told_direct_gunshot_livefire_400m", "told_sure_gunshot_livefire_400m")


def _impulses(model: AcousticModel, samples: Floats, rate_hz: int) -> Iterator[Impulse]:
    """What an agent beside this recording tells, in the order it tells it."""
    hearing, size = Hearing(None, model), round(BLOCK_S * rate_hz)
    for first in range(0, samples.size, size):
        block = samples[first : first + size]
        given = SoundBlock(block, rate_hz, START_US + round(first * 1e6 / rate_hz), 1_000)
        yield from hearing.hear(given).impulses
    yield from hearing.finish().impulses


def evaluate_told(
    folder: Path, model: AcousticModel, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[dict[str, Figure], list[RecordingError]]:
    """Shares of the shots within 400 m that an agent tells at all, tells by their direct sound, and tells at threshold.

    A shot that falls into a stretch which the recording leaves out is not counted. Returns the figures and what could
    not be read.
    """
    groups: list[str] = []
    hits: dict[str, list[bool]] = {name: [] for name in FIGURES}
    failed: list[RecordingError] = []
    tests = each_test(folder)
    for done, test in enumerate(tests):
        progress(done, len(tests))
        try:
            everything = read_test(test)
        except RecordingError as problem:
            failed.append(problem)
            continue
        for heard in everything:
            wanted = [one.at_s for one in heard.arrivals if one.heard and one.distance_m <= FAR_M]
            if not wanted:
                continue
            try:
                sound, rate = soundfile.read(heard.path, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, OSError) as problem:
                failed.append(RecordingError("sound_unreadable", heard.path, str(problem)))
                continue
            samples = mono(sound)
            told = [
                ((one.onset_us - START_US) / 1e6, one.score)
                for one in _impulses(model, samples, int(rate))
                if one.event == "gunshot"
            ]
            for at_s in wanted:
                if transmitted(samples, at_s, int(rate)):
                    mine = [(at - at_s, score) for at, score in told if -NEAR_S <= at - at_s <= HEARD_WITHIN_S]
                    direct = any(late <= NEAR_S for late, _ in mine)
                    sure = any(score >= model.thresholds["gunshot"] for _, score in mine)
                    groups.append(heard.position)
                    for name, hit in zip(FIGURES, (bool(mine), direct, sure), strict=True):
                        hits[name].append(hit)
    if not groups:
        return {}, failed
    return {name: Figure(_share(groups, hit), "share", float(len(hit))) for name, hit in hits.items()}, failed


def _share(groups: list[str], hit: list[bool]) -> Interval:
    true, score = np.ones(len(hit), bool), np.array(hit, np.float64)
    return over_groups(lambda _, said: float(said.mean()), true, score, groups, draws=DRAWS, seed=1)
