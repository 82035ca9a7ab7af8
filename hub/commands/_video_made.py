"""Scenes that are drawn into real clips: a plume of smoke, a crowd that scatters, a real flame in a made night.

No real clip of a plume before a street or of a crowd that flees could be had. The street is real, and so are the people
(one walker, cut out of a clip); the smoke is computed. They are reported with the composited clips, never as real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from hub.commands._video_actors import Sprite, put, scaled, sprites, stage
from hub.commands._video_clips import WHOLE, Clip, Event, Polygon
from hub.commands._video_runs import START_US, Tally, analyse, judge
from sensors.camera.frames import Image, StillFrame
from sensors.camera.masks import raster
from sensors.camera.rules.fire import flame_coloured
from sensors.camera.settings import Zone

_LASTS_S: Final = 30.0
_BEGINS_S: Final = 10.0
_GREY: Final = 195.0
_DENSEST: Final = 0.75
_PEOPLE: Final = 24
_RUNS: Final = 0.22
"""Widths of the picture a second; the same people stroll at a tenth of it."""


def made(clips: list[Clip], tallies: dict[str, Tally]) -> None:
    """Smoke, and no smoke but a cloud; people who flee, and people who stroll on: in each clip that has room."""
    actor = next((found for clip in clips if (found := sprites(clip))), None)
    for seed, clip in enumerate(clips, start=1):
        scene = stage(clip)
        if not scene:
            continue
        _judged(clip, "fire", with_smoke(scene, seed), tallies, happens=True)
        _judged(clip, "fire", with_cloud(scene), tallies, happens=False)
        if actor is not None:
            _judged(clip, "crowd_movement", with_crowd(scene, actor, seed, flees=True), tallies, happens=True)
            _judged(clip, "crowd_movement", with_crowd(scene, actor, seed, flees=False), tallies, happens=False)


def _judged(clip: Clip, rule: str, film: Iterator[StillFrame], tallies: dict[str, Tally], *, happens: bool) -> None:
    zone = Zone(name="stage", polygon=WHOLE, rules=(rule,))  # type: ignore[arg-type]
    found, seconds = analyse(film, (zone,))
    events = (Event(rule, _BEGINS_S, _LASTS_S, WHOLE),) if happens else ()
    judge(replace(clip, events=events), found, seconds, {rule}, tallies)


def _played(scene: list[StillFrame]) -> Iterator[tuple[float, StillFrame]]:
    """The scene there and back until `_LASTS_S`, with the second of each picture; times rise evenly."""
    period_us = (scene[-1].utc_us - scene[0].utc_us) / (len(scene) - 1)
    loop = [*scene, *reversed(scene)]
    for index in range(int(_LASTS_S * 1e6 / period_us)):
        at_us = round(index * period_us)
        frame = loop[index % len(loop)]
        yield at_us / 1e6, StillFrame(frame.image.copy(), START_US + at_us, index)


def with_smoke(scene: list[StillFrame], seed: int) -> Iterator[StillFrame]:
    """A plume that rises from the floor and widens: grey, let through, denser over twelve seconds."""
    random = np.random.default_rng(seed)
    height, width = scene[0].image.shape[:2]
    foot = float(random.uniform(0.3, 0.7))
    noise = sum(
        cv2.resize(random.normal(0, 1, (8 * n, 4 * n)).astype(np.float32), (width, 4 * height)) / n for n in (1, 2, 4)
    )
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    above = np.clip(0.85 - rows / height, 0.0, 1.0)
    shape = np.exp(-(((columns / width - foot - 0.15 * above) / (0.05 + 0.22 * above)) ** 2)) * (above > 0)
    for at_s, frame in _played(scene):
        grown = min(1.0, max(0.0, (at_s - _BEGINS_S) / 12.0))
        if grown > 0:
            up = int(0.12 * height * at_s) % (3 * height)
            drift = np.asarray(noise)[up : up + height]
            alpha = np.clip(shape * (0.6 + 0.35 * drift) * grown * (above < 0.85 * grown + 0.1), 0.0, _DENSEST)
            veiled = frame.image * (1.0 - alpha[:, :, None]) + _GREY * alpha[:, :, None]
            frame = replace(frame, image=np.clip(veiled, 0, 255).astype(np.uint8))
        yield frame


def burning(night: Callable[[Image, float], Image], polygon: Polygon) -> Callable[[Image, float], Image]:
    """`night`, which darkens the street, but for the flames within `polygon` and what is nearest to them.

    By what the flames are told from the rest here is also what the rule goes by: this shows that the dark street does
    not hide them, not that any flame by night is seen.
    """

    def change(image: Image, at_s: float) -> Image:
        inside = raster([polygon], (image.shape[1], image.shape[0]))
        flames = cv2.dilate(cv2.bitwise_and(flame_coloured(image), inside), np.ones((7, 7), np.uint8))
        own = cv2.GaussianBlur(flames, (0, 0), 1.5)[:, :, None] / 255.0
        return np.asarray(np.clip(night(image, at_s) * (1.0 - own) + image * own, 0, 255), np.uint8)

    return change


def with_cloud(scene: list[StillFrame]) -> Iterator[StillFrame]:
    """A cloud's shadow that comes over half of the street within three seconds, and trembles as it stays."""
    height, width = scene[0].image.shape[:2]
    columns = np.mgrid[0:height, 0:width][1].astype(np.float32) / width
    for at_s, frame in _played(scene):
        edge = min(0.5, max(0.0, (at_s - _BEGINS_S) / 6.0)) + 0.02 * np.sin(2.0 * at_s)
        light = 1.0 - 0.4 / (1.0 + np.exp((columns - edge) / 0.04))
        yield replace(frame, image=np.clip(frame.image * light[:, :, None], 0, 255).astype(np.uint8))


def with_crowd(scene: list[StillFrame], actor: list[Sprite], seed: int, *, flees: bool) -> Iterator[StillFrame]:
    """Two dozen people stroll on the floor from the third second on; then they run away from a place among them."""
    random = np.random.default_rng(seed)
    height = scene[0].image.shape[0]
    walk: list[Sprite] = [scaled(sprite, height, 0.2) for sprite in actor]
    at = np.column_stack([random.uniform(0.15, 0.85, _PEOPLE), random.uniform(0.55, 0.95, _PEOPLE)])
    way = random.normal(0, 0.02, (_PEOPLE, 2)) * (1.0, 0.4)
    away = at - (0.5, 0.75)
    away = away / np.maximum(np.hypot(away[:, :1], away[:, 1:]), 1e-6) * (1.0, 0.6)
    for at_s, frame in _played(scene):
        image: Image = frame.image
        ran_s = max(0.0, at_s - _BEGINS_S) if flees else 0.0
        places = at + way * min(at_s, _BEGINS_S if flees else _LASTS_S) + away * _RUNS * ran_s
        if at_s >= 3.0:
            for index in np.argsort(places[:, 1]):
                step = int(at_s * 12.5 * (2 if ran_s else 1)) + 3 * int(index)
                put(image, walk[step % len(walk)], float(places[index, 0]), float(places[index, 1]))
        yield frame
