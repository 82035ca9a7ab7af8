"""What the demo sets up: a free port, the hub's configuration, every sensor registered with a one-time code."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import socket
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from hub.registry import Registry, SensorExists, SensorRecord
from hub.store import migrate, open_engine
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import SourceError as FrameError
from sensors.microphone.recording import RecordingSource
from sensors.microphone.sources import SourceError
from sensors.simulator.lens import ground_outline
from sensors.simulator.scenario import Scenario
from sensors.simulator.worker import Kind, SensorSpec


@dataclass(frozen=True, slots=True)
class Recording:
    """A user's own file, as an additional sensor beside the simulation."""

    path: Path
    kind: Kind
    sensor: str


class RecordingRefused(Exception):
    """A file that can't be played: `code` is stable, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def free_port(wanted: int) -> int:
    """`wanted` where it is free on loopback, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


async def probe(recording: Recording) -> None:
    """Decode the first moment of a user's file; raises RecordingRefused where it can't be played."""
    try:
        status = await asyncio.to_thread(recording.path.stat)
    except OSError as error:
        raise RecordingRefused("file_missing", f"it can't be opened ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        detail = "it is a folder, a device or a pipe, which may never end: give a file"
        raise RecordingRefused("file_not_regular", detail)
    if status.st_size == 0:
        raise RecordingRefused("file_empty", "it is empty")
    try:
        if recording.kind == "microphone":
            async with contextlib.aclosing(RecordingSource(recording.path).blocks()) as blocks:  # type: ignore[type-var]
                async for _ in blocks:
                    return
            raise RecordingRefused("file_empty", "there is no sound in it")
        await asyncio.to_thread(_first_frame, recording.path)
    except SourceError as error:
        raise RecordingRefused(error.code, error.detail) from None
    except FrameError as error:
        raise RecordingRefused(error.code, str(error)) from None


def _first_frame(path: Path) -> None:
    source = ChildSource(Spec(kind="file", where=str(path)))
    try:
        for _ in source.frames():
            return
    finally:
        source.close()
    raise RecordingRefused("no_frames", "there is no picture in it")


def write_config(folder: Path, scenario: Scenario, port: int, language: str, webhook_url: str, secret: str) -> Path:
    """The hub's TOML file for the evening: profile `lab`, console open on loopback, one exercise endpoint."""
    now = datetime.datetime.now(datetime.UTC)
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in (
        ("data", str(folder / "hub")), ("name", scenario.place.name), ("url", webhook_url), ("secret", secret),
        ("start", (now - datetime.timedelta(days=1)).date().isoformat()),
        ("end", (now + datetime.timedelta(days=7)).date().isoformat()),
    )}  # fmt: skip
    text = f"""# Written by `tocsin demo`; everything in it is an exercise.
data_dir = {quoted["data"]}
language = "{language}"
open_console = true

[http]
host = "127.0.0.1"
port = {port}

[site]
name = {quoted["name"]}
latitude = {scenario.place.latitude}
longitude = {scenario.place.longitude}

[policy]
profile = "lab"
responsible_person = "Demo operator"
start = {quoted["start"]}
end = {quoted["end"]}
controller = "Commune de démonstration (exercice)"
purpose = "Montrer le système sur des sons et des images simulés"

[policy.dpo]
name = "Délégué de démonstration"
email = "dpo@demonstration.invalid"
phone = "+33 1 99 00 00 00"

[policy.publication]
direction = "Direction de démonstration"
contact = "capteurs@demonstration.invalid"
supplier = "Aucun : logiciel libre, licence Apache-2.0"
contract = "Aucun"
cost_per_year = "0 €"
council_vote = "Sans objet : exercice"
source_code = "Paquet tocsin"

[fusion]
temperature_c = {scenario.air.temperature_c}

[[webhooks]]
name = "demo-dispatch"
url = {quoted["url"]}
secret = {quoted["secret"]}
exercise = true
allow_private = ["127.0.0.1"]
"""
    path = folder / "hub.toml"
    path.write_text(text, encoding="utf-8")
    return path


def records(scenario: Scenario, recordings: list[Recording]) -> list[SensorRecord]:
    """Every sensor of the evening as the registry keeps it."""
    found = [
        SensorRecord(
            id=plan.id, kind="microphone", latitude=plan.latitude, longitude=plan.longitude, height_m=plan.height_m
        )
        for plan in scenario.microphone
    ]
    found += [
        SensorRecord(
            id=plan.id,
            kind="camera",
            latitude=plan.latitude,
            longitude=plan.longitude,
            height_m=plan.height_m,
            field_of_view=ground_outline(scenario, plan),
            zones={name: tuple((x, y) for x, y in polygon) for name, polygon in plan.zones.items()},
        )
        for plan in scenario.camera
    ]
    for index, recording in enumerate(recordings):
        # Somewhere in the quarter: where a user's own file was recorded is not known.
        latitude, longitude = scenario.degrees(40.0 + 60.0 * index, -30.0)
        found.append(SensorRecord(id=recording.sensor, kind=recording.kind, latitude=latitude, longitude=longitude))
    return found


async def register(url: str, sensors: list[SensorRecord]) -> dict[str, str]:
    """Put the sensors into the hub's registry and return a one-time code for each; known ones get a new code."""
    await migrate(url)
    engine = open_engine(url)
    registry = Registry(engine)
    now_us = time.time_ns() // 1_000
    try:
        codes: dict[str, str] = {}
        for sensor in sensors:
            with contextlib.suppress(SensorExists):
                await registry.add(sensor)
            codes[sensor.id] = await registry.new_code(sensor.id, now_us)
        return codes
    finally:
        await registry.aclose()
        await engine.dispose()


def shared_out(sensors: list[SensorSpec], processes: int) -> list[tuple[SensorSpec, ...]]:
    """The sensors dealt to `processes`, cameras and microphones evenly."""
    ordered = sorted(sensors, key=lambda sensor: sensor.kind)
    return [tuple(ordered[index::processes]) for index in range(processes)]
