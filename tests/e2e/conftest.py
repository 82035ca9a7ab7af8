"""A real hub with a small known city, and a real browser in front of it."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from aiohttp import web
from uuid6 import uuid7

from hub.app import serving
from hub.config import Http, HubConfig, PolicyConfig, SiteConfig
from hub.incident import Arrival, Ellipse, Evidence, Incident, Place
from hub.keys import ACCOUNTS, REGISTRY, STORE
from hub.registry import SensorRecord
from sensors.protocol import Heartbeat

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LATITUDE, LONGITUDE = 45.4335, 4.3795
SPEED_MPS = 343.0
MICROPHONES = [(-290, -250), (-90, -270), (110, -240), (300, -260), (-280, -60), (-70, -40), (120, -70), (280, -30)]
MICROPHONES += [(-300, 150), (-100, 170), (90, 160), (290, 180)]
CAMERAS = [(-150.0, 60.0, 110.0), (120.0, -120.0, -30.0), (240.0, 80.0, 220.0)]
_NAMES = UUID("018f0000-0000-7000-8000-00000000000c")


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a point of the city, metres from its centre."""
    per_longitude = 111_320 * math.cos(math.radians(LATITUDE))
    return LATITUDE + north_m / 111_320, LONGITUDE + east_m / per_longitude


def now_us() -> int:
    return time.time_ns() // 1_000


def fan(east_m: float, north_m: float, bearing_deg: float) -> tuple[tuple[float, float], ...]:
    """What a camera sees: 60 m, 64 degrees wide."""
    rays = [math.radians(bearing_deg + turn) for turn in range(-32, 33, 8)]
    corners = [at(east_m + 60 * math.sin(ray), north_m + 60 * math.cos(ray)) for ray in rays]
    return (at(east_m, north_m), *corners, at(east_m, north_m))


class City:
    """The hub under test: start, stop, put an incident in, see what people decided."""

    def __init__(self, config: HubConfig) -> None:
        self.config = config
        self.app: web.Application | None = None
        self._serving: contextlib.AbstractAsyncContextManager[tuple[web.Application, int]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.http.port}"

    async def start(self) -> None:
        self._serving = serving(self.config)
        self.app, port = await self._serving.__aenter__()
        # A hub that comes back comes back where it was.
        self.config = msgspec.structs.replace(self.config, http=Http(port=port))

    async def stop(self) -> None:
        if self._serving is not None:
            await self._serving.__aexit__(None, None, None)
            self._serving = None

    async def add_sensors(self) -> None:
        """Twelve microphones, of which one is silent and one has a poor clock, and three cameras."""
        for index, (east, north) in enumerate(MICROPHONES, start=1):
            latitude, longitude = at(east, north)
            await self._add(
                SensorRecord(id=f"mic-{index:02d}", kind="microphone", latitude=latitude, longitude=longitude),
                sigma_us=60_000 if index == 4 else 180,
                heard=index != 9,
            )
        for index, (east, north, bearing) in enumerate(CAMERAS, start=1):
            latitude, longitude = at(east, north)
            record = SensorRecord(
                id=f"cam-{index:02d}",
                kind="camera",
                latitude=latitude,
                longitude=longitude,
                field_of_view=fan(east, north, bearing),
            )
            await self._add(record, sigma_us=5_000, heard=True)

    async def _add(self, record: SensorRecord, sigma_us: int, heard: bool) -> None:
        assert self.app is not None
        registry = self.app[REGISTRY]
        await registry.add(msgspec.structs.replace(record, public_key=bytes(32), created_us=now_us()))
        await registry.sensor(record.id)
        if heard:
            registry.heard(record.id, [_heartbeat(record.id, sigma_us)], now_us())

    async def heard(self, sensor: str, sigma_us: int) -> None:
        """A heartbeat of `sensor` with a clock as good as said."""
        assert self.app is not None
        await self.app[REGISTRY].sensor(sensor)
        self.app[REGISTRY].heard(sensor, [_heartbeat(sensor, sigma_us)], now_us())

    async def incident(self, name: str = "shot", **changes: Any) -> Incident:
        """Put an incident into the store as fusion would; the same name is the same incident."""
        assert self.app is not None
        made = gunshot(name, **changes)
        await self.app[STORE].save([made], now_us())
        return made

    async def state(self, incident: Incident) -> str:
        assert self.app is not None
        stored = await self.app[STORE].incident(incident.id)
        assert stored is not None
        return stored.state

    async def reasons(self, incident: Incident) -> list[tuple[str, str]]:
        """(action, reason) of every decision."""
        assert self.app is not None
        stored = await self.app[STORE].incident(incident.id)
        assert stored is not None
        return [(decision.action, decision.reason or "") for decision in stored.decisions]

    async def account(self, name: str, role: Any, password: str) -> None:
        assert self.app is not None
        await self.app[ACCOUNTS].create(name, role, password, now_us())


def _heartbeat(sensor: str, sigma_us: int) -> Heartbeat:
    return Heartbeat(
        id=UUID(bytes=uuid7().bytes),
        sensor=sensor,
        sent=now_us(),
        uptime_s=60.0,
        clock_offset_us=0,
        clock_sigma_us=sigma_us,
        queue_depth=0,
        dropped=0,
        capture="ok",
        software="0.1.0",
    )


def gunshot(name: str, *, east: float = 20.0, north: float = 60.0, age_s: float = 20.0, **changes: Any) -> Incident:
    """A gunshot heard by the six nearest microphones, with evidence for and against."""
    onset = now_us() - int(age_s * 1e6)
    latitude, longitude = at(east, north)
    distances = sorted((math.dist((east, north), place), f"mic-{k:02d}") for k, place in enumerate(MICROPHONES, 1))
    arrivals = tuple(
        Arrival(
            sensor, uuid5(_NAMES, sensor), onset + int(distance / SPEED_MPS * 1e6), distance, 0.2 if index % 2 else -0.3
        )
        for index, (distance, sensor) in enumerate(distances[:6])
    )
    evidence = (
        Evidence("base_rate", -2.1, "evidence_base_rate_slow", {}),
        Evidence(
            "sound", 3.4, "evidence_agreement", {"agreeing": 6, "in_range": 7, "residual_ms": 0.3}, arrivals[0].sensor
        ),
        Evidence("camera", 1.2, "evidence_camera_crowd_movement", {"sensor": "cam-02", "delay_s": 3.4}, "cam-02"),
        Evidence("silence", -0.6, "evidence_silence", {"sensor": "mic-12", "distance_m": 295}, "mic-12"),
    )
    values: dict[str, Any] = {
        "id": uuid5(_NAMES, name),
        "revision": 1,
        "event": "gunshot",
        "onset_us": onset,
        "end_us": onset + 900_000,
        "updated_us": now_us(),
        "place": Place("ellipse", latitude, longitude, Ellipse(11.4, 6.2, 35.0), residual_ms=0.31),
        "probability": 0.87,
        "rounds": 3,
        "evidence": evidence,
        "arrivals": arrivals,
        "exercise": True,
    }
    return Incident(**{**values, **changes})


def configuration(data_dir: Path, **changes: Any) -> HubConfig:
    """A laboratory of a hub on a free port, open to whoever sits at the machine."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "language": "en",
        "http": Http(port=0),
        "site": SiteConfig("Saint-Étienne", LATITUDE, LONGITUDE),
        "policy": PolicyConfig(profile="lab", responsible_person="A. Tester", start="2020-01-01", end="2099-01-01"),
        "open_console": True,
    }
    return HubConfig(**{**values, **changes})


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    """A running hub with its sensors and no incident."""
    made = City(configuration(tmp_path))
    await made.start()
    try:
        await made.add_sensors()
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def closed_city(tmp_path: Path) -> AsyncIterator[City]:
    """A running hub that nobody may look into without signing in."""
    made = City(configuration(tmp_path, open_console=False))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


OpenPage = Callable[..., Awaitable[Any]]


@pytest.fixture
async def open_page() -> AsyncIterator[OpenPage]:
    """`await open_page(url, width, height, **context)`: a page of Chromium; what it complains of fails the test."""
    playwright_api = pytest.importorskip("playwright.async_api")
    if not os.path.exists(CHROMIUM):  # noqa: ASYNC240 (once, before the loop has anything to do)
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    complaints: list[str] = []
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)

        async def open_one(url: str, width: int = 1920, height: int = 1080, **context: Any) -> Any:
            settings = {"color_scheme": "dark", "locale": "en-GB", "timezone_id": "Europe/Paris", **context}
            made = await browser.new_context(viewport={"width": width, "height": height}, **settings)
            page = await made.new_page()
            page.set_default_timeout(15_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
            await page.goto(url)
            return page

        try:
            yield open_one
        finally:
            await browser.close()
    assert not complaints


@pytest.fixture
def axe() -> Callable[[Any], Awaitable[list[str]]]:
    """`await axe(page)`: what axe-core finds against WCAG 2.2 AA on the page as it stands."""
    source = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

    async def look(page: Any) -> list[str]:
        await page.evaluate(source)
        found = await page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(tags)}}})")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    return look


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots are kept as build artefacts."""
    folder = Path(os.environ.get("TOCSIN_ARTIFACTS", Path(__file__).resolve().parents[2] / "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


DYING_CONFIG = """
data_dir = "{data}"
open_console = true
[http]
port = {port}
[policy]
profile = "lab"
responsible_person = "A. Tester"
start = "2026-01-01"
end = "2099-01-01"
"""


class HubProcess:
    """A hub process that is started and killed again on one port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = folder / "tocsin.toml"
        self.config.write_text(DYING_CONFIG.format(data=folder / "data", port=self.port))
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "hub.commands.main", "hub", "--config", str(self.config)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        while "ready" not in (line := self._process.stdout.readline()):
            assert line, "the hub ended before it was ready"

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def tocsin(self, *arguments: str) -> str:
        """Run the command line on this hub's configuration; its output."""
        command = [sys.executable, "-m", "hub.commands.main", *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def add_microphone(self, sensor: str, latitude: float, longitude: float) -> str:
        """Register a microphone; its one-time code."""
        at = f"{latitude:.7f},{longitude:.7f}"
        return str(json.loads(self.tocsin("sensors", "add", sensor, "--at", at, "--json"))["code"])


@pytest.fixture
def dying_hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub to start and kill; killed at the end."""
    hub = HubProcess(tmp_path)
    yield hub
    hub.kill()
