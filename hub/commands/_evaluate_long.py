"""False alarms over hours of sound in which nothing of what is reported happens: streets, crowds, fireworks, storms.

The hours are made of a folder's recordings: a bed of one scene that goes on, crossfaded, and sounds that happen in it,
at random times and levels. The whole ear hears them, as an agent runs it: picker and level gate, then the model, then
the evidence of what lasts; so what the gate lets through and what the model makes of it are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from models.frontend import SAMPLE_RATE_HZ, Floats
from models.labels import truth
from models.metrics import count_per_hour
from models.recordings import RecordingError, decode, read_manifest
from models.runtime import AcousticModel
from models.shipped import ALARM_APART_S, Figure
from sensors.microphone.hearing import Heard, Hearing
from sensors.microphone.picker import Picker
from sensors.microphone.sources import BLOCK_S, SoundBlock

START_US: Final = 1_700_000_000_000_000
FADE_S: Final = 0.5
BED_S: Final = 10.0
"""How long one recording is the bed before the next one takes over."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Labels of the bed, labels of what happens in it, and how often, per minute."""

    bed: tuple[str, ...]
    events: tuple[str, ...]
    per_minute: float


SCENES: Final[Mapping[str, Scene]] = {
    "street": Scene(
        ("traffic", "ambience", "wind"),
        ("engine", "dog_bark", "footsteps", "door_slam", "aircraft_train", "impact", "animals", "speech", "music",
         "car_horn", "church_bells", "alarm", "helicopter", "glass_break"),
        4.0,
    ),
    "crowd": Scene(("crowd_babble",), ("speech", "music", "baby_cry", "footsteps", "glass_break", "door_slam"), 4.0),
    "fireworks": Scene(("ambience", "traffic", "wind"), ("fireworks",), 6.0),
    "construction": Scene(("construction", "machinery"), ("jackhammer", "drilling", "impact", "engine"), 8.0),
    "storm": Scene(("rain", "wind", "water"), ("thunder", "fire_crackle", "door_slam"), 3.0),
}  # fmt: skip


@dataclass(slots=True)
class Count:
    """What was counted over `hours`: picks of the gate, windows the model saw, alarms by label."""

    hours: float = 0.0
    picks: int = 0
    windows: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    _last_us: dict[str, int] = field(default_factory=dict)

    def take(self, heard: Heard, thresholds: Mapping[str, float]) -> None:
        """Count the alarms: a person is called once for what is told within ALARM_APART_S, and once for what lasts."""
        told = [(one.event, one.onset_us) for one in heard.impulses if one.score >= thresholds[one.event]]
        for event, at_us in told:
            if at_us - self._last_us.get(event, -(10**18)) > ALARM_APART_S * 1e6:
                self.alarms[event] = self.alarms.get(event, 0) + 1
            self._last_us[event] = at_us
        for one in heard.lasting:
            if self._last_us.get(one.event) != one.onset_us:
                self.alarms[one.event] = self.alarms.get(one.event, 0) + 1
            self._last_us[one.event] = one.onset_us


def _recordings(folder: Path, labels: set[str]) -> dict[str, list[Floats]]:
    found: dict[str, list[Floats]] = {}
    for row in read_manifest(folder):
        if row.label in labels:
            try:
                found.setdefault(row.label, []).append(decode(row.path))
            except RecordingError:
                continue  # told by the evaluation of the same folder
    return found


def minutes(scene: Scene, recordings: Mapping[str, Sequence[Floats]], hours: float, seed: int) -> Iterator[Floats]:
    """Minutes of `scene` at 16 kHz; the same seed gives the same sound."""
    rng = np.random.default_rng(seed)
    beds = [clip for label in scene.bed for clip in recordings.get(label, ())]
    events = [label for label in scene.events if recordings.get(label)]
    length = 60 * SAMPLE_RATE_HZ
    for _ in range(round(hours * 60)):
        minute = np.zeros(length, np.float32)
        fade = round(FADE_S * SAMPLE_RATE_HZ)
        for start in range(0, length, round(BED_S * SAMPLE_RATE_HZ)):
            wanted = min(round(BED_S * SAMPLE_RATE_HZ) + fade, length - start)
            clip = beds[int(rng.integers(len(beds)))]
            bed = np.resize(clip, wanted) / (np.sqrt(np.mean(clip**2)) + 1e-9)
            bed = bed * np.float32(10.0 ** ((-45.0 + rng.normal(0.0, 3.0)) / 20.0))
            ramp = np.linspace(0.0, 1.0, min(fade, wanted), dtype=np.float32)
            bed[: ramp.size] *= ramp
            bed[wanted - ramp.size :] *= ramp[::-1]
            minute[start : start + wanted] += bed
        for _ in range(int(rng.poisson(scene.per_minute)) if events else 0):
            of = recordings[events[int(rng.integers(len(events)))]]
            clip = of[int(rng.integers(len(of)))]
            start = int(rng.integers(0, length))
            level = 10.0 ** ((-45.0 + rng.uniform(10.0, 42.0)) / 20.0)
            part = clip[: length - start] * np.float32(level / (np.abs(clip).max() + 1e-9))
            minute[start : start + part.size] += part
        yield np.clip(minute, -1.0, 1.0)


def listen(model: AcousticModel, sound: Iterator[Floats], progress: Callable[[], None] = lambda: None) -> Count:
    """Hear minutes of sound as an agent does, and count."""
    count, hearing, picker = Count(), Hearing(None, model), Picker(SAMPLE_RATE_HZ)
    size, at = round(BLOCK_S * SAMPLE_RATE_HZ), 0
    for minute in sound:
        for first in range(0, minute.size, size):
            block = minute[first : first + size]
            count.picks += len(picker.feed(block))
            given = SoundBlock(block, SAMPLE_RATE_HZ, START_US + round(at * 1e6 / SAMPLE_RATE_HZ), 1_000)
            count.take(hearing.hear(given), model.thresholds)
            at += block.size
        progress()
    count.take(hearing.finish(), model.thresholds)
    count.hours, count.windows = at / SAMPLE_RATE_HZ / 3_600.0, hearing.windows_scored
    return count


def evaluate_long(
    folder: Path, model: AcousticModel, hours: float, progress: Callable[[str], None] = lambda scene: None
) -> dict[str, Figure]:
    """Alarms an hour by class and scene, and what the gate let through; `hours` of each scene that the folder holds.

    `false_per_hour_CLASS_long` sums the scenes. A scene whose events might be a class is not counted for it.
    """
    wanted = {label for scene in SCENES.values() for label in (*scene.bed, *scene.events)}
    recordings = _recordings(folder, wanted)
    figures: dict[str, Figure] = {}
    alarms_of, hours_of = dict.fromkeys(model.labels, 0), dict.fromkeys(model.labels, 0.0)
    for number, (name, scene) in enumerate(SCENES.items()):
        if not any(recordings.get(label) for label in scene.bed):
            continue
        used = [label for label in (*scene.bed, *scene.events) if recordings.get(label)]

        def said(name: str = name) -> None:
            progress(name)

        count = listen(model, minutes(scene, recordings, hours, number), said)
        for label in model.labels:
            if all(truth(label, one) is False for one in used):
                alarms = count.alarms.get(label, 0)
                figures[f"false_per_hour_{label}_{name}"] = Figure(
                    count_per_hour(alarms, count.hours), "1/h", count.hours
                )
                alarms_of[label] += alarms
                hours_of[label] += count.hours
        figures[f"gate_picks_per_hour_{name}"] = Figure(count_per_hour(count.picks, count.hours), "1/h", count.hours)
        figures[f"model_windows_per_hour_{name}"] = Figure(
            count_per_hour(count.windows, count.hours), "1/h", count.hours
        )
    for label, listened in hours_of.items():
        figures[f"false_per_hour_{label}_long"] = Figure(count_per_hour(alarms_of[label], listened), "1/h", listened)
    return figures
