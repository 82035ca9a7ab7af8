"""Run the camera analysis over clips and compare what it found with what happened."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from hub.commands._video_clips import WHOLE, Clip, Event, Polygon
from sensors.camera.analyser import RULES, Analyser
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import Frame, Image, StillFrame
from sensors.camera.masks import raster
from sensors.camera.opinions import Looks
from sensors.camera.settings import CameraSettings, Zone

START_US: Final = 1_790_000_000_000_000
BEFORE_S: Final = 2.0
AFTER_S: Final = 3.0
"""Annotations are by eye, about half a second; a rule that waits for a state to last speaks after its end."""
NEEDS_ZONE: Final = {"intrusion", "wrong_way", "tagging", "dumping"}
"""Rules that mean nothing without a zone of their own: they run only where the manifest gives one."""

SIGHTS: Final = {"covered", "moved", "defocused", "dark", "frozen"}
"""The camera's own states, judged beside the rules."""

DETECTOR: ContextVar[Looks | None] = ContextVar("DETECTOR", default=None)
"""The detector that the rules may ask in this run; none by default."""

Change = Callable[[Image, float], Image]
"""Alters a picture of a clip at a time in seconds: shake, noise, a composited object."""


@dataclass(frozen=True, slots=True)
class Said:
    """At this second of the clip, this rule or state of sight."""

    at_s: float
    rule: str


@dataclass(slots=True)
class Tally:
    """What one rule did over all clips."""

    found: int = 0
    events: int = 0
    false: int = 0
    seconds: float = 0.0
    delays_s: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def frames_of(clip: Clip, change: Change | None = None, *, pictures: bool = False) -> Iterator[Frame]:
    """Frames of a clip as fast as they come, decoded in a child, altered where asked."""
    # Unaltered clips take the way of the agent; what is to be altered has to be a picture.
    # With a detector the agent's way hands it 640 pixels; what is altered here stays as small as it is.
    source = ChildSource(
        Spec(
            "file",
            str(clip.path),
            parts=change is None and not pictures,
            colour=True,
            detail=DETECTOR.get() is not None,
        ),
        start_utc_us=START_US,
    )
    try:
        for frame in source.frames():
            if change is None:
                yield frame
            else:
                yield StillFrame(change(frame.image, (frame.utc_us - START_US) / 1e6), frame.utc_us, frame.index)
    finally:
        source.close()


def analyse(frames: Iterable[Frame], zones: tuple[Zone, ...]) -> tuple[list[Said], float]:
    """What was said of the street and of the camera's own sight, and the seconds watched."""
    analyser = Analyser(CameraSettings(zones=zones), DETECTOR.get())
    found: list[Said] = []
    last_s, sight = 0.0, "ok"
    for frame in frames:
        last_s = (frame.utc_us - START_US) / 1e6
        analysis = analyser.step(frame)
        found += [Said(last_s, finding.event) for finding in analysis.findings]
        if analysis.state != sight and analysis.state in SIGHTS:
            found.append(Said(last_s, analysis.state))
        sight = analysis.state
    return found, last_s


def zones_of(clip: Clip, only: set[str] | None = None) -> tuple[Zone, ...]:
    """The zones that a clip's events ask for, and the whole picture for every rule that needs no zone."""
    wanted = set(RULES) if only is None else only & set(RULES)
    given: dict[str, Polygon] = {event.rule: event.polygon for event in clip.events if event.rule in wanted}
    for rule in wanted - NEEDS_ZONE:
        given.setdefault(rule, WHOLE)
    return tuple(
        Zone(name=f"z{index}", polygon=polygon, rules=(rule,))  # type: ignore[arg-type]
        for index, (rule, polygon) in enumerate(sorted(given.items()))
        if rule != "wrong_way"
    )


def asked(zones: tuple[Zone, ...]) -> set[str]:
    """Every rule of `zones`, and the states of sight."""
    return SIGHTS | {rule for zone in zones for rule in zone.rules}


def judge(clip: Clip, found: list[Said], seconds: float, rules: set[str], tallies: dict[str, Tally]) -> None:
    """Count finds, misses and false alarms of `rules` on one clip."""
    for rule in rules:
        tally = tallies[rule]
        events = [event for event in clip.events if event.rule == rule]
        said = [one.at_s for one in found if one.rule == rule]
        for event in events:
            tally.events += 1
            hits = [at for at in said if event.start_s - BEFORE_S <= at <= event.end_s + AFTER_S]
            if hits:
                tally.found += 1
                tally.delays_s.append(hits[0] - event.start_s)
            else:
                tally.misses.append(f"{clip.name} {event.start_s:g} s")
        wrong = [at for at in said if not any(e.start_s - BEFORE_S <= at <= e.end_s + AFTER_S for e in events)]
        tally.false += len(wrong)
        tally.alarms += [f"{clip.name} {at:.1f} s" for at in wrong]
        tally.seconds += max(0.0, seconds - sum(e.end_s - e.start_s for e in events))


def run_clips(
    clips: list[Clip], change: Callable[[Clip], Change] | None = None, tell: Callable[[str], None] = print
) -> dict[str, Tally]:
    """Every rule over every clip, but for wrong way, which is asked by its own test."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for clip in clips:
        zones = zones_of(clip)
        found, seconds = analyse(frames_of(clip), zones)
        judge(clip, found, seconds, asked(zones), tallies)
    return tallies


def wrong_way(clip: Clip, event: Event, tallies: dict[str, Tally], *, reverse: bool = False) -> None:
    """The inversion test: with the legal direction inverted each vehicle must be said, with the true one none.

    Vehicles are counted on a line across the zone by a method of its own (`crossings`), and joined one to one with what
    was said within five seconds. `reverse` plays the clip backwards under its true direction instead.
    """
    frames = [StillFrame(frame.image.copy(), frame.utc_us, frame.index) for frame in frames_of(clip, pictures=True)]
    direction = dominant_direction(frames, event.polygon)
    if direction is None:
        return
    times = crossings(frames, event.polygon, direction)
    if reverse:
        times_us = [frame.utc_us for frame in frames]
        images = [frame.image for frame in reversed(frames)]
        frames = [StillFrame(image, at, i) for i, (image, at) in enumerate(zip(images, times_us, strict=True))]
        times = [(times_us[-1] - START_US) / 1e6 - at for at in times]
    seconds = (frames[-1].utc_us - START_US) / 1e6
    inverted = direction if reverse else (-direction[0], -direction[1])
    against, _ = analyse(frames, (Zone(name="lane", polygon=event.polygon, rules=("wrong_way",), direction=inverted),))
    tally = tallies["wrong_way"]
    joined = join(times, [one.at_s for one in against])
    tally.events += len(times)
    tally.found += len(joined)
    tally.delays_s += [said - at for at, said in joined]
    missed = sorted(set(times) - {at for at, _ in joined})
    tally.misses += [f"{clip.name} {at:.1f} s" for at in missed]
    if not reverse:
        true = (Zone(name="lane", polygon=event.polygon, rules=("wrong_way",), direction=direction),)
        along, _ = analyse(frames, true)
        tally.false += len(along)
        tally.alarms += [f"{clip.name} {one.at_s:.1f} s" for one in along]
        tally.seconds += seconds


def join(truth: list[float], said: list[float], within_s: float = 5.0) -> list[tuple[float, float]]:
    """Pairs of one true time and one said time, at most `within_s` apart, as many and as close as can be."""
    if not truth or not said:
        return []
    apart = np.abs(np.subtract.outer(truth, said))
    rows, columns = linear_sum_assignment(np.where(apart <= within_s, apart, 1e6))
    return [(truth[r], said[c]) for r, c in zip(rows, columns, strict=True) if apart[r, c] <= within_s]


def dominant_direction(frames: list[StillFrame], polygon: Polygon) -> tuple[float, float] | None:
    """The way (right, down) most of what moves in the zone goes, from flow alone; None where nothing moves."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    total = np.zeros(2)
    inside: Image | None = None
    for one, other in zip(frames[::3], frames[1::3], strict=False):
        a, b = (cv2.cvtColor(f.image, cv2.COLOR_BGR2GRAY) for f in (one, other))
        if inside is None:
            inside = raster([polygon], (a.shape[1], a.shape[0]))
        field_ = flow.calc(a, b, np.zeros((*a.shape, 2), np.float32))
        fast = (np.hypot(field_[..., 0], field_[..., 1]) > 1.0) & (inside > 0)
        total += field_[fast].sum(axis=0) if fast.any() else 0.0
    length = float(np.hypot(*total))
    return (float(total[0] / length), float(total[1] / length)) if length > 1.0 else None


def crossings(frames: list[StillFrame], polygon: Polygon, direction: tuple[float, float]) -> list[float]:
    """Seconds at which something crosses a line through the middle of the zone, square to the picture's main axis.

    The line over time is a picture of its own; its median is the empty road, and each patch that differs is a vehicle.
    """
    height, width = frames[0].image.shape[:2]
    inside = raster([polygon], (width, height))
    rows, columns = np.nonzero(inside)
    upright = abs(direction[1]) >= abs(direction[0])
    if upright:
        at = int(np.quantile(rows, 0.4))
        across = np.nonzero(inside[at])[0]
        slit = np.stack([f.image[at, across[0] : across[-1] + 1] for f in frames])
    else:
        at = int(np.quantile(columns, 0.5))
        across = np.nonzero(inside[:, at])[0]
        slit = np.stack([f.image[across[0] : across[-1] + 1, at] for f in frames])
    road = np.median(slit, axis=0)
    differs = (np.abs(slit.astype(np.float32) - road).max(axis=2) > 30).astype(np.uint8) * 255
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8))
    differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, stats, centres = cv2.connectedComponentsWithStats(differs)
    big = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 0.15 * _typical(stats[1:, cv2.CC_STAT_AREA])]
    times = [(f.utc_us - START_US) / 1e6 for f in frames]
    return sorted(times[min(len(times) - 1, math.floor(centres[i][1]))] for i in big)


def _typical(areas: np.ndarray) -> float:
    """Area of the vehicle at the middle of the covered area: small patches do not pull it down."""
    ordered = np.sort(areas)[::-1]
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)]) if len(ordered) else 0.0
