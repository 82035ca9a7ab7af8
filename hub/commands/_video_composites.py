"""Clips made of real ones where no real event was filmed: reversed traffic, stopped vehicles, left bags; and an hour of
event-free clips under shake, noise and changing light.

They are made at run time from what the folder holds, never written, and their figures are reported apart.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from hub.commands._video_actors import played, weather
from hub.commands._video_clips import Clip, Event, Polygon
from hub.commands._video_made import burning, made
from hub.commands._video_runs import (
    START_US,
    Tally,
    analyse,
    asked,
    dominant_direction,
    frames_of,
    judge,
    wrong_way,
    zones_of,
)
from sensors.camera.analyser import RULES
from sensors.camera.frames import Image, StillFrame
from sensors.camera.settings import Zone

_STANDS_S: Final = 25.0
_STOPS: Final = 6
"""Stopped vehicles taken from one traffic clip."""
_HOUR_S: Final = 3_600.0


def composited(clips: list[Clip]) -> dict[str, Tally]:
    """Wrong way by playing traffic backwards, stopped vehicles by holding a car where it drives, what an actor does,
    and what is drawn in: smoke, a crowd that flees."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for clip in clips:
        for event in clip.events:
            if event.rule == "wrong_way_by_config":
                wrong_way(clip, event, tallies, reverse=True)
                _stopped(clip, event.polygon, tallies)
    played(clips, tallies)
    made(clips, tallies)
    return tallies


def in_weather(clips: list[Clip], kind: str) -> dict[str, Tally]:
    """The clips with real events again, by night, in rain, or before a camera that shakes.

    A picture that is darkened would darken the flames too, which the night does not: they keep their light.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    for clip in clips:
        if {event.rule for event in clip.events} & set(RULES):
            zones = zones_of(clip)
            change = weather(kind)
            fire = next((event for event in clip.events if event.rule == "fire"), None)
            if kind == "night" and fire is not None:
                change = burning(change, fire.polygon)
            found, seconds = analyse(frames_of(clip, change), zones)
            judge(clip, found, seconds, asked(zones), tallies)
    return tallies


def _stopped(clip: Clip, polygon: Polygon, tallies: dict[str, Tally]) -> None:
    """Hold real vehicles of a traffic clip where they are, one run each, while the rest of the traffic drives on."""
    frames = [StillFrame(frame.image.copy(), frame.utc_us, frame.index) for frame in frames_of(clip, pictures=True)]
    if len(frames) < 200 or dominant_direction(frames, polygon) is None:
        return
    road = np.median(np.stack([frame.image for frame in frames[::12]]), axis=0).astype(np.uint8)
    made = 0
    for start in range(60, len(frames) - 60, 40):
        patch = _vehicle(frames[start].image, road, polygon)
        if patch is None:
            continue
        mask, held = patch, frames[start].image
        begin_s = (frames[start].utc_us - START_US) / 1e6
        film = [
            replace(frame, image=np.where(mask, held, frame.image) if index >= start else frame.image)
            for index, frame in enumerate(_stretched(frames, start, _STANDS_S))
        ]
        zone = Zone(name="lane", polygon=polygon, rules=("stopped_vehicle",))
        found, seconds = analyse(film, (zone,))
        event = Event("stopped_vehicle", begin_s, begin_s + _STANDS_S, polygon)
        judge(replace(clip, events=(event,)), found, seconds, {"stopped_vehicle"}, tallies)
        made += 1
        if made >= _STOPS:
            return


def _stretched(frames: list[StillFrame], start: int, least_s: float) -> list[StillFrame]:
    """The clip, played on in a loop until it lasts `least_s` after frame `start`; times rise evenly."""
    period_us = (frames[-1].utc_us - frames[0].utc_us) / (len(frames) - 1)
    last = start + math.ceil(least_s * 1e6 / period_us)
    endless = itertools.chain(frames, itertools.cycle(frames))
    return [
        StillFrame(frame.image, frames[0].utc_us + round(index * period_us), index)
        for index, frame in enumerate(itertools.islice(endless, last))
    ]


def _vehicle(image: Image, road: Image, polygon: Polygon) -> np.ndarray | None:
    """bool[h, w, 1] of one well-sized lone vehicle in the zone's middle; None where there is none."""
    height, width = image.shape[:2]
    differs = (np.abs(image.astype(int) - road).max(axis=2) > 25).astype(np.uint8) * 255
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, centres = cv2.connectedComponentsWithStats(differs)
    corners = np.array([[x * width, y * height] for x, y in polygon], np.float32)
    for index in range(1, count):
        left, top, w, h, area = stats[index]
        lone = left > 2 and top > 2 and left + w < width - 2 and top + h < height - 2
        sized = 0.004 < area / (width * height) < 0.06 and 0.5 < w / h < 2.5
        centre = (float(centres[index][0]), float(centres[index][1]))
        if lone and sized and cv2.pointPolygonTest(corners, centre, False) > 0:
            return np.asarray(cv2.dilate((labels == index).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)[..., None]
    return None


def altered(seed: int) -> Callable[[Image, float], Image]:
    """A change that shakes by a pixel or two, breathes in brightness and adds noise, its strength drawn from `seed`."""
    random = np.random.default_rng(seed)
    shake, noise, breath, period_s = (
        random.uniform(0, 1.5),
        random.uniform(0, 5),
        random.uniform(0, 0.25),
        random.uniform(8, 60),
    )

    fields: list[np.ndarray] = []

    def change(image: Image, at_s: float) -> Image:
        if not fields or fields[0].shape != image.shape:
            # A few fields, rolled at random, look like new noise each time and cost a tenth.
            fields[:] = [random.normal(0, noise, image.shape).astype(np.float32) for _ in range(4)]
        move = np.array([[1, 0, random.normal(0, shake)], [0, 1, random.normal(0, shake)]], np.float32)
        moved = cv2.warpAffine(image, move, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        moved *= 1.0 + breath * math.sin(2 * math.pi * at_s / period_s)
        moved += np.roll(fields[random.integers(len(fields))], random.integers(image.shape[0]), axis=0)
        return np.asarray(np.clip(moved, 0, 255), np.uint8)

    return change


def hour(clips: list[Clip]) -> dict[str, Tally]:
    """False alarms in an hour of altered clips; what a clip really shows is not counted as false."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    watched, seed = 0.0, 1
    lasting = [clip for clip in clips if clip.duration_s > 3.0]
    while lasting and watched < _HOUR_S:
        for clip in lasting:
            zones = zones_of(clip)
            found, seconds = analyse(frames_of(clip, altered(seed)), zones)
            judge(clip, found, seconds, asked(zones), tallies)
            watched, seed = watched + seconds, seed + 1
            if watched >= _HOUR_S:
                break
    for tally in tallies.values():
        tally.found = tally.events = 0
        tally.delays_s.clear()
    return tallies
