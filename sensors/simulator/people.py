"""Who is in a simulated street, and how they move: walkers, people who linger, cyclists, cars, and one who trespasses.

A street is stepped at its camera's frame rate; the same seed gives the same people. They have a size, a gait and the
colour of a coat, and nothing else.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sensors.simulator.lens import Lens
from sensors.simulator.scenario import CameraPlan, Scenario, ScenePlan

ROAD: Final = (-9.0, -3.0)
"""The roadway's edges in metres right of the camera; the square lies to its right up to `SQUARE_END`."""
SQUARE_END: Final = 11.0
_NEAR_M: Final = 3.0
_STREET: Final = 6
_QUIET_S: Final = 12.0
"""No car enters this long before and after people run: they may run over the road."""

Colour = tuple[int, int, int]
Manner = Literal["walks", "lingers", "runs", "away", "enters", "leaves"]


@dataclass(slots=True)
class Figure:
    """One person on foot: place and velocity in the street, stride phase, height in metres, colour of the coat."""

    x: float
    z: float
    vx: float
    vz: float
    height_m: float
    coat: Colour
    legs: Colour
    manner: Manner
    stride: float = 0.0
    until_s: float = 0.0
    cycle: bool = False


@dataclass(slots=True)
class Car:
    """One car in a lane, its velocity along the street."""

    x: float
    z: float
    vz: float
    paint: Colour


class Street:
    """Everyone in one camera's view; `step` moves them on, `at_s` is the time reached."""

    def __init__(self, scenario: Scenario, plan: CameraPlan, seed: int) -> None:
        self._plan = plan
        self._lens = Lens.of(plan)
        self._scenes = [e for e in scenario.event if isinstance(e, ScenePlan) and e.camera == plan.id]
        self._turn_s = scenario.duration_s
        self._repeat = scenario.repeat
        self._rng = np.random.default_rng([seed, _STREET, zlib.crc32(plan.id.encode())])
        self._centre = (1.5, min(plan.range_m * 0.22, 10.0))
        # Where a zone is closed, people keep to the strip beside it and nobody lingers.
        corners = [self._lens.ground(u, v, plan.range_m)[0] for zone in plan.zones.values() for u, v in zone]
        self._edge = max(ROAD[1] + 2.5, min([SQUARE_END, *corners]) - 0.8)
        self.at_s = 0.0
        self.cars: list[Car] = []
        self.trespasser: Figure | None = None
        self.people = [self._newcomer(anywhere=True) for _ in range(plan.people)]

    def step(self, seconds: float) -> None:
        """Move everyone on by `seconds`."""
        self.at_s += seconds
        running = self._scene("crowd_movement", 0.0, 0.0) is not None
        for figure in self.people:
            self._move(figure, seconds, running)
        self.people = [
            self._newcomer(anywhere=False) if f.manner == "away" and self.at_s > f.until_s else f for f in self.people
        ]
        self._cycle(seconds)
        self._drive(seconds)
        self._trespass(seconds)

    def figures(self) -> list[Figure]:
        """Everyone on foot or on a cycle who is in the street now."""
        present = [figure for figure in self.people if figure.manner != "away"]
        return [*present, self.trespasser] if self.trespasser is not None else present

    def _scene(self, kind: str, before_s: float, after_s: float) -> ScenePlan | None:
        """The scene of that kind going on now, widened by some seconds on both sides."""
        clock = self.at_s % self._turn_s if self._repeat else self.at_s
        for scene in self._scenes:
            if scene.scene == kind and scene.at_s - before_s <= clock < scene.at_s + scene.duration_s + after_s:
                return scene
        return None

    def _coat(self, brightest: int = 190) -> Colour:
        bright = self._rng.integers(25, brightest, 3)
        return int(bright[0]), int(bright[1]), int(bright[2])

    def _newcomer(self, *, anywhere: bool) -> Figure:
        rng = self._rng
        lingers = bool(rng.uniform() < 0.7) and self._edge > self._centre[0] + 4.5
        if lingers:
            x, z = self._spot()
            vx, vz = 0.0, 0.0
        else:
            x, z = rng.uniform(ROAD[1] + 0.8, self._edge - 0.6), rng.uniform(_NEAR_M, self._plan.range_m)
            vx, vz = rng.normal(0.0, 0.05), rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 1.5)
        if not anywhere:
            # Who comes anew walks in from the far end.
            goal = (x, z)
            x, z = rng.uniform(ROAD[1] + 0.8, self._edge - 0.6), self._plan.range_m + rng.uniform(0.0, 8.0)
            if lingers:
                length = math.hypot(goal[0] - x, goal[1] - z)
                vx, vz = 1.35 * (goal[0] - x) / length, 1.35 * (goal[1] - z) / length
            else:
                vz = -abs(vz)
        manner: Manner = "lingers" if lingers and anywhere else "walks"
        until = 0.0
        if lingers:
            until = self.at_s + (rng.uniform(2.0, 25.0) if anywhere else math.hypot(goal[0] - x, goal[1] - z) / 1.35)
        height = rng.uniform(1.55, 1.9)
        return Figure(x, z, vx, vz, height, self._coat(), self._coat(80), manner, rng.uniform(0.0, 6.28), until)

    def _spot(self) -> tuple[float, float]:
        """Somewhere on the square to stand for a while."""
        angle, radius = self._rng.uniform(0.0, 2.0 * math.pi), 1.0 + 2.0 * math.sqrt(self._rng.uniform())
        x = self._centre[0] + radius * math.cos(angle)
        return min(max(x, ROAD[1] + 0.8), SQUARE_END - 0.8), self._centre[1] + 0.9 * radius * math.sin(angle)

    def _move(self, figure: Figure, seconds: float, running: bool) -> None:
        if figure.manner == "away" or figure.cycle:
            return
        if running and figure.manner in {"walks", "lingers"}:
            self._flee(figure)
        elif figure.manner == "walks" and 0.0 < figure.until_s <= self.at_s:
            figure.manner, figure.vx, figure.vz = "lingers", 0.0, 0.0
            figure.until_s = self.at_s + self._rng.uniform(5.0, 25.0)
        elif figure.manner == "lingers" and figure.until_s <= self.at_s:
            self._stroll(figure)
        if figure.manner == "runs" and self.at_s < figure.until_s:
            return
        if figure.manner == "lingers":
            figure.x += 0.12 * seconds * math.sin(0.7 * self.at_s + figure.stride)
            return
        figure.x += figure.vx * seconds
        figure.z += figure.vz * seconds
        figure.stride += 2.2 * math.hypot(figure.vx, figure.vz) * seconds
        if figure.manner == "runs":
            if not self._visible(figure):
                figure.manner, figure.until_s = "away", self.at_s + self._rng.uniform(6.0, 20.0)
            return
        if figure.z < _NEAR_M or figure.z > self._plan.range_m + 10.0:
            figure.z = min(max(figure.z, _NEAR_M), self._plan.range_m + 10.0)
            figure.vz = -figure.vz
        if not ROAD[1] + 0.5 < figure.x < self._edge - 0.3:
            middle = (ROAD[1] + self._edge) / 2.0
            figure.vx = math.copysign(figure.vx, middle - figure.x)

    def _stroll(self, figure: Figure) -> None:
        """Walk over to another spot of the square."""
        x, z = self._spot()
        length = max(0.5, math.hypot(x - figure.x, z - figure.z))
        figure.vx, figure.vz = 1.3 * (x - figure.x) / length, 1.3 * (z - figure.z) / length
        figure.manner, figure.until_s = "walks", self.at_s + length / 1.3

    def _flee(self, figure: Figure) -> None:
        """Turn and run from the middle of the square, after a moment's fright."""
        away_x, away_z = figure.x - self._centre[0], figure.z - self._centre[1]
        length = max(0.3, math.hypot(away_x, away_z))
        pace = self._rng.uniform(3.4, 4.4)
        figure.vx, figure.vz = pace * away_x / length, pace * away_z / length
        figure.manner = "runs"
        figure.until_s = self.at_s + self._rng.uniform(0.2, 0.7)

    def _visible(self, figure: Figure) -> bool:
        column, row = self._lens.pixel(figure.x, 0.9, figure.z)
        inside = -20.0 < column < self._lens.width + 20.0 and row < self._lens.height + 40.0
        return inside and figure.z < self._plan.range_m + 15.0

    def _cycle(self, seconds: float) -> None:
        if self._rng.uniform() < self._plan.cycles_per_minute / 60.0 * seconds:
            rider = self._newcomer(anywhere=True)
            rider.cycle, rider.manner = True, "walks"
            rider.x, rider.z = ROAD[1] + 0.9, self._plan.range_m + 8.0
            rider.vx, rider.vz = 0.0, -self._rng.uniform(3.5, 5.5)
            self.people.append(rider)
        for figure in self.people:
            if figure.cycle:
                figure.z += figure.vz * seconds
                figure.stride += 4.0 * seconds
        self.people = [figure for figure in self.people if not (figure.cycle and figure.z < 1.0)]

    def _drive(self, seconds: float) -> None:
        for car in self.cars:
            car.z += car.vz * seconds
        self.cars = [car for car in self.cars if 0.5 < car.z < self._plan.range_m + 40.0]
        if self._scene("crowd_movement", _QUIET_S, _QUIET_S) is not None:
            return
        if self._rng.uniform() < self._plan.cars_per_minute / 60.0 * seconds:
            coming = bool(self._rng.uniform() < 0.5)
            lane = ROAD[0] + (1.5 if coming else 4.5)
            z = self._plan.range_m + 35.0 if coming else 1.0
            if all(abs(car.z - z) > 9.0 or car.x != lane for car in self.cars):
                speed = 8.0 * (-1.0 if coming else 1.0)
                self.cars.append(Car(lane, z, speed, self._coat()))

    def _trespass(self, seconds: float) -> None:
        """Someone walks into the closed zone, stays, and goes the way he came."""
        scene = self._scene("intrusion", 0.0, 8.0)
        if scene is None or scene.zone is None:
            self.trespasser = None
            return
        corners = self._plan.zones[scene.zone]
        u = sum(corner[0] for corner in corners) / len(corners)
        v = sum(corner[1] for corner in corners) / len(corners)
        goal = self._lens.ground(u, v, self._plan.range_m)
        if self.trespasser is None:
            start = self._lens.ground(0.5, min(0.97, v + 0.25), self._plan.range_m)
            self.trespasser = Figure(start[0], start[1], 0.0, 0.0, 1.78, (38, 38, 46), (70, 46, 34), "enters")
        figure = self.trespasser
        clock = self.at_s % self._turn_s if self._repeat else self.at_s
        if clock > scene.at_s + scene.duration_s:
            figure.manner = "leaves"
            goal = self._lens.ground(0.5, 1.2, self._plan.range_m)
        ahead = (goal[0] - figure.x, goal[1] - figure.z)
        length = math.hypot(*ahead)
        pace = min(1.4 * seconds, length)
        if length > 0.3:
            figure.x += ahead[0] / length * pace
            figure.z += ahead[1] / length * pace
            figure.stride += 2.2 * pace
        else:
            # Nobody stands like a post: he looks about.
            figure.x += 0.25 * seconds * math.sin(1.1 * self.at_s)
