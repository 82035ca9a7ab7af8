"""Two real hub processes on one PostgreSQL and one nats-server, a receiver of dispatches, a street of microphones."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import uuid6
from aiohttp import web
from pymap3d import enu2geodetic
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.registry import Registry, SensorRecord
from hub.store.engine import async_url, migrate, open_engine
from sensors.identity import Identity
from sensors.protocol import Batch, Detection, json_encoder

ORIGIN = (45.4361, 4.3780)
MICROPHONES = ((-180.0, 90.0), (170.0, 140.0), (220.0, -120.0), (-60.0, -210.0), (20.0, 190.0), (-230.0, -90.0))
"""East and north of the origin in metres."""
SPEED_MPS = 20.03 * math.sqrt(15.0 + 273.15)
SECRET = "whsec_dG9jc2luLXRlc3Qtb2YtdHdvLWh1YnMtMDAwMDA="
CONFIG = """
data_dir = "{folder}/{name}"
state_url = "{state}"
open_console = true
[http]
port = 0
[log]
url = "{nats}"
[cluster]
name = "{name}"
[policy]
profile = "lab"
responsible_person = "A. Tester"
start = "2026-01-01"
end = "2099-01-01"
[[webhooks]]
name = "dispatch"
url = "{receiver}"
secret = "{secret}"
exercise = true
allow_private = ["127.0.0.1"]
"""


class Hub:
    """One hub process; what it says on standard error is kept line by line, with the moment it came."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.url = ""
        self.said: list[tuple[float, dict[str, Any]]] = []
        self._process: subprocess.Popen[str] | None = None
        self._ear: threading.Thread | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "hub.commands.main", "hub", "--json", "--config", str(self.config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        self._process = process
        self._ear = threading.Thread(target=self._hear, args=(process,), daemon=True)
        self._ear.start()
        while "ready" not in (line := process.stdout.readline()):
            assert line, f"the hub ended before it was ready: {self.said[-5:]}"
        self.url = json.loads(line)["ready"]

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                self.said.append((time.monotonic(), json.loads(line)))
            except json.JSONDecodeError:
                self.said.append((time.monotonic(), {"event": line.rstrip()}))

    def moment(self, event: str) -> float | None:
        """When it first said `event`, by the monotonic clock; None where it never did."""
        return next((at for at, line in list(self.said) if line.get("event") == event), None)

    async def says(self, event: str) -> float:
        """Wait until it says `event`; when that was."""
        async with asyncio.timeout(90):
            while (at := self.moment(event)) is None:  # noqa: ASYNC110 - another process says it
                await asyncio.sleep(0.02)
        return at

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._ear is not None
        self._ear.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        self._process = None

    def stop(self) -> None:
        """As a service manager does."""
        self.signal(signal.SIGTERM)
        assert self._process is not None
        self._process.wait(timeout=90)
        self.kill()


class Street:
    """The microphones, enrolled: a shot is heard by each at its time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.identities: list[Any] = []

    async def enrol(self, state_url: str) -> None:
        """In the state itself, before a hub starts: fusion looks at the register only every few seconds."""
        await migrate(state_url)
        engine = open_engine(state_url)
        registry = Registry(engine)
        for number, place in enumerate(MICROPHONES):
            latitude, longitude, _ = enu2geodetic(*place, 0.0, *ORIGIN, 0.0)
            identity = Identity.generate(f"mic-{number}")
            await registry.add(
                SensorRecord(id=identity.sensor, kind="microphone", latitude=latitude, longitude=longitude)
            )
            now_us = time.time_ns() // 1_000
            code = await registry.new_code(identity.sensor, now_us)
            await registry.enrol(code, base64.b64decode(identity.public_key), None, "test", now_us)
            self.identities.append(identity)
        await registry.aclose()
        await engine.dispose()

    @staticmethod
    def heard(fired_us: int, at: tuple[float, float]) -> list[Detection]:
        """What each microphone tells of one shot."""
        detections = []
        for number, place in enumerate(MICROPHONES):
            onset = fired_us + round(math.dist(place, at) / SPEED_MPS * 1e6)
            detections.append(
                Detection(
                    id=uuid6.uuid7(),
                    sensor=f"mic-{number}",
                    sent=onset + 200_000,
                    event="gunshot",
                    onset=onset,
                    duration_s=0.1,
                    score=0.95,
                    clock_sigma_us=200,
                    model="test@12345678",
                    peak_db=110.0,
                    snr_db=30.0,
                    exercise=True,
                )
            )
        return detections

    async def send(self, hub: Hub, detection: Detection) -> bool:
        """True once `hub` has acknowledged it; False where it can't be reached or can't write now."""
        identity = self.identities[int(detection.sensor.removeprefix("mic-"))]
        body = json_encoder.encode(Batch([detection]))
        path, kind = "/api/v1/ingest", "application/json"
        headers = identity.sign(
            method="POST", authority=hub.url.removeprefix("http://"), path=path, content_type=kind, body=body,
            created_s=int(time.time()),
        )  # fmt: skip
        try:
            async with self.session.post(hub.url + path, data=body, headers={"Content-Type": kind, **headers}) as said:
                assert said.status in {200, 503}, await said.text()
                if said.status == 503:
                    assert int(said.headers["Retry-After"]) >= 1
                return said.status == 200
        except aiohttp.ClientError:
            return False

    async def insist(self, hubs: Sequence[Hub], detection: Detection) -> None:
        """As an agent behind a proxy does: to whichever hub answers, until one has acknowledged it."""
        async with asyncio.timeout(90):
            while True:
                for hub in hubs:
                    if await self.send(hub, detection):
                        return
                await asyncio.sleep(0.05)

    async def incidents(self, hub: Hub) -> list[dict[str, Any]]:
        async with self.session.get(f"{hub.url}/api/v1/incidents") as said:
            return list((await said.json())["incidents"])

    async def until(self, hub: Hub, count: int, microphones: int = 4) -> list[dict[str, Any]]:
        """The incidents once at least `count` rest on so many microphones each."""
        end = time.monotonic() + 90
        while True:
            found = await self.incidents(hub)
            whole = [one for one in found if len({a["sensor"] for a in one["arrivals"]}) >= microphones]
            if len(whole) >= count:
                return found
            told = [(one["onset_us"], one["rounds"], len(one["arrivals"])) for one in found]
            if time.monotonic() > end:
                raise AssertionError(f"{told} {[line for _, line in hub.said[-20:]]}")
            await asyncio.sleep(0.05)

    async def confirm(self, hub: Hub, incident: dict[str, Any]) -> int:
        """Confirm as a person does: on the revision that stands there; the last answer's status."""
        async with asyncio.timeout(90):
            while True:
                async with self.session.get(f"{hub.url}/api/v1/incidents/{incident['id']}") as said:
                    revision = (await said.json())["revision"]
                body = {"action": "confirm", "revision": revision}
                address = f"{hub.url}/api/v1/incidents/{incident['id']}/decisions"
                async with self.session.post(address, json=body, headers={"X-Tocsin": "1"}) as said:
                    if said.status != 409 or (await said.json())["code"] != "stale_revision":
                        return said.status


class Dispatch:
    """A receiver that keeps every request it gets, repeats too."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.headers["webhook-id"], await request.json()))
        return web.json_response({})

    async def until(self, count: int) -> None:
        async with asyncio.timeout(90):
            while len(self.got) < count:  # noqa: ASYNC110 - other processes send
                await asyncio.sleep(0.05)


@pytest.fixture
async def dispatch() -> AsyncIterator[tuple[Dispatch, str]]:
    """The receiver and its address."""
    receiver = Dispatch()
    app = web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture
async def state_url(postgresql_server: str) -> AsyncIterator[str]:
    """An empty database."""
    name = f"tocsin_{uuid4().hex}"
    administrator = create_async_engine(async_url(postgresql_server), isolation_level="AUTOCOMMIT")
    async with administrator.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgresql_server.replace("/postgres?", f"/{name}?")
    async with administrator.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await administrator.dispose()


@pytest.fixture
def hubs(tmp_path: Path, state_url: str, nats_server: Any, dispatch: tuple[Dispatch, str]) -> Iterator[list[Hub]]:
    """Two hubs, not started; killed at the end."""
    made = []
    for name in ("hub-1", "hub-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "audit.key").write_bytes(bytes(range(32)))
        config = tmp_path / f"{name}.toml"
        config.write_text(
            CONFIG.format(
                folder=tmp_path, name=name, state=state_url, nats=nats_server.url, receiver=dispatch[1], secret=SECRET
            )
        )
        made.append(Hub(config))
    yield made
    for hub in made:
        hub.kill()
        for at, line in hub.said:  # shown where the test failed
            print(hub.config.stem, round(at, 2), line)  # noqa: T201


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    """Microphones that nobody enrolled yet."""
    with contextlib.suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            yield Street(session)
