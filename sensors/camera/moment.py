"""What a rule is given and what it answers: the scene of one moment, and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sensors.camera.frames import Field, Image
from sensors.camera.masks import contains, raster
from sensors.camera.opinions import NO_OPINIONS, Opinions
from sensors.camera.scene import View
from sensors.camera.settings import Zone
from sensors.camera.standing import Thing
from sensors.camera.tracks import Track
from sensors.protocol import VideoEvent


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One analysed picture: time in seconds since the source began, tracks seen now, things that stand.

    `flow` is float32[h, w, 2] in picture widths per second at 160 pixels' width; `aspect` is height / width.
    """

    now_s: float
    dt_s: float
    view: View
    tracks: Sequence[Track]
    things: Sequence[Thing]
    flow: Field | None
    aspect: float
    seen: Opinions = NO_OPINIONS
    """What the optional detector says; nothing where there is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's answer: this class, since `onset_s`, with this score, there.

    `foot` is where it touches the ground, normalised; None for what has no single place. `number` is the track's, for
    joining findings within the agent; it never leaves it.
    """

    event: VideoEvent
    zone: str
    onset_s: float
    duration_s: float
    score: float
    foot: tuple[float, float] | None = None


class Rule(Protocol):
    """One event class in one zone; keeps its own short memory."""

    def step(self, moment: Moment) -> list[Finding]:
        """Look at one moment."""


class ZoneMask:
    """A zone's polygon, asked by points, and as a raster for the size last seen."""

    def __init__(self, zone: Zone) -> None:
        self._polygon = zone.polygon
        self._raster: Image | None = None

    def contains(self, point: tuple[float, float]) -> bool:
        """True when the normalised `point` lies inside (even-odd rule)."""
        return contains(self._polygon, point)

    def raster(self, shape: tuple[int, ...]) -> Image:
        """uint8[h, w], 255 inside, for pictures of `shape` (h, w, ...)."""
        if self._raster is None or self._raster.shape != tuple(shape[:2]):
            self._raster = raster([self._polygon], (shape[1], shape[0]))
        return self._raster


FAR: Final = 1e9
"""Later than any moment of a run, in seconds."""
