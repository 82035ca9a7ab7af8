"""A camera with its analysis: frames go in, `Detection`s and `Occupancy` come out, and nothing else leaves."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from uuid6 import uuid7

from sensors.agent import Send, StationHealth
from sensors.camera.analyser import Analyser, gains
from sensors.camera.frames import FrameSource
from sensors.camera.ground import GroundMap
from sensors.camera.moment import Finding
from sensors.camera.opinions import Looks
from sensors.camera.settings import CameraSettings, checked
from sensors.camera.statistics.occupancy import PERIOD_S, Bin
from sensors.protocol import AnyMessage, Detection, Occupancy

CAMERA_SIGMA_US: Final = 100_000
"""A network camera's picture is dated on arrival: encoding and transport take about a tenth of a second, and vary."""


def _rule_set() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"tocsin-camera@{digest.hexdigest()[:12]}"


RULE_SET: Final = _rule_set()
"""`tocsin-camera@` and the start of the SHA-256 over the sources of this package: which rules spoke."""


def _now_us() -> int:
    return time.time_ns() // 1_000


class CameraStation:
    """One source with its analyser, as `sensors.agent` runs it.

    The source is read and analysed in a thread of its own; the event loop only hands over messages. `exercise` marks
    every detection as played. `clock_sigma_us` is the one-sigma error of a frame's time against UTC. A `detector` is
    named in the heartbeat beside the rules where one of them gains by it.
    """

    def __init__(
        self,
        sensor_id: str,
        source: FrameSource,
        settings: CameraSettings,
        *,
        clock_sigma_us: int = CAMERA_SIGMA_US,
        exercise: bool = False,
        clock: Callable[[], int] = _now_us,
        detector: Looks | None = None,
    ) -> None:
        self._sensor = sensor_id
        self._source = source
        self._settings = checked(settings)
        self._clock_sigma_us = clock_sigma_us
        self.exercise = exercise
        self._clock = clock
        self._model = RULE_SET
        self._detector = detector if gains(settings) else None
        self._ground = GroundMap(settings.ground) if settings.ground is not None else None
        self._scene_state = "learning"

    async def run(self, send: Send) -> None:
        """Analyse until cancelled or until the source ends; SourceError when the source can't go on."""
        loop = asyncio.get_running_loop()
        over = threading.Event()

        def deliver(messages: list[AnyMessage]) -> None:
            for message in messages:
                asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result()

        work = asyncio.create_task(asyncio.to_thread(self._analyse, deliver, over))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            over.set()
            self._source.close()
            # The thread may wait for a delivery that this loop has to carry; give it the time to end.
            await asyncio.wait([work], timeout=5.0)
            raise

    def _analyse(self, deliver: Callable[[list[AnyMessage]], None], over: threading.Event) -> None:
        analyser = Analyser(self._settings, self._detector)
        for frame in self._source.frames():
            if over.is_set():
                return
            analysis = analyser.step(frame)
            self._scene_state = analysis.state
            said: list[AnyMessage] = [self._detection(finding, analyser) for finding in analysis.findings]
            said += [self._occupancy(closed) for closed in analysis.bins]
            if said:
                deliver(said)

    def _occupancy(self, closed: Bin) -> Occupancy:
        return Occupancy(
            id=uuid7(),
            sensor=self._sensor,
            sent=self._clock(),
            start=closed.start_us,
            period_s=float(PERIOD_S),
            zone=closed.zone,
            counts=closed.counts,
        )

    def _detection(self, finding: Finding, analyser: Analyser) -> Detection:
        place = self._ground.position(*finding.foot) if self._ground is not None and finding.foot else None
        return Detection(
            id=uuid7(),
            sensor=self._sensor,
            sent=self._clock(),
            event=finding.event,
            onset=analyser.utc_us(finding.onset_s),
            duration_s=min(3_600.0, max(0.0, finding.duration_s)),
            score=finding.score,
            clock_sigma_us=self._clock_sigma_us,
            model=self._model,
            zone=finding.zone,
            position=place,
            exercise=self.exercise,
        )

    def health(self) -> StationHealth:
        """Capture state with a stable reason; the scene's own state where capture is well."""
        source = self._source.health()
        state, reason = source.capture, source.reason
        if state == "ok" and self._scene_state != "ok":
            state, reason = (
                ("starting", "learning") if self._scene_state == "learning" else ("degraded", self._scene_state)
            )
        return StationHealth(
            capture=state,
            reason=reason,
            clock_sigma_us=self._clock_sigma_us,
            models=(self._model,) if self._detector is None else (self._model, self._detector.name),
            audio_tracks_dropped=source.audio_tracks_dropped,
        )


async def _sent(send: Send, message: AnyMessage) -> None:
    await send(message)
