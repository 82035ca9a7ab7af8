"""From the sound of a shot to the verified webhook: simulated sound through real agents, hub, operator and receiver.

Six microphones of the simulated quarter hear shots at known moments; agents and hub are processes of their own, as in
the demo. A scripted operator, told by server-sent events, confirms each incident at once, so that no person's time is
in the figure; everything is an exercise. The baseline is the way of the sound itself to the fourth microphone, below
which no array can place it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import msgspec

from hub.commands._demo_plan import free_port, records, register, write_config
from hub.commands._demo_processes import Child
from hub.commands._demo_receiver import Receiver
from hub.commands._figures import Benched
from sensors.simulator.scenario import MicrophonePlan, Scenario, load
from sensors.simulator.worker import SensorSpec, WorkerSpec

SHOTS = 8
"""Of each round."""
EVERY_S = 5.0
BEFORE_S = 12.0
"""Agents load and learn the noise of their street."""
MICROPHONES = 6
SOUND_M_S = 340.0
SCENARIO = """
base = "places/saint_etienne"
name = "latency"
duration_s = {duration}
[about]
en = "Single shots at known moments"
fr = "Des coups isolés à des instants connus"
[air]
temperature_c = 14.0
humidity_percent = 65.0
"""
EVENT = """
[[event]]
kind = "sound"
sound = "gunshot"
at_s = {at_s}
latitude = {latitude}
longitude = {longitude}
"""


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance over ground of two nearby places, degrees."""
    north = (a[0] - b[0]) * 111_320.0
    east = (a[1] - b[1]) * 111_320.0 * math.cos(math.radians(a[0]))
    return math.hypot(north, east)


def nearest(scenario: Scenario) -> list[MicrophonePlan]:
    """The microphones around the middle of the quarter."""
    middle = (scenario.place.latitude, scenario.place.longitude)
    return sorted(scenario.microphone, key=lambda plan: metres(middle, (plan.latitude, plan.longitude)))[:MICROPHONES]


def plan(folder: Path, shots: int) -> tuple[Path, list[tuple[float, float]]]:
    """A scenario file, and for each shot its moment and the seconds of sound to the fourth microphone."""
    path = folder / "latency.toml"
    text = SCENARIO.format(duration=BEFORE_S + shots * EVERY_S + 10.0)
    path.write_text(text, encoding="utf-8")
    ears = nearest(load(path))
    dice = random.Random(5)
    truth = []
    for number in range(shots):
        weights = [dice.random() + 0.2 for _ in ears]
        latitude = sum(w * ear.latitude for w, ear in zip(weights, ears, strict=True)) / sum(weights)
        longitude = sum(w * ear.longitude for w, ear in zip(weights, ears, strict=True)) / sum(weights)
        at_s = BEFORE_S + number * EVERY_S + dice.random()
        text += EVENT.format(at_s=at_s, latitude=latitude, longitude=longitude)
        away = sorted(metres((latitude, longitude), (ear.latitude, ear.longitude)) for ear in ears)
        truth.append((at_s, away[3] / SOUND_M_S))
    path.write_text(text, encoding="utf-8")
    return path, truth


async def operate(url: str) -> None:
    """Confirm every gunshot as soon as the live view shows it."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(url, timeout=timeout, headers={"X-Tocsin": "1"}) as session,
        session.get("/api/v1/events") as events,
    ):
        event = ""
        async for raw in events.content:
            line = raw.decode().rstrip()
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if event != "incident" or not line.startswith("data: "):
                continue
            view = json.loads(line.removeprefix("data: "))
            path = f"/api/v1/incidents/{view['id']}"
            while view["state"] == "open" and view["event"] == "gunshot":
                body = {"action": "confirm", "revision": view["revision"]}
                async with session.post(f"{path}/decisions", json=body) as answer:
                    if answer.status == 200:
                        break
                async with session.get(path) as answer:
                    view = await answer.json()


async def listen(receiver: Receiver, heard: list[float]) -> None:
    """Note when each dispatch was verified."""
    while True:
        heard += [time.time() for dispatch in receiver.fresh() if dispatch.kind == "confirmed"]
        await asyncio.sleep(0.005)


async def evening(folder: Path, shots: int) -> tuple[list[float], list[float], int]:
    """Latencies in seconds, the sound's own share of each, and how many shots were never dispatched."""
    path, truth = await asyncio.to_thread(plan, folder, shots)
    scenario = await asyncio.to_thread(load, path)
    receiver = Receiver()
    await receiver.start()
    port = free_port(0)
    config = write_config(folder, scenario, port, "en", receiver.url, receiver.secret)
    (folder / "hub").mkdir()
    ears = nearest(scenario)
    found = [one for one in records(scenario, []) if one.id in {ear.id for ear in ears}]
    codes = await register(f"sqlite+aiosqlite:///{folder / 'hub' / 'state.sqlite'}", found)
    hub, agents = Child("hub", folder / "hub.log"), Child("agents", folder / "agents.log")
    heard: list[float] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        await hub.start("-m", "hub.commands.main", "hub", "--config", str(config))
        async for line in hub.lines():
            if "ready" in line:
                break
        await agents.start("-m", "sensors.simulator.worker")
        sensors = tuple(SensorSpec(one.id, "microphone", codes[one.id]) for one in found)
        url = f"http://127.0.0.1:{port}"
        spec = WorkerSpec(url, str(folder), sensors, str(path), 1, memory_spools=False)
        await agents.say(msgspec.to_builtins(spec))
        async for line in agents.lines():
            if line.get("state") == "ready":
                break
        tasks = [asyncio.create_task(operate(url)), asyncio.create_task(listen(receiver, heard))]
        start_s = time.time() + 1.0
        await agents.say({"start_us": round(start_s * 1e6)})
        await asyncio.sleep(BEFORE_S + shots * EVERY_S + 4.0)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                await task
        await agents.stop(3.0)
        await hub.stop(6.0)
        await receiver.aclose()
    latencies, shares = [], []
    for at_s, share_s in truth:
        after = [moment - start_s - at_s for moment in heard if 0.0 < moment - start_s - at_s < EVERY_S - 1.0]
        if after:
            latencies.append(min(after))
            shares.append(share_s)
    return latencies, shares, len(truth) - len(latencies)


def run(rounds: int) -> dict[str, Benched]:
    """The figures of `tocsin bench latency`: `p50_s`, `p99_s`, and how many of the shots were `undispatched`."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        latencies, shares, missed = asyncio.run(evening(Path(name), max(10, SHOTS * rounds)))
    if not latencies:
        raise RuntimeError("no shot was dispatched")
    latencies.sort()
    floor = statistics.median(shares)
    p50 = statistics.median(latencies)
    p99 = latencies[min(len(latencies) - 1, math.ceil(0.99 * len(latencies)) - 1)]
    said = "the sound's own way to the fourth microphone"
    return {
        "p50_s": Benched(p50, "s", floor, p50 / floor, said),
        "p99_s": Benched(p99, "s", floor, p99 / floor, said),
        "undispatched": Benched(float(missed), f"of {missed + len(latencies)} shots"),
    }
