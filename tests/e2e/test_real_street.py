"""Real sound and real video, end to end: six city microphones and a camera, as agents, at a hub in its own process."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from pymap3d import enu2geodetic

from hub.commands._demo_plan import free_port, register, write_config
from hub.commands._demo_processes import Child
from hub.commands._demo_receiver import Receiver
from hub.commands._demo_story import distance_m
from hub.commands._location_data import micros, registered
from hub.config import load_config
from hub.registry import SensorRecord
from sensors.simulator.scenario import load
from sensors.simulator.schedule import Truth
from sensors.simulator.worker import SensorSpec, WorkerSpec

pytestmark = pytest.mark.e2e
ORIGIN = (45.4362, 4.3782)
VIDEO = "intrusion_zone/debian_opencv_doc__vtest_pets2009.mp4"
LAWN = ((0.0, 0.475), (0.22, 0.5), (0.4, 0.58), (0.6, 0.72), (0.78, 0.85), (0.93, 1.0), (0.0, 1.0))


class Street:
    """One test of the live fire, put on the map of Saint-Étienne: sensors, files, and the surveyed place."""

    def __init__(self, folder: Path, video: Path) -> None:
        meta = json.loads((folder / "meta.json").read_text())
        known = registered(folder.parent)
        names = [sensor["serial_number"].lower() for sensor in meta["sensors"]]
        self._middle = {axis: sum(known[name][axis] for name in names) / len(names) for axis in "xyz"}
        survey = meta["survey"]["survey_location"]
        latitude, longitude = self._degrees(survey["x"], survey["y"])
        self.truth = Truth("gunshot", 0.0, 0.0, 0, latitude, longitude, meta["survey"]["num_rounds"])
        self.temperature_c = meta["weather"]["temperature"]
        self.records, self.files = [], {}
        self.offsets = {}
        first = min(micros(sensor["start_utc"]) for sensor in meta["sensors"])
        for sensor, name in zip(meta["sensors"], names, strict=True):
            place = known[name]
            at = self._degrees(place["x"], place["y"])
            height_m = place["z"] - self._middle["z"] + 4.0
            self.records.append(
                SensorRecord(id=name, kind="microphone", latitude=at[0], longitude=at[1], height_m=height_m)
            )
            self.files[name] = folder / sensor["audio"]
            self.offsets[name] = micros(sensor["start_utc"]) - first
        outline = tuple(self._degrees(survey["x"] + x, survey["y"] + y) for x, y in ((-30, -30), (30, -30), (0, 40)))
        camera = SensorRecord(
            id="camera", kind="camera", latitude=latitude, longitude=longitude, field_of_view=outline,
            zones={"lawn": LAWN},
        )  # fmt: skip
        self.records.append(camera)
        self.files["camera"], self.offsets["camera"] = video, 0

    def _degrees(self, x: float, y: float) -> tuple[float, float]:
        latitude, longitude, _ = enu2geodetic(x - self._middle["x"], y - self._middle["y"], 0.0, *ORIGIN, 0.0)
        return float(latitude), float(longitude)

    def specs(self, codes: dict[str, str]) -> tuple[SensorSpec, ...]:
        return tuple(
            SensorSpec(
                record.id,
                record.kind,
                codes[record.id],
                str(self.files[record.id]),
                self.offsets[record.id],
                {"lawn": LAWN} if record.kind == "camera" else {},
            )
            for record in self.records
        )


async def settled(url: str, wanted: int, seconds: float) -> list[dict[str, Any]]:
    """The gunshots that the hub's interface tells, once `wanted` of them have settled."""
    until = time.monotonic() + seconds
    shots: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < until:
            async with session.get(f"{url}/api/v1/incidents") as answer:
                shots = [view for view in (await answer.json())["incidents"] if view["event"] == "gunshot"]
            if sum(view["settled"] for view in shots) >= wanted:
                break
            await asyncio.sleep(0.5)
    return shots


@pytest.mark.parametrize("test", ["FP1/test_001", "FP5/test_130"])
async def test_six_real_microphones_and_a_camera_give_one_placed_incident(
    shared_data: Path, tmp_path: Path, test: str
) -> None:
    street = await asyncio.to_thread(Street, shared_data / "livefire" / test, shared_data / "video" / VIDEO)
    scenario = await asyncio.to_thread(load, "single_shot")
    scenario = msgspec.structs.replace(
        scenario, air=msgspec.structs.replace(scenario.air, temperature_c=street.temperature_c)
    )
    receiver = Receiver()
    await receiver.start()
    path = await asyncio.to_thread(write_config, tmp_path, scenario, free_port(0), "en", receiver.url, receiver.secret)
    config = await asyncio.to_thread(load_config, path)
    (tmp_path / "hub").mkdir()
    codes = await register(config.database_url, street.records)
    hub, agents = Child("hub", tmp_path / "hub.log"), Child("agents", tmp_path / "agents.log")
    try:
        await agents.start("-m", "sensors.simulator.worker")
        await hub.start("-m", "hub.commands.main", "hub", "--config", str(path))
        url = str((await anext(hub.lines()))["ready"])
        await agents.say(msgspec.to_builtins(WorkerSpec(url, str(tmp_path), street.specs(codes))))
        assert (await anext(agents.lines()))["state"] == "ready"
        await agents.say({"start_us": time.time_ns() // 1_000})
        shots = await settled(url, 1, 40.0)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v1/sensors") as answer:
            states = {view["id"]: view["state"] for view in (await answer.json())["sensors"]}
    finally:
        await agents.stop(5.0)
        await hub.stop(8.0)
        await receiver.aclose()

    assert len(shots) == 1
    (shot,) = shots
    assert shot["place"]["kind"] == "ellipse"
    error_m = distance_m(shot["place"]["latitude"], shot["place"]["longitude"], street.truth)
    assert error_m is not None
    assert error_m < 15.0
    assert shot["rounds"] == street.truth.rounds
    heard_by = {arrival["sensor"] for arrival in shot["arrivals"]}
    assert heard_by <= set(street.files) - {"camera"}
    assert len(heard_by) >= len(street.files) - 2
    assert shot["exercise"] is True
    assert states["camera"] in {"ok", "degraded"}
