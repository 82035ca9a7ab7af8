"""Scenes that nobody filmed, played by somebody who was: a real walker is cut out of one clip and put into others.

He walks in, leaves a thing or paints a wall, and goes; or only stands there and goes, or takes the thing with him
again, which are the scenes in which nothing may be said. What is left is a piece cut out of the same real pictures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from hub.commands._video_clips import Clip, Event, Polygon
from hub.commands._video_runs import START_US, Tally, analyse, frames_of, judge
from sensors.camera.frames import Image, StillFrame
from sensors.camera.masks import raster
from sensors.camera.settings import Zone

_LEAST_FRAMES: Final = 16
_HEIGHT: Final = 0.34
"""Of the picture: how tall the actor stands in his new scene."""
_FOOT: Final = 0.88
_ENTERS_S: Final = 4.0
_ARRIVES_S: Final = 8.0
_LEAVES_S: Final = 14.0
_BACK_S: Final = 19.0
_LASTS_S: Final = 46.0
_LONGEST_STAGE_S: Final = 40.0
_BUSY: Final = 0.08
"""Share of the floor that may differ from the empty stage: among traffic nobody puts a suitcase down."""
_UNATTENDED_S: Final = 12.0
_SPOT: Final = 0.5
WALL: Final[Polygon] = ((0.38, 0.42), (0.62, 0.42), (0.62, 0.8), (0.38, 0.8))
FLOOR: Final[Polygon] = ((0.25, 0.6), (0.75, 0.6), (0.75, 1.0), (0.25, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """One picture of the actor: `image` uint8[h, w, 3] and where it is his, bool[h, w]."""

    image: Image
    mask: np.ndarray


@dataclass(frozen=True, slots=True)
class Story:
    """What happens: `comes_back` takes the thing away in time, `leaves` or `paints` something, or neither."""

    rule: str
    zone: Polygon
    leaves: bool = False
    paints: bool = False
    comes_back: bool = False

    @property
    def happens(self) -> bool:
        """True when the rule has to speak."""
        return (self.leaves or self.paints) and not self.comes_back


WHOLE: Final[Polygon] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
STORIES: Final = (
    Story("abandoned_object", WHOLE, leaves=True),
    Story("abandoned_object", WHOLE, leaves=True, comes_back=True),
    Story("abandoned_object", WHOLE),
    Story("dumping", FLOOR, leaves=True),
    Story("dumping", FLOOR),
    Story("tagging", WALL, paints=True),
    Story("tagging", WALL),
    Story("intrusion", FLOOR),
)


def played(clips: list[Clip], tallies: dict[str, Tally]) -> None:
    """Each story in each clip that has room for it, with the first walker that any clip gives."""
    actor = next((found for clip in clips if (found := sprites(clip))), None)
    if actor is None:
        return
    for clip in clips:
        scene = stage(clip)
        for story in STORIES if scene else ():
            _judged(clip, scene, actor, story, tallies)


def stage(clip: Clip) -> list[StillFrame]:
    """The longest part of a clip in which nothing is said to happen; empty where the actor would have no room in it."""
    taken = sorted((e.start_s - 2.0, e.end_s + 4.0) for e in clip.events if e.rule != "wrong_way_by_config")
    gaps = zip([0.0, *(end for _, end in taken)], [*(start for start, _ in taken), clip.duration_s], strict=True)
    start_s, end_s = max(gaps, key=lambda gap: gap[1] - gap[0])
    end_s = min(end_s, start_s + _LONGEST_STAGE_S)
    scene = []
    for frame in frames_of(clip, pictures=True):
        at_s = (frame.utc_us - START_US) / 1e6
        if at_s >= end_s:
            break
        if at_s >= start_s:
            scene.append(StillFrame(frame.image.copy(), frame.utc_us, frame.index))
    # A time-lapse has no walk in it.
    if len(scene) < 80 or (scene[-1].utc_us - scene[0].utc_us) / len(scene) > 2e5:
        return []
    empty = np.median(np.stack([frame.image for frame in scene[::8]]), axis=0).astype(np.uint8)
    floor = raster([FLOOR], empty.shape[1::-1]) > 0
    busy = [float((cv2.absdiff(frame.image, empty).max(axis=2) > 28)[floor].mean()) for frame in scene[::8]]
    return scene if float(np.mean(busy)) < _BUSY else []


def _judged(clip: Clip, scene: list[StillFrame], actor: list[Sprite], story: Story, tallies: dict[str, Tally]) -> None:
    zone = Zone(
        name="stage",
        polygon=story.zone,
        rules=(story.rule,),  # type: ignore[arg-type]
        unattended_s=_UNATTENDED_S,
    )
    found, seconds = analyse(film(scene, actor, story), (zone,))
    if story.rule == "intrusion":
        events: tuple[Event, ...] = (Event("intrusion", _ENTERS_S, _LEAVES_S + 4.0, story.zone),)
        found = [one for one in found if _ENTERS_S <= one.at_s <= _LEAVES_S + 4.0]
    else:
        events = (Event(story.rule, _ARRIVES_S, _LASTS_S, story.zone),) if story.happens else ()
    judge(replace(clip, events=events), found, seconds, {story.rule}, tallies)


def film(scene: list[StillFrame], actor: list[Sprite], story: Story) -> Iterator[StillFrame]:
    """The scene, looped to `_LASTS_S`, with the actor in it."""
    period_us = (scene[-1].utc_us - scene[0].utc_us) / (len(scene) - 1)
    height = scene[0].image.shape[0]
    walk = [scaled(sprite, height) for sprite in actor]
    piece = _piece(walk[0])
    # There and back, so that the loop has no cut.
    there_and_back = itertools.cycle([*scene, *reversed(scene)])
    for index, frame in enumerate(itertools.islice(there_and_back, int(_LASTS_S * 1e6 / period_us))):
        at_s = index * period_us / 1e6
        image = frame.image.copy()
        if story.paints and at_s > _ARRIVES_S + 1.0:
            _paint(image, min(1.0, (at_s - _ARRIVES_S - 1.0) / 3.0))
        lies = story.leaves and at_s > _ARRIVES_S + 1.0 and not (story.comes_back and at_s > _BACK_S)
        if lies:
            put(image, piece, _SPOT + 0.05, _FOOT)
        place = _place(at_s, comes_back=story.comes_back)
        if place is not None:
            put(image, walk[index % len(walk)], place, _FOOT)
        yield StillFrame(image, START_US + round(index * period_us), index)


def _place(at_s: float, *, comes_back: bool) -> float | None:
    """Where the actor's middle is at `at_s`, in parts of the width; None while he is not there."""
    speed = _SPOT / (_ARRIVES_S - _ENTERS_S)
    if _ENTERS_S <= at_s < _ARRIVES_S:
        return (at_s - _ENTERS_S) * speed
    if _ARRIVES_S <= at_s < _LEAVES_S:
        return _SPOT
    place = _SPOT + (at_s - _LEAVES_S) * speed
    if comes_back and at_s > _BACK_S - 3.0:
        place = _SPOT + 3.0 * speed - (at_s - _BACK_S + 3.0) * speed if at_s < _BACK_S else _SPOT
        place = place if at_s < _BACK_S + 1.0 else _SPOT + (at_s - _BACK_S - 1.0) * speed
    return place if at_s >= _LEAVES_S and place < 1.1 else None


def sprites(clip: Clip) -> list[Sprite]:
    """The longest run of pictures of one walker by himself in the first half minute of a clip; empty where none is."""
    frames = [frame.image.copy() for frame in itertools.islice(frames_of(clip, pictures=True), 300)]
    if len(frames) < 60:
        return []
    empty = np.median(np.stack(frames[::6]), axis=0).astype(np.uint8)
    best: list[Sprite] = []
    runs: list[tuple[tuple[int, int, int, int], list[Sprite]]] = []
    for image in frames:
        differs = (cv2.absdiff(image, empty).max(axis=2) > 28).astype(np.uint8)
        differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(differs)
        after = []
        for label in range(1, count):
            x, y, w, h, area = (int(value) for value in stats[label])
            inside = x > 2 and y > 2 and x + w < image.shape[1] - 2 and y + h < image.shape[0] - 2
            if not inside or not 1.6 < h / w < 4.0 or h < 0.1 * image.shape[0] or area < 0.35 * w * h:
                continue
            sprite = Sprite(image[y : y + h, x : x + w].copy(), labels[y : y + h, x : x + w] == label)
            before = next((run for box, run in runs if _follows(box, (x, y, w, h))), [])
            after.append(((x, y, w, h), [*before, sprite]))
            best = max(best, after[-1][1], key=len)
        runs = after
    return best if len(best) >= _LEAST_FRAMES else []


def _follows(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    near = abs(one[0] - other[0]) < 0.4 * one[2] and abs(one[1] - other[1]) < 0.2 * one[3]
    return near and 0.8 < one[3] / other[3] < 1.25


def scaled(sprite: Sprite, height: int, share: float = _HEIGHT) -> Sprite:
    """`sprite` as tall as `share` of a picture `height` pixels high."""
    scale = share * height / sprite.image.shape[0]
    size = max(4, round(sprite.image.shape[1] * scale)), max(4, round(sprite.image.shape[0] * scale))
    mask = cv2.resize(sprite.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return Sprite(np.asarray(cv2.resize(sprite.image, size, interpolation=cv2.INTER_AREA), np.uint8), mask)


def _piece(sprite: Sprite) -> Sprite:
    """A thing to leave: a real patch of cloth, as large as a suitcase beside the actor."""
    height, width = sprite.image.shape[:2]
    part = sprite.image[round(0.25 * height) : round(0.55 * height), round(0.2 * width) : round(0.8 * width)]
    size = max(4, round(0.22 * height)), max(4, round(0.26 * height))
    image = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Sprite(image, np.ones(image.shape[:2], bool))


def put(image: Image, sprite: Sprite, middle: float, foot: float) -> None:
    """Draw `sprite` into `image` with its foot at normalised (middle, foot); what stands out of the picture is cut."""
    height, width = image.shape[:2]
    h, w = sprite.mask.shape
    left, top = round(middle * width - w / 2), round(foot * height - h)
    x0, x1, y0, y1 = max(0, left), min(width, left + w), max(0, top), min(height, top + h)
    if x0 >= x1 or y0 >= y1:
        return
    part = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    image[y0:y1, x0:x1][sprite.mask[part]] = sprite.image[part][sprite.mask[part]]


def _paint(image: Image, share: float) -> None:
    """Letters on the wall, `share` of them done; dark on light ground and light on dark."""
    height, width = image.shape[:2]
    box = image[round(0.46 * height) : round(0.7 * height), round(0.4 * width) : round(0.6 * width)]
    ink = (30, 30, 30) if float(box.mean()) > 110 else (225, 225, 225)
    turns = np.linspace(0, 9 * np.pi, 160)[: max(2, round(160 * share))]
    line = np.column_stack(
        [
            (0.41 + 0.17 * turns / (9 * np.pi)) * width + 0.012 * width * np.cos(2 * turns),
            (0.57 + 0.07 * np.sin(turns)) * height,
        ]
    )
    cv2.polylines(image, [np.rint(line).astype(np.int32)], False, ink, 2, cv2.LINE_AA)


def weather(kind: str, seed: int = 1) -> Callable[[Image, float], Image]:
    """A change of pictures: `night` (little light, sensor noise), `rain` (streaks and a veil) or `shake`."""
    random = np.random.default_rng(seed)

    def change(image: Image, at_s: float) -> Image:
        if kind == "shake":
            right, down = 3.0 * np.sin(7.1 * at_s) + random.normal(0, 1.0), 2.0 * np.sin(4.3 * at_s + 1.0)
            move = np.array([[1, 0, right], [0, 1, down]], np.float32)
            return np.asarray(
                cv2.warpAffine(image, move, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8
            )
        if kind == "night":
            dark = 255.0 * (image / 255.0) ** 1.3 * 0.35
            return np.asarray(np.clip(dark + random.normal(0, 5.0, image.shape), 0, 255), np.uint8)
        drops = np.zeros(image.shape[:2], np.uint8)
        height, width = image.shape[:2]
        for _ in range(width * height // 900):
            x, y, length = random.integers(width), random.integers(height), random.integers(4, 12)
            cv2.line(drops, (int(x), int(y)), (int(x + length // 4), int(y + length)), 255, 1)
        veil = 0.85 * image.astype(np.float32) + 25.0 + 0.22 * drops[:, :, None]
        return np.asarray(np.clip(veil + random.normal(0, 2.0, image.shape), 0, 255), np.uint8)

    return change
