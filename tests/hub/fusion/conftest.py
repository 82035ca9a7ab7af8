"""Microphones on a ring, and the picks that a shot makes at them."""

from __future__ import annotations

import math
from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest

from hub.fusion.air import Air
from hub.fusion.engine import FusionEngine
from hub.fusion.plane import Plane
from hub.incident import Incident, Site
from sensors.protocol import Detection

PLANE = Plane.at(45.76, 4.84)
T0 = 1_790_000_000_000_000
MODEL = "test@00000000"
SPEED = Air().speed_mps

Shoot = Callable[..., list[Detection]]


@pytest.fixture
def plane() -> Plane:
    """The plane that the tests' metres are in."""
    return PLANE


@pytest.fixture
def t0() -> int:
    """When the first round is fired, µs."""
    return T0


@pytest.fixture
def microphones() -> list[Site]:
    """Seven microphones at 180 to 360 m around the origin."""
    sites = []
    for i in range(7):
        angle, radius = 2 * math.pi * i / 7, 180.0 + 30.0 * i
        latitude, longitude = PLANE.degrees(radius * math.cos(angle), radius * math.sin(angle))
        sites.append(Site(id=f"mic-{i}", kind="microphone", latitude=latitude, longitude=longitude, noise_db=55.0))
    return sites


@pytest.fixture
def shoot() -> Shoot:
    """Makes the detections of one round at (east, north) metres: every site hears it, 0.5 ms of noise."""

    def fire(
        sites: list[Site],
        east: float,
        north: float,
        at_us: int = T0,
        seed: int = 0,
        score: float = 0.9,
        **changed: object,
    ) -> list[Detection]:
        noise = np.random.default_rng(seed).normal(0.0, 0.0005, len(sites))
        found = []
        for i, site in enumerate(sites):
            x, y = PLANE.metres(site.latitude, site.longitude)
            metres = math.hypot(float(x) - east, float(y) - north)
            onset = at_us + round((metres / SPEED + noise[i]) * 1e6)
            fields: dict[str, object] = {
                "id": UUID(int=(at_us << 24) + (seed << 12) + i), "sensor": site.id, "sent": onset + 100_000,
                "event": "gunshot", "onset": onset, "duration_s": 0.1, "score": score, "clock_sigma_us": 500,
                "model": MODEL, "peak_db": 150.0 - 20.0 * math.log10(max(metres, 1.0)),
            }  # fmt: skip
            found.append(Detection(**(fields | changed)))  # type: ignore[arg-type]
        return found

    return fire


@pytest.fixture
def fuse() -> Callable[..., list[Incident]]:
    """Offers detections in the order given (each when it was sent, or later) and waits until all has settled."""

    def run(engine: FusionEngine, detections: list[Detection], then_s: float = 90.0) -> list[Incident]:
        told: list[Incident] = []
        now = 0
        for d in detections:
            now = max(now, d.sent)
            told += engine.offer(d, now)
        return told + engine.advance(now + round(then_s * 1e6))

    return run


@pytest.fixture
def metres_off() -> Callable[[Incident, float, float], float]:
    """Metres from an incident's place to a point of the plane."""

    def off(incident: Incident, east: float, north: float) -> float:
        x, y = PLANE.metres(incident.place.latitude, incident.place.longitude)
        return math.hypot(float(x) - east, float(y) - north)

    return off
