"""Drawing a simulated street: a still background made once, and plain figures without faces on top of it."""

from __future__ import annotations

import math
import zlib
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.simulator.lens import Lens
from sensors.simulator.people import ROAD, SQUARE_END, Car, Colour, Figure, Street
from sensors.simulator.scenario import CameraPlan

Image = NDArray[np.uint8]

_LIGHT: Final = {"day": 1.0, "dusk": 0.72, "night": 0.42}
_GRAIN: Final = {"day": 3, "dusk": 5, "night": 8}
"""Sensor noise in grey levels: more in the dark."""
_DRAWN_M: Final = 70.0
_SKIN: Final[Colour] = (120, 145, 175)
_SHIFT: Final = 3
_PAINT: Final = 7


class StreetPainter:
    """Paints one camera's street; frames are uint8[h, w, 3] in blue, green, red."""

    def __init__(self, plan: CameraPlan, seed: int) -> None:
        self._lens = Lens.of(plan)
        self._rng = np.random.default_rng([seed, _PAINT, zlib.crc32(plan.id.encode())])
        self._light = _LIGHT[plan.light]
        size = (plan.height, plan.width, 3)
        self._ground = self._background(plan)
        grain = self._rng.normal(0.0, _GRAIN[plan.light] / 2.0, (6, *size))
        self._grain = [np.clip(layer + 8.0, 0, 16).astype(np.uint8) for layer in grain]

    def frame(self, street: Street) -> Image:
        """The street as the camera sees it now."""
        # Clouds and dimming lamps: slow, a few percent, as a fixed camera's exposure follows the evening.
        light = self._light * (1.0 + 0.05 * math.sin(street.at_s / 37.0) + 0.02 * math.sin(street.at_s / 6.1))
        image = self._ground.copy()
        things: list[Figure | Car] = [*street.figures(), *street.cars]
        for thing in sorted(things, key=lambda thing: -thing.z):
            if isinstance(thing, Car):
                self._car(image, thing)
            else:
                self._figure(image, thing)
        grain = self._grain[int(self._rng.integers(len(self._grain)))]
        lit = cv2.convertScaleAbs(image, alpha=light, beta=0)
        out: Image = cv2.subtract(cv2.add(lit, grain), (8.0, 8.0, 8.0, 0.0))
        return out

    def _polygon(self, image: Image, points: list[tuple[float, float, float]], colour: Colour) -> None:
        pixels = np.array([self._lens.pixel(*point) for point in points])
        fixed = np.clip(np.round(pixels * 2**_SHIFT), -(2**20), 2**20).astype(np.int32)
        cv2.fillConvexPoly(image, cv2.convexHull(fixed), colour, cv2.LINE_AA, _SHIFT)

    def _strip(self, image: Image, left: float, right: float, z: float, length: float, colour: Colour) -> None:
        corners = [(x, 0.0, ahead) for x in (left, right) for ahead in (z, z + length)]
        self._polygon(image, corners, colour)

    def _panel(self, image: Image, x: float, low: float, high: float, z: float, width: float, colour: Colour) -> None:
        corners = [(x, y, ahead) for y in (low, high) for ahead in (z, z + width)]
        self._polygon(image, corners, colour)

    def _background(self, plan: CameraPlan) -> Image:
        """Sky, two rows of façades with windows, a road with its lane marks, a paved square, the closed zones."""
        image = np.full((plan.height, plan.width, 3), (150, 128, 104), dtype=np.uint8)
        far = max(_DRAWN_M, plan.range_m + 20.0)
        self._polygon(image, [(-80, 0, 0.5), (80, 0, 0.5), (160, 0, 400), (-160, 0, 400)], (96, 98, 100))
        for side, x in ((-1.0, ROAD[0] - 2.2), (1.0, SQUARE_END)):
            self._facades(image, side, x, far)
        self._polygon(image, [(ROAD[0], 0, 0.5), (ROAD[1], 0, 0.5), (ROAD[1], 0, far), (ROAD[0], 0, far)], (72, 70, 68))
        middle = (ROAD[0] + ROAD[1]) / 2.0
        for z in map(float, np.arange(2.0, far, 5.0)):
            mark: list[tuple[float, float, float]] = [
                (middle - 0.08, 0, z),
                (middle + 0.08, 0, z),
                (middle + 0.08, 0, z + 2.0),
                (middle - 0.08, 0, z + 2.0),
            ]
            self._polygon(image, mark, (190, 190, 190))
        for z in np.arange(2.0, far, 2.5):
            self._polygon(
                image,
                [(ROAD[1], 0, z), (SQUARE_END, 0, z), (SQUARE_END, 0, z + 0.06), (ROAD[1], 0, z + 0.06)],
                (84, 86, 88),
            )
        texture = cv2.GaussianBlur(self._rng.normal(0.0, 9.0, image.shape).astype(np.float32), (3, 3), 0)
        image = np.asarray(np.clip(image + texture, 0, 255), dtype=np.uint8)
        for corners in plan.zones.values():
            outline = np.array([(u * plan.width, v * plan.height) for u, v in corners]).round().astype(np.int32)
            cv2.polylines(image, [outline], True, (60, 120, 205), 2, cv2.LINE_AA)
        return image

    def _facades(self, image: Image, side: float, x: float, far: float) -> None:
        z = 1.0
        while z < far:
            width = float(self._rng.uniform(8.0, 14.0))
            height = float(self._rng.uniform(9.0, 17.0))
            wall = int(self._rng.integers(105, 165))
            self._polygon(
                image,
                [(x, 0, z), (x, height, z), (x, height, z + width), (x, 0, z + width)],
                (wall - 18, wall - 6, wall),
            )
            for floor in np.arange(3.2, height - 1.6, 3.0):
                for window in np.arange(z + 1.0, z + width - 1.4, 2.4):
                    lit = bool(self._rng.uniform() < 0.2)
                    glass: Colour = (110, 190, 225) if lit else (62, 56, 52)
                    self._polygon(
                        image,
                        [
                            (x, floor, window),
                            (x, floor + 1.6, window),
                            (x, floor + 1.6, window + 1.1),
                            (x, floor, window + 1.1),
                        ],
                        glass,
                    )
            z += width
        kerb = x - side * 0.2
        self._polygon(image, [(kerb, 0, 1.0), (x, 0, 1.0), (x, 0, far), (kerb, 0, far)], (70, 72, 74))

    def _figure(self, image: Image, figure: Figure) -> None:
        """Legs, coat, arms and head: a walker as a road sign would draw him."""
        lens, tall = self._lens, figure.height_m
        scale = lens.scale(figure.z)
        if scale * tall < 4.0:
            return
        lift = 0.35 if figure.cycle else 0.0
        swing = 0.30 * math.sin(figure.stride) if figure.vx or figure.vz or figure.manner == "enters" else 0.04
        foot_x, foot_y = lens.pixel(figure.x, 0.0, figure.z)
        shade = (max(1, round(0.45 * scale)), max(1, round(0.13 * scale)))
        cv2.ellipse(image, (round(foot_x), round(foot_y)), shade, 0.0, 0.0, 360.0, (58, 58, 58), -1, cv2.LINE_AA)
        limb = max(1, round(0.15 * scale))
        hip = lens.pixel(figure.x, 0.52 * tall + lift, figure.z)
        for turn in (swing, -swing):
            foot = lens.pixel(figure.x + turn, 0.03 + lift * 0.3, figure.z)
            cv2.line(image, _round(hip), _round(foot), figure.legs, limb, cv2.LINE_AA)
        if figure.cycle:
            for offset in (-0.28, 0.28):
                hub = lens.pixel(figure.x + offset, 0.34, figure.z)
                cv2.circle(
                    image,
                    _round(hub),
                    max(2, round(0.33 * scale)),
                    (30, 30, 30),
                    max(1, round(0.05 * scale)),
                    cv2.LINE_AA,
                )
        chest = lens.pixel(figure.x, 0.67 * tall + lift, figure.z)
        body = (max(1, round(0.21 * scale)), max(2, round(0.19 * tall * scale)))
        cv2.ellipse(image, _round(chest), body, 0.0, 0.0, 360.0, figure.coat, -1, cv2.LINE_AA)
        shoulder = lens.pixel(figure.x, 0.78 * tall + lift, figure.z)
        for turn in (0.28 + 0.6 * swing, -0.28 + 0.6 * swing):
            hand = lens.pixel(figure.x + turn, 0.48 * tall + lift, figure.z)
            cv2.line(image, _round(shoulder), _round(hand), figure.coat, max(1, limb - 1), cv2.LINE_AA)
        head = lens.pixel(figure.x, 0.92 * tall + lift, figure.z)
        cv2.circle(image, _round(head), max(1, round(0.12 * scale)), _SKIN, -1, cv2.LINE_AA)

    def _car(self, image: Image, car: Car) -> None:
        half, front, back = 0.85, car.z - 2.1, car.z + 2.1
        if front < 1.5:
            return
        shadow = [(car.x + s * 1.0, 0.0, z) for s in (-1, 1) for z in (front - 0.2, back + 0.2)]
        self._polygon(image, shadow, (45, 45, 45))
        body = [(car.x + s * half, y, z) for s in (-1, 1) for y in (0.3, 0.95) for z in (front, back)]
        self._polygon(image, body, car.paint)
        cabin = [
            (car.x + s * half * 0.85, y, z) for s in (-1, 1) for y in (0.95, 1.45) for z in (front + 1.0, back - 0.6)
        ]
        self._polygon(image, cabin, (54, 46, 40))
        for side in (-0.6, 0.6):
            lamp = self._lens.pixel(car.x + side, 0.65, front)
            glow: Colour = (170, 225, 250) if car.vz < 0 else (40, 40, 210)
            cv2.circle(image, _round(lamp), max(1, round(0.13 * self._lens.scale(front))), glow, -1, cv2.LINE_AA)


def _round(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])
