"""One process with several agents of a simulated street: `python -m sensors.simulator.worker`, spoken to by pipes.

In: a line with a `WorkerSpec`, then a line `{"start_us": N}` that starts the evening; when the pipe closes, everything
stops. So nothing is left behind when whoever started it dies. Out: one JSON line for each thing worth telling (`Told`).
Each sensor has its own key, spool and uplink, as if it were alone in its box.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import aiohttp
import msgspec
import structlog
from msgspec import Struct

from models.runtime import AcousticModel
from sensors.agent import Agent, Station, software_version
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import SourceError as FrameError
from sensors.camera.settings import CameraSettings, Ground, RuleName, Zone
from sensors.camera.station import CameraStation
from sensors.confinement import forbid_core_dumps
from sensors.identity import Identity
from sensors.microphone.hearing import HearingSettings
from sensors.microphone.levels import Calibration
from sensors.microphone.recording import RecordingSource
from sensors.microphone.sources import Source, SourceError
from sensors.microphone.station import MicrophoneStation
from sensors.simulator.camera import SimulatedCamera
from sensors.simulator.lens import ground_points
from sensors.simulator.microphone import SimulatedMicrophone
from sensors.simulator.noise import pascals
from sensors.simulator.scenario import Scenario, load
from sensors.spool import Spool
from sensors.uplink import Uplink

ENROL_PATH: Final = "/api/v1/enrol"
LEVEL_PERIOD_S: Final = 10.0
"""Sound levels every ten seconds, so that the map of an evening of minutes is alive."""
_RULES: Final[tuple[RuleName, ...]] = ("intrusion", "occupancy")
_WHOLE: Final = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


Kind = Literal["microphone", "camera"]


class SensorSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """One sensor to run. `code` enrols it; without one its key must be in the folder.

    `recording` plays a file instead of the simulation, its first sample or frame `offset_us` after the evening's start;
    `zones` are closed zones of a played video.
    """

    id: str
    kind: Kind
    code: str | None = None
    recording: str | None = None
    offset_us: int = 0
    zones: dict[str, tuple[tuple[float, float], ...]] = {}


class WorkerSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """What one process runs: where the hub is, where keys and spools are kept, and its sensors."""

    hub: str
    folder: str
    sensors: tuple[SensorSpec, ...]
    scenario: str = ""
    seed: int = 1
    memory_spools: bool = False
    """Spools in memory, for an evening that is thrown away."""


class Start(Struct, frozen=True, forbid_unknown_fields=True):
    """The evening begins at this UTC microsecond."""

    start_us: int


class Told(Struct, frozen=True, omit_defaults=True):
    """What a process says: `ready`, `refused` (an enrolment failed), `ended` (a recording is over), `failed`."""

    state: Literal["ready", "refused", "ended", "failed"]
    sensor: str = ""
    code: str = ""
    detail: str = ""


def tell(told: Told) -> None:
    """Put one line on standard output; nobody reading any more is no error."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        sys.stdout.buffer.flush()


class EnrolmentRefused(Exception):
    """The hub did not take the code; `code` is the hub's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Problem(Struct):
    code: str = "refused"
    detail: str = ""


async def enrol(session: aiohttp.ClientSession, spec: WorkerSpec, sensor: SensorSpec) -> Identity:
    """The sensor's key: the one in the folder, or a new one that the hub takes for its one-time code."""
    path = Path(spec.folder) / f"{sensor.id}.key"
    if sensor.code is None:
        return await asyncio.to_thread(Identity.load, path, sensor.id)
    await asyncio.to_thread(path.unlink, missing_ok=True)
    identity = await asyncio.to_thread(Identity.create, path, sensor.id, spec.hub)
    body = {
        "code": sensor.code,
        "public_key": identity.public_key,
        "kind": sensor.kind,
        "software": software_version(),
    }
    try:
        async with session.post(spec.hub + ENROL_PATH, json=body) as answer:
            if answer.status != 200:
                problem = msgspec.json.decode(await answer.read(), type=_Problem)
                raise EnrolmentRefused(problem.code, problem.detail)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise EnrolmentRefused("hub_unreachable", f"{spec.hub} does not answer ({type(error).__name__})") from error
    except msgspec.MsgspecError as error:
        raise EnrolmentRefused("no_hub", f"{spec.hub} does not answer as a hub does") from error
    return identity


def microphone(scenario: Scenario | None, spec: WorkerSpec, sensor: SensorSpec, start_us: int) -> Station:
    """The station of a simulated or played microphone."""
    settings = HearingSettings(period_s=LEVEL_PERIOD_S)
    source: Source
    if sensor.recording is not None:
        source = RecordingSource(sensor.recording, start_utc_us=start_us + sensor.offset_us, real_time=True)
    else:
        assert scenario is not None
        plan = next(plan for plan in scenario.microphone if plan.id == sensor.id)
        source = SimulatedMicrophone(scenario, plan, spec.seed, start_us)
        calibration = Calibration(pascals(plan.full_scale_db), 1.0)
        settings = HearingSettings(calibration=calibration, period_s=LEVEL_PERIOD_S)
    return MicrophoneStation(sensor.id, source, settings, model=AcousticModel.load(), exercise=True)


def camera(scenario: Scenario | None, spec: WorkerSpec, sensor: SensorSpec, start_us: int) -> Station:
    """The station of a simulated or played camera.

    The whole picture is watched for people who run apart, but for a drawn street with a closed zone, where nobody
    gathers: there only the zone is watched, as a technician would set it up.
    """
    watched = Zone(name="whole", polygon=_WHOLE, rules=("crowd_movement", "occupancy"))
    if sensor.recording is not None:
        zones = tuple(Zone(name=name, polygon=polygon, rules=_RULES) for name, polygon in sensor.zones.items())
        settings = CameraSettings(zones=(watched, *zones))
        decoded = Spec(kind="file", where=sensor.recording, width=settings.width, max_fps=settings.max_fps, paced=True)
        played = ChildSource(decoded, start_utc_us=start_us + sensor.offset_us)
        return CameraStation(sensor.id, played, settings, exercise=True)
    assert scenario is not None
    plan = next(plan for plan in scenario.camera if plan.id == sensor.id)
    zones = tuple(Zone(name=name, polygon=polygon, rules=_RULES) for name, polygon in plan.zones.items())
    image, places = ground_points(scenario, plan)
    settings = CameraSettings(zones=zones or (watched,), ground=Ground(image=image, latitude_longitude=places))
    drawn = SimulatedCamera(scenario, plan, spec.seed, start_us)
    return CameraStation(sensor.id, drawn, settings, clock_sigma_us=20_000, exercise=True)


MAKERS: Final[dict[Kind, Callable[[Scenario | None, WorkerSpec, SensorSpec, int], Station]]] = {
    "microphone": microphone,
    "camera": camera,
}


class Worker:
    """The agents of one process, from enrolment to the end."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._scenario = load(spec.scenario) if spec.scenario else None
        self._identities: dict[str, Identity] = {}
        # Loading takes a while, and must be over when the evening begins.
        microphones = [sensor.id for sensor in spec.sensors if sensor.kind == "microphone"]
        self._models = {sensor: AcousticModel.load() for sensor in microphones}

    async def enrol(self) -> None:
        """Enrol every sensor; one that is refused is told and left out."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20.0)) as session:
            for sensor in self._spec.sensors:
                try:
                    self._identities[sensor.id] = await enrol(session, self._spec, sensor)
                except EnrolmentRefused as error:
                    tell(Told("refused", sensor.id, error.code, error.detail))

    async def run(self, start_us: int) -> None:
        """Run every enrolled sensor until cancelled or until all have ended."""
        wanted = [sensor for sensor in self._spec.sensors if sensor.id in self._identities]
        async with asyncio.TaskGroup() as group:
            for sensor in wanted:
                group.create_task(self._run_one(sensor, start_us), name=sensor.id)

    async def _run_one(self, sensor: SensorSpec, start_us: int) -> None:
        station = await asyncio.to_thread(MAKERS[sensor.kind], self._scenario, self._spec, sensor, start_us)
        told = _Watched(sensor.id, station)
        place = ":memory:" if self._spec.memory_spools else Path(self._spec.folder) / f"{sensor.id}.spool"
        spool = Spool(place)
        agent = Agent(sensor.id, told, spool, Uplink(self._spec.hub, self._identities[sensor.id], spool), exercise=True)
        try:
            await agent.run()
        finally:
            await agent.aclose()


class _Watched:
    """A station whose end and failures are told; a recording that can't be played is not tried again and again."""

    def __init__(self, sensor: str, station: Station) -> None:
        self._sensor = sensor
        self._station = station
        self.health = station.health

    async def run(self, send: Callable[..., object]) -> None:
        try:
            await self._station.run(send)  # type: ignore[arg-type]
        except SourceError as error:
            tell(Told("failed", self._sensor, error.code, error.detail))
        except FrameError as error:
            tell(Told("failed", self._sensor, error.code, str(error)))
        else:
            tell(Told("ended", self._sensor))


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _serve() -> None:
    pipe = await _lines()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    work = asyncio.create_task(_work(pipe))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not work.done():
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _work(pipe: asyncio.StreamReader) -> None:
    first = await pipe.readline()
    if not first:
        return
    worker = await asyncio.to_thread(Worker, msgspec.json.decode(first, type=WorkerSpec))
    await worker.enrol()
    tell(Told("ready"))
    second = await pipe.readline()
    if not second:
        return
    running = asyncio.create_task(worker.run(msgspec.json.decode(second, type=Start).start_us))
    closed = asyncio.create_task(pipe.read())
    try:
        await asyncio.wait([running, closed], return_when=asyncio.FIRST_COMPLETED)
    finally:
        closed.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> None:
    """Run one worker process."""
    forbid_core_dumps()
    _log_to_stderr()
    asyncio.run(_serve())
    # Threads of libraries may still wait for nothing; all spools are closed by now.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
