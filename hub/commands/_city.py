"""A city of picks with known truth: what microphones would report of shots and of other bangs, without any sound.

Direct paths by straight-line travel time with the errors of positions, paths and clocks; echoes that come late; sensors
behind buildings that hear nothing; noise picks at a rate. Scores are drawn from the stated distributions: of shots, of
bangs that are none (fireworks, nail guns), of noise. It tests association, location and calibration at the level of
picks; the sound-level simulator is another part.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from typing import Final

import numpy as np

from hub.fusion.air import Air
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.incident import Site
from sensors.protocol import Detection

ORIGIN: Final = Plane.at(45.76, 4.84)
START_US: Final = 1_790_000_000_000_000
MODEL: Final = "simulated-picks@00000000"
AIR: Final = Air(12.0)

# Scores as Beta(a, b): a good classifier on distant sound, not a perfect one.
SHOT_SCORES: Final = (4.0, 2.0)
BANG_SCORES: Final = (2.0, 4.0)
NOISE_SCORES: Final = (1.2, 8.0)


@dataclass(frozen=True, slots=True)
class City:
    """How the city is: `spacing_m` between neighbouring sensors, which stand off their grid by a quarter of it."""

    sensors: int = 100
    spacing_m: float = 300.0
    clock_us: int = 1_000
    noise_per_s: float = 0.02
    """Noise picks of one sensor."""
    echoes: float = 1.2
    """Mean number of echoes of a direct arrival."""
    blocked: float = 0.25
    """Share of the sensors in range that hear nothing."""
    range_m: float = 900.0
    """Beyond this nothing is heard."""


@dataclass(frozen=True, slots=True)
class Bang:
    """The truth of one bang: metres in the plane of ORIGIN, times of the rounds in µs, and whether it was a shot."""

    east: float
    north: float
    rounds_us: tuple[int, ...]
    shot: bool
    height_m: float = 2.0
    """Above the street: a window, a roof, a hill."""


def sites_of(city: City, draw: np.random.Generator) -> list[Site]:
    """The registered sensors."""
    side = math.ceil(math.sqrt(city.sensors))
    found = []
    for i in range(city.sensors):
        x = (i % side - side / 2 + draw.uniform(-0.25, 0.25)) * city.spacing_m
        y = (i // side - side / 2 + draw.uniform(-0.25, 0.25)) * city.spacing_m
        latitude, longitude = ORIGIN.degrees(x, y)
        found.append(Site(id=f"mic-{i:05d}", kind="microphone", latitude=latitude, longitude=longitude, noise_db=50.0))
    return found


class Picks:
    """Draws the picks of bangs and of noise."""

    def __init__(self, city: City, sites: list[Site], draw: np.random.Generator) -> None:
        self.city, self.sites, self.draw = city, sites, draw
        self.names = [site.id for site in sites]
        x, y = ORIGIN.metres(np.array([s.latitude for s in sites]), np.array([s.longitude for s in sites]))
        settings = FusionSettings()
        # Where the sensors really are: the registered positions are as wrong as fusion is told they may be.
        self.x = x + draw.normal(0.0, settings.site_sigma_m, len(sites))
        self.y = y + draw.normal(0.0, settings.site_sigma_m, len(sites))
        self.path_s, self.pick_s = settings.path_sigma_s, settings.pick_sigma_s
        self._number = 0

    def of(self, bang: Bang) -> list[Detection]:
        """What the sensors report of one bang."""
        city, draw = self.city, self.draw
        distance = np.hypot(self.x - bang.east, self.y - bang.north)
        near = np.flatnonzero(distance <= city.range_m)
        near = near[draw.random(len(near)) >= city.blocked]
        a, b = SHOT_SCORES if bang.shot else BANG_SCORES
        kind = draw.normal(0.0, 0.7)
        found = []
        for j in near.tolist():
            shared = draw.normal(0.0, math.hypot(self.path_s, city.clock_us * 1e-6))
            travel = math.hypot(float(distance[j]), self.sites[j].height_m - bang.height_m) / AIR.speed_mps
            level = 150.0 - 20.0 * math.log10(max(float(distance[j]), 1.0)) + draw.normal(0.0, 4.0)
            for at in bang.rounds_us:
                onset = at + round((travel + shared + draw.normal(0.0, self.pick_s)) * 1e6)
                score = self._score(a, b, kind)
                if score >= 0.05:
                    found.append(self._pick(j, onset, score, level))
                for _ in range(draw.poisson(city.echoes)):
                    late = onset + round(draw.exponential(0.25) * 1e6) + 15_000
                    found.append(self._pick(j, late, 0.8 * score, level - draw.uniform(3.0, 15.0)))
        return found

    def noise(self, from_us: int, until_us: int) -> list[Detection]:
        """Noise picks of all sensors in a stretch of time."""
        count = self.draw.poisson(self.city.noise_per_s * len(self.sites) * (until_us - from_us) * 1e-6)
        sensors = self.draw.integers(0, len(self.sites), count).tolist()
        onsets = self.draw.integers(from_us, until_us, count).tolist()
        scores = self.draw.beta(*NOISE_SCORES, count).tolist()
        return [self._pick(j, t, s, 75.0) for j, t, s in zip(sensors, onsets, scores, strict=True)]

    def _score(self, a: float, b: float, kind: float) -> float:
        score = min(max(float(self.draw.beta(a, b)), 1e-3), 1.0 - 1e-3)
        # What is unlike the training set is so for all sensors alike.
        return 1.0 / (1.0 + math.exp(-(math.log(score / (1.0 - score)) + kind)))

    def _pick(self, sensor: int, onset: int, score: float, level: float) -> Detection:
        self._number += 1
        return Detection(
            id=uuid.UUID(int=(0x7 << 76) | (0x2 << 62) | self._number | (onset // 1000) << 80),
            sensor=self.names[sensor], sent=onset + 250_000, event="gunshot", onset=onset, duration_s=0.1,
            score=min(max(score, 0.0), 1.0), clock_sigma_us=self.city.clock_us, model=MODEL,
            peak_db=min(max(level, -40.0), 200.0), snr_db=20.0,
        )  # fmt: skip
