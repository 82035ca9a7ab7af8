"""The engine: detections in, incidents out."""

from __future__ import annotations

import math
from uuid import UUID

import numpy as np

from hub.fusion.engine import FusionEngine
from hub.fusion.plane import Plane
from hub.incident import Incident, Site
from sensors.protocol import Detection

PLANE = Plane.at(45.76, 4.84)
T0 = 1_790_000_000_000_000
MODEL = "test@00000000"


def microphones(count: int = 7, radius_m: float = 300.0) -> list[Site]:
    sites = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        latitude, longitude = PLANE.degrees(radius_m * math.cos(angle) * (0.6 + 0.1 * i), radius_m * math.sin(angle))
        sites.append(Site(id=f"mic-{i}", kind="microphone", latitude=latitude, longitude=longitude))
    return sites


def shot(sites: list[Site], east: float, north: float, at_us: int, seed: int = 0, score: float = 0.9
         ) -> list[Detection]:  # fmt: skip
    speed = 20.03 * math.sqrt(15.0 + 273.15)
    noise = np.random.default_rng(seed).normal(0.0, 0.0005, len(sites))
    found = []
    for i, site in enumerate(sites):
        x, y = PLANE.metres(site.latitude, site.longitude)
        onset = at_us + round((math.hypot(float(x) - east, float(y) - north) / speed + noise[i]) * 1e6)
        found.append(
            Detection(
                id=UUID(int=(at_us << 20) + seed * 1000 + i), sensor=site.id, sent=onset + 100_000, event="gunshot",
                onset=onset, duration_s=0.1, score=score, clock_sigma_us=500, model=MODEL, peak_db=100.0,
            )
        )  # fmt: skip
    return found


def run(engine: FusionEngine, detections: list[Detection]) -> list[Incident]:
    told: list[Incident] = []
    for d in sorted(detections, key=lambda d: d.sent):
        told += engine.offer(d, d.sent)
    told += engine.advance(max(d.sent for d in detections) + 20_000_000)
    return told


def test_a_shot_that_seven_sensors_heard_is_placed_within_a_few_metres() -> None:
    sites = microphones()
    told = run(FusionEngine(sites), shot(sites, 40.0, -60.0, T0))
    assert len({incident.id for incident in told}) == 1
    last = told[-1]
    assert last.settled
    assert last.rounds == 1
    assert last.place.kind == "ellipse"
    east, north = PLANE.metres(last.place.latitude, last.place.longitude)
    assert math.hypot(float(east) - 40.0, float(north) + 60.0) < 3.0
    assert last.probability > 0.9


def test_the_first_place_is_told_within_a_second_of_the_last_arrival() -> None:
    sites = microphones()
    detections = shot(sites, 40.0, -60.0, T0)
    told = run(FusionEngine(sites), detections)
    assert told[0].updated_us <= max(d.onset for d in detections) + 1_000_000
