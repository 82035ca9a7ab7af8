"""The demo as a whole: hub, agents, receiver, story; everything that is started is stopped here."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from hub.commands._demo_plan import (
    Recording,
    RecordingRefused,
    free_port,
    probe,
    records,
    register,
    shared_out,
    write_config,
)
from hub.commands._demo_processes import Child
from hub.commands._demo_receiver import Receiver
from hub.commands._demo_story import POLL_S, Truths, Watcher, operate, tell_truth
from hub.config import load_config
from hub.words import Language
from sensors.simulator.scenario import Scenario
from sensors.simulator.worker import Kind, SensorSpec, WorkerSpec

READY_S: Final = 45.0
"""A cold start of the hub on a slow machine takes a tenth of this."""
HEADLESS_S: Final = 60.0
PROCESSES: Final = 2
"""As many as the cores of a small machine; each takes about 300 MB for the libraries of sound and image."""
_SOON_US: Final = 1_500_000
"""The evening begins this long after the last agent is ready, so that all begin together."""
_STOP_AGENTS_S: Final = 3.0
_STOP_HUB_S: Final = 6.0

Out = Callable[[str, Mapping[str, object]], None]


class DemoFailed(Exception):
    """The demo can't go on; `lines` are the last words of the process that failed."""

    def __init__(self, key: str, values: Mapping[str, object], lines: list[str]) -> None:
        super().__init__(key)
        self.key = key
        self.values = values
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    scenario: Scenario
    scenario_name: str
    seed: int
    port: int
    language: Language
    headless: bool
    data: Path | None
    recordings: tuple[Recording, ...] = ()


@dataclass(slots=True)
class Outcome:
    """How a headless run went."""

    ok: bool = False
    incident: str = ""
    webhook: str = ""
    seconds: float | None = None
    port: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """User's files that could not be played, with the code why."""


class Demo:
    """One evening."""

    def __init__(self, options: Options, out: Out) -> None:
        self._options = options
        self._out = out
        self._children: list[Child] = []
        self._receiver = Receiver()
        self._recordings: list[Recording] = []
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Run until Ctrl-C, or until a headless run has its answer; raises DemoFailed."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        evening = asyncio.create_task(self._evening())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([evening, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not evening.done():
                self._out("demo_stopping", {})
                evening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await evening
        finally:
            stopped.cancel()
        return self.outcome

    async def _evening(self) -> None:
        async with self._folder() as folder, contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._stop_all)
            await self._receiver.start()
            await self._play(folder)

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        if self._options.data is not None:
            await asyncio.to_thread(self._options.data.mkdir, parents=True, exist_ok=True)
            yield self._options.data.resolve()
            return
        temporary = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="tocsin-demo-")
        try:
            yield Path(temporary.name)
        finally:
            await asyncio.to_thread(temporary.cleanup)

    async def _play(self, folder: Path) -> None:
        options = self._options
        await self._take_recordings()
        port = await asyncio.to_thread(free_port, options.port)
        if port != options.port and options.port:
            self._out("demo_port_busy", {"wanted": options.port, "port": port})
        path = await asyncio.to_thread(
            write_config, folder, options.scenario, port, options.language, self._receiver.url, self._receiver.secret
        )
        config = await asyncio.to_thread(load_config, path)
        await asyncio.to_thread((folder / "hub").mkdir, exist_ok=True)
        sensors = records(options.scenario, self._recordings)
        cameras = sum(sensor.kind == "camera" for sensor in sensors)
        self._out("demo_starting", {"microphones": len(sensors) - cameras, "cameras": cameras})
        agents = [await self._start(f"agents-{n}", folder, "-m", "sensors.simulator.worker") for n in range(PROCESSES)]
        codes = await register(config.database_url, sensors)
        specs = [self._spec(sensor.id, sensor.kind, codes[sensor.id]) for sensor in sensors]
        begun = time.monotonic()
        hub = await self._start("hub", folder, "-m", "hub.commands.main", "hub", "--config", str(path))
        url = await self._hub_address(hub)
        ready = time.monotonic()
        self.outcome.port = port
        self._out("demo_hub_ready", {"seconds": ready - begun, "url": url})
        for child, share in zip(agents, shared_out(specs, PROCESSES), strict=True):
            memory = options.data is None
            spec = WorkerSpec(url, str(folder), share, options.scenario_name, options.seed, memory)
            await child.say(msgspec.to_builtins(spec))
        await first_of(self._all_ready(agents), self._hub_lost(hub))
        self._out("demo_enrolled", {"count": len(specs)})
        self._out("demo_operator" if options.headless else "demo_stop_hint", {})
        start_us = time.time_ns() // 1_000 + _SOON_US
        for child in agents:
            await child.say({"start_us": start_us})
        await first_of(
            self._story(url, start_us, ready),
            self._hub_lost(hub),
            *(self._listen(child) for child in agents),
        )

    def _spec(self, sensor: str, kind: Kind, code: str) -> SensorSpec:
        own = next((recording for recording in self._recordings if recording.sensor == sensor), None)
        return SensorSpec(sensor, kind, code, None if own is None else str(own.path.resolve()))

    async def _take_recordings(self) -> None:
        """Keep the user's files that can be played, and say what is wrong with the others."""
        for recording in self._options.recordings:
            values = {"file": recording.path.name, "sensor": recording.sensor}
            try:
                await probe(recording)
            except RecordingRefused as refused:
                self.outcome.refused[str(recording.path)] = refused.code
                self._out("demo_recording_refused", {**values, "code": refused.code, "detail": refused.detail})
            else:
                self._recordings.append(recording)
                self._out("demo_recording", values)

    async def _start(self, name: str, folder: Path, *arguments: str) -> Child:
        child = Child(name, folder / f"{name}.log")
        self._children.append(child)
        await child.start(*arguments)
        return child

    async def _stop_all(self) -> None:
        """Agents first, so that they can deliver what they have; then the hub."""
        agents = [child for child in self._children if child.name != "hub"]
        hubs = [child for child in self._children if child.name == "hub"]
        await asyncio.gather(*(child.stop(_STOP_AGENTS_S) for child in agents))
        await asyncio.gather(*(child.stop(_STOP_HUB_S) for child in hubs))
        await self._receiver.aclose()

    async def _hub_address(self, hub: Child) -> str:
        """Wait for the line with which the hub says where it listens."""
        try:
            async with asyncio.timeout(READY_S):
                async for line in hub.lines():
                    if "ready" in line:
                        return str(line["ready"]).rstrip("/")
        except TimeoutError:
            raise DemoFailed("demo_hub_silent", {"seconds": READY_S, "log": str(hub.log)}, hub.last_words()) from None
        await self._hub_lost(hub)
        raise AssertionError

    async def _hub_lost(self, hub: Child) -> None:
        code = await hub.running.wait()
        raise DemoFailed("demo_hub_lost", {"code": code, "log": str(hub.log)}, hub.last_words())

    async def _all_ready(self, agents: list[Child]) -> None:
        await asyncio.gather(*(self._until_ready(child) for child in agents))

    async def _until_ready(self, child: Child) -> None:
        async for line in child.lines():
            if line.get("state") == "ready":
                return
            self._hear(line)
        code = await child.running.wait()
        raise DemoFailed("demo_agents_lost", {"code": code, "log": str(child.log)}, child.last_words())

    async def _listen(self, child: Child) -> None:
        """Tell what a process of agents says; one that ends unasked is told too, and the rest goes on."""
        async for line in child.lines():
            self._hear(line)
        code = await child.running.wait()
        self._out("demo_agents_lost", {"code": code, "log": str(child.log)})

    def _hear(self, line: dict[str, Any]) -> None:
        sensor = line.get("sensor", "")
        if line.get("state") == "ended":
            self._out("demo_recording_ended", {"sensor": sensor})
        else:
            values = {"sensor": sensor, "code": line.get("code", ""), "detail": line.get("detail", "")}
            self._out("demo_sensor_failed", values)

    async def _story(self, url: str, start_us: int, ready_s: float) -> None:
        """Tell the evening; a headless one ends with its answer."""
        options = self._options
        truth = Truths(options.scenario, options.seed, start_us)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session:
            watcher = Watcher(session, url, options.language, truth, self._out)
            while True:
                for event in truth.due(time.time_ns() // 1_000):
                    tell_truth(event, self._out)
                found = await watcher.look()
                self._take_dispatches()
                if options.headless:
                    if self.outcome.ok:
                        self.outcome.seconds = time.monotonic() - ready_s
                        return
                    if time.monotonic() - ready_s > HEADLESS_S:
                        return
                    if not self.outcome.incident:
                        self.outcome.incident = await operate(session, url, found) or ""
                await asyncio.sleep(POLL_S)

    def _take_dispatches(self) -> None:
        for dispatch in self._receiver.fresh():
            values = {"id": dispatch.id, "kind": dispatch.kind, "incident": dispatch.incident}
            self._out("demo_webhook", values)
            if dispatch.kind == "confirmed" and dispatch.incident == self.outcome.incident:
                self.outcome.ok, self.outcome.webhook = True, dispatch.id


async def first_of(main: Coroutine[Any, Any, None], *beside: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end with `beside`; an error of any ends all, and so does the end of `main`."""
    tasks = [asyncio.create_task(main), *(asyncio.create_task(other) for other in beside)]
    try:
        waiting = set(tasks)
        while tasks[0] in waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
