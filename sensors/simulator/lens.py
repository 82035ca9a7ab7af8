"""A simulated camera's lens: metres of its street to pixels and back (pinhole, no distortion).

Street coordinates are the camera's own: x metres to its right, z metres ahead on flat ground, y metres up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sensors.simulator.scenario import CameraPlan, Scenario

Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lens:
    """Where the camera hangs and how it looks; made from a `CameraPlan`."""

    width: int
    height: int
    focal_px: float
    above_m: float
    sine: float
    cosine: float

    @classmethod
    def of(cls, plan: CameraPlan) -> Lens:
        """The lens of a planned camera."""
        focal = plan.width / 2.0 / math.tan(math.radians(plan.view_deg) / 2.0)
        tilt = math.radians(plan.tilt_deg)
        return cls(plan.width, plan.height, focal, plan.height_m, math.sin(tilt), math.cos(tilt))

    def depth(self, y: float, z: float) -> float:
        """Metres along the optical axis."""
        return (self.above_m - y) * self.sine + z * self.cosine

    def pixel(self, x: float, y: float, z: float) -> Pixel:
        """Where a point appears; points behind the camera are pressed to 0.2 m ahead of it."""
        depth = max(0.2, self.depth(y, z))
        rise = (y - self.above_m) * self.cosine + z * self.sine
        return self.width / 2.0 + self.focal_px * x / depth, self.height / 2.0 - self.focal_px * rise / depth

    def scale(self, z: float) -> float:
        """Pixels per metre of something upright that stands at z."""
        return self.focal_px / max(0.5, self.depth(0.9, z))

    def ground(self, u: float, v: float, farthest_m: float) -> tuple[float, float]:
        """The point (x, z) of the ground seen at a normalised image position, at most `farthest_m` ahead."""
        across = (u - 0.5) * self.width / self.focal_px
        down = (v - 0.5) * self.height / self.focal_px
        sink = self.sine + down * self.cosine
        ahead = self.cosine - down * self.sine
        z = farthest_m if sink <= 1e-6 else min(farthest_m, self.above_m * ahead / sink)
        reach = self.depth(0.0, z)
        return across * reach, z


def _placed(scenario: Scenario, plan: CameraPlan, x: float, z: float) -> tuple[float, float]:
    """Latitude and longitude of a point of a camera's street."""
    east, north, _ = scenario.metres(plan.latitude, plan.longitude, 0.0)
    heading = math.radians(plan.heading_deg)
    return scenario.degrees(
        east + x * math.cos(heading) + z * math.sin(heading), north - x * math.sin(heading) + z * math.cos(heading)
    )


def ground_outline(scenario: Scenario, plan: CameraPlan) -> tuple[tuple[float, float], ...]:
    """The ground that a camera sees up to its range, as closed (latitude, longitude) pairs."""
    lens = Lens.of(plan)
    corners = ((0.0, 1.0), (0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 1.0))
    outline = [_placed(scenario, plan, *lens.ground(u, v, plan.range_m)) for u, v in corners]
    return (*outline, outline[0])


def ground_points(
    scenario: Scenario, plan: CameraPlan
) -> tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]:
    """Four points of the picture and their places on the ground, as a technician would measure them."""
    lens = Lens.of(plan)
    image = ((0.1, 0.95), (0.9, 0.95), (0.75, 0.45), (0.25, 0.45))
    return image, tuple(_placed(scenario, plan, *lens.ground(u, v, 200.0)) for u, v in image)
