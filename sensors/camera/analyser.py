"""From pictures to findings: mask, reduce, compare with the scene, track, ask each rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2

from sensors.camera.blobs import find_blobs
from sensors.camera.flow import Flow
from sensors.camera.frames import Frame
from sensors.camera.ground import GroundMap
from sensors.camera.moment import Finding, Moment, Rule
from sensors.camera.opinions import GAIN, NO_OPINIONS, Looker, Looks, Opinions
from sensors.camera.reduce import Parts, Reducer
from sensors.camera.rules.abandoned_object import AbandonedObject
from sensors.camera.rules.crowd_density import CrowdDensity
from sensors.camera.rules.crowd_movement import LEAST_CELLS, CrowdMovement
from sensors.camera.rules.dumping import Dumping
from sensors.camera.rules.fire import Fire
from sensors.camera.rules.intrusion import Intrusion
from sensors.camera.rules.person_down import PersonDown
from sensors.camera.rules.stopped_vehicle import StoppedVehicle
from sensors.camera.rules.tagging import Tagging
from sensors.camera.rules.wrong_way import WrongWay
from sensors.camera.scene import Scene, View
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.standing import Standing, Thing
from sensors.camera.statistics.occupancy import Bin, OccupancyCounter
from sensors.camera.tracks import Track, Tracker
from sensors.camera.watch import Watch

RULES: Final[dict[str, Callable[[Zone], Rule]]] = {
    "intrusion": Intrusion,
    "crowd_movement": CrowdMovement,
    "wrong_way": WrongWay,
    "stopped_vehicle": StoppedVehicle,
    "crowd_density": CrowdDensity,
    "person_down": PersonDown,
    "abandoned_object": AbandonedObject,
    "dumping": Dumping,
    "tagging": Tagging,
    "fire": Fire,
}
"""The rules of a zone by the name that settings use."""

_LONGEST_STEP_S: Final = 5.0
"""After a longer gap the scene is taken as new to its rules: nothing is interpolated over it."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one frame gave."""

    findings: tuple[Finding, ...]
    state: str
    """`ok`, `learning` while the background is not known, `upset` while the light changes, or what ails the sight."""
    bins: tuple[Bin, ...] = ()
    """Statistics that were closed with this frame."""


class Analyser:
    """The analysis of one camera; feed it frames in order of time from one thread.

    With a `detector` it is asked what moves and what stands, where rules gain by it.
    """

    def __init__(self, settings: CameraSettings, detector: Looks | None = None) -> None:
        self._settings = settings
        asked = detector is not None and gains(settings)
        self._looker = Looker(detector, settings.zones) if detector is not None and asked else None
        self._reducer = Reducer(settings.masks, settings.width, colour=bool(settings.watching("fire")), detail=asked)
        self._scene = Scene()
        self._tracker = Tracker()
        self._standing = Standing()
        self._watch = Watch()
        self._flow = Flow() if settings.watching("crowd_movement") else None
        self._rules = [RULES[name](zone) for zone in settings.zones for name in zone.rules if name in RULES]
        counted = settings.watching("occupancy")
        ground = GroundMap(settings.ground) if settings.ground is not None else None
        self._counter = OccupancyCounter(counted, ground) if counted else None
        self._first_us: int | None = None
        self._last_us = 0

    def step(self, frame: Frame) -> Analysis:
        """Analyse one frame; its `utc_us` must rise."""
        if self._first_us is None:
            self._first_us, self._last_us = frame.utc_us, frame.utc_us
        now_s = (frame.utc_us - self._first_us) / 1e6
        dt_s = (frame.utc_us - self._last_us) / 1e6
        if dt_s < 0:
            return Analysis((), "learning")
        self._last_us = frame.utc_us
        parts = self._reducer.of(frame)
        grey = parts.grey
        aspect = grey.shape[0] / grey.shape[1]
        standing = self._standing
        view = self._scene.step(grey, min(dt_s, _LONGEST_STEP_S), standing.hold, standing.forget, parts.colour)
        if not view.ready:
            return Analysis((), "learning")
        blobs = [] if view.upset else find_blobs(view.foreground)
        tracks = self._tracker.step(blobs, now_s, dt_s, aspect)
        things = () if view.upset else standing.step(view.grey, view.background, view.foreground, tracks, now_s, aspect)
        flow = self._flow.step(view.grey, dt_s, wanted=lambda: _spread(view)) if self._flow is not None else None
        moment = Moment(now_s, dt_s, view, tracks, things, flow, aspect, self._seen(parts, view, tracks, things, now_s))
        sight = self._watch.step(view, now_s)
        quiet = sight != "ok" and not self._watch.partly
        findings = () if quiet else tuple(finding for rule in self._rules for finding in rule.step(moment))
        bins = self._bins(moment, frame.utc_us, sees=sight == "ok" and not view.upset)
        return Analysis(findings, "upset" if view.upset and sight == "ok" else sight, bins)

    def _seen(
        self, parts: Parts, view: View, tracks: Sequence[Track], things: Sequence[Thing], now_s: float
    ) -> Opinions:
        if self._looker is None:
            return NO_OPINIONS
        height, width = view.grey.shape
        offset = view.shift_px[0] / width, view.shift_px[1] / height
        return self._looker.step(parts.detail, tracks, things, now_s, height / width, offset)

    def _bins(self, moment: Moment, utc_us: int, *, sees: bool) -> tuple[Bin, ...]:
        if self._counter is None:
            return ()
        bins = self._counter.step(
            moment.tracks, moment.now_s, utc_us, moment.dt_s, moment.aspect, sees=sees, seen=moment.seen
        )
        return tuple(bins)

    def utc_us(self, moment_s: float) -> int:
        """UTC in µs of a moment of this analysis."""
        return (self._first_us or 0) + round(moment_s * 1e6)


def gains(settings: CameraSettings) -> bool:
    """True where a rule of `settings` judges better with a detector."""
    return any(GAIN & set(zone.rules) for zone in settings.zones)


def _spread(view: View) -> bool:
    """True when foreground stands in several places: flow is asked only where a crowd may be."""
    places = cv2.resize(view.foreground, (8, 6), interpolation=cv2.INTER_AREA)
    return cv2.countNonZero(cv2.compare(places, 5, cv2.CMP_GT)) >= LEAST_CELLS
