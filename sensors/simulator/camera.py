"""A simulated camera as a source of frames for the camera agent: paced like a real one, rendered in its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from sensors.camera.frames import Frame, SourceHealth, StillFrame
from sensors.simulator.people import Street
from sensors.simulator.scenario import CameraPlan, Scenario
from sensors.simulator.street import StreetPainter


def _now_us() -> int:
    return time.time_ns() // 1_000


class SimulatedCamera:
    """One camera of a scenario that begins at `start_us`; a `sensors.camera.frames.FrameSource`.

    A frame that would be late by more than one period is stepped over without being drawn, and counted as skipped.
    """

    def __init__(
        self, scenario: Scenario, plan: CameraPlan, seed: int, start_us: int, now_us: Callable[[], int] = _now_us
    ) -> None:
        self._scenario = scenario
        self._plan = plan
        self._seed = seed
        self._start_us = start_us
        self._now_us = now_us
        self._closed = threading.Event()
        self._over = False
        self._frames = 0
        self._skipped = 0

    def frames(self) -> Iterator[Frame]:
        """Render and yield until closed, or until a scenario that does not repeat is over."""
        self._closed.clear()  # switched on again after a stop
        self._over = False
        street = Street(self._scenario, self._plan, self._seed)
        painter = StreetPainter(self._plan, self._seed)
        period_s = 1.0 / self._plan.fps
        while not self._closed.is_set():
            if not self._scenario.repeat and street.at_s >= self._scenario.duration_s:
                break
            taken_us = self._start_us + round(street.at_s * 1e6)
            wait_s = (taken_us - self._now_us()) / 1e6
            if wait_s > 0.0 and self._closed.wait(wait_s):
                break
            if wait_s < -period_s:
                self._skipped += 1
            else:
                yield StillFrame(painter.frame(street), taken_us, self._frames)
                self._frames += 1
            street.step(period_s)
        self._over = True

    def health(self) -> SourceHealth:
        """`starting` before the first frame, `ok` while it renders, `lost` with `source_ended` afterwards."""
        if self._over or self._closed.is_set():
            return SourceHealth("lost", "source_ended", frames=self._frames, skipped=self._skipped)
        return SourceHealth("ok" if self._frames else "starting", frames=self._frames, skipped=self._skipped)

    def close(self) -> None:
        """End `frames` at once; may be called from any thread."""
        self._closed.set()
