"""A real server with intake, registry and log on a free port, and sensors that are enrolled at it."""

from __future__ import annotations

import asyncio
import atexit
import base64
import concurrent.futures
import contextlib
import functools
import io
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uuid6
from aiohttp import web
from yarl import URL

from hub.config import HubConfig, PolicyConfig
from hub.ingest import add_routes
from hub.keys import CONFIG, GATE, LOG, REGISTRY
from hub.log import EmbeddedLog
from hub.policy.gate import Gate
from hub.problem import problems
from hub.registry import Registry, SensorRecord
from hub.store.engine import migrate, open_engine
from hub.words import catalogue
from sensors.identity import Identity, authority_of
from sensors.protocol import AnyMessage, Detection, Heartbeat

BROKER = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
MODEL = "tocsin-acoustic@0123456789abcdef"


def now_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000


def make_detection(sensor: str = "mic-1", **fields: Any) -> Detection:
    """A gunshot heard now."""
    now = now_us()
    values: dict[str, Any] = {
        "id": uuid6.uuid7(),
        "sensor": sensor,
        "sent": now,
        "event": "gunshot",
        "onset": now - 200_000,
        "duration_s": 0.2,
        "score": 0.9,
        "clock_sigma_us": 500,
        "model": MODEL,
    }
    return Detection(**{**values, **fields})


def make_heartbeat(sensor: str = "mic-1", **fields: Any) -> Heartbeat:
    """An agent that is well."""
    values: dict[str, Any] = {
        "id": uuid6.uuid7(),
        "sensor": sensor,
        "sent": now_us(),
        "uptime_s": 5.0,
        "clock_offset_us": 100,
        "clock_sigma_us": 500,
        "queue_depth": 0,
        "dropped": 0,
        "capture": "ok",
        "software": "tocsin-0.1.0",
    }
    return Heartbeat(**{**values, **fields})


def packed(messages: Sequence[AnyMessage]) -> bytes:
    """A batch as MessagePack."""
    return msgspec.msgpack.encode({"messages": messages})


@functools.cache
def migrated() -> Path:
    """An empty state of the newest schema, made once: migrating takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="tocsin-")) / "state.sqlite"
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(migrate(f"sqlite:///{path}"))).result()
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The stable code of a problem document."""
        return str(self.body.get("code", ""))


@dataclass(slots=True)
class Hub:
    """The server, its parts, and a client that signs."""

    url: URL
    session: aiohttp.ClientSession
    app: web.Application
    identity: Identity

    @property
    def log(self) -> Any:
        """The event log."""
        return self.app[LOG]

    @property
    def registry(self) -> Registry:
        """The registry."""
        return self.app[REGISTRY]

    def signed(self, body: bytes, *, identity: Identity | None = None, **changes: Any) -> dict[str, str]:
        """Headers of a request that the sensor signs now."""
        parts: dict[str, Any] = {
            "method": "POST",
            "authority": authority_of(self.url),
            "path": "/api/v1/ingest",
            "content_type": "application/msgpack",
            "created_s": int(time.time()),
        }
        return (identity or self.identity).sign(body=body, **{**parts, **changes})

    async def post(self, body: bytes, headers: dict[str, str] | None = None, path: str = "/api/v1/ingest") -> Answer:
        """Send `body`, signed unless headers are given."""
        if headers is None:
            headers = self.signed(body)
        async with self.session.post(self.url.with_path(path), data=io.BytesIO(body), headers=headers) as response:
            raw = await response.read()
            return Answer(response.status, msgspec.json.decode(raw), dict(response.headers))

    async def send(self, messages: Sequence[AnyMessage]) -> Answer:
        """Send messages as an agent does."""
        return await self.post(packed(messages))

    async def enrol(self, sensor: str, kind: str = "microphone") -> Identity:
        """Register and enrol one more sensor."""
        identity = Identity.generate(sensor)
        await self.registry.add(SensorRecord(id=sensor, kind=kind, latitude=45.44, longitude=4.38))  # type: ignore[arg-type]
        code = await self.registry.new_code(sensor, now_us())
        await self.registry.enrol(code, base64.b64decode(identity.public_key), None, "test", now_us())
        return identity


@contextlib.asynccontextmanager
async def running_hub(
    folder: Path, profile: str = "lab", clock: Callable[[], int] = now_us, **log_options: Any
) -> AsyncIterator[Hub]:
    """Intake on a free port with the state in `folder`; `mic-1` is enrolled."""
    policy = PolicyConfig(profile=profile, responsible_person="A. Tester", start="2026-01-01", end="2099-01-01")  # type: ignore[arg-type]
    config = HubConfig(data_dir=folder, state_url=f"sqlite:///{folder / 'state.sqlite'}", policy=policy)
    await asyncio.to_thread(shutil.copyfile, migrated(), folder / "state.sqlite")
    await asyncio.to_thread(catalogue)
    engine = open_engine(config.database_url)
    app = web.Application(middlewares=[problems], client_max_size=4 * 2**20)
    app[CONFIG] = config
    app[GATE] = Gate(config.policy)
    app[REGISTRY] = Registry(engine)
    app[LOG] = await EmbeddedLog.open(folder / "log.sqlite", **log_options)
    add_routes(app, now_us=clock)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            hub = Hub(URL(f"http://127.0.0.1:{port}/api/v1/ingest"), session, app, Identity.generate("mic-1"))
            hub.identity = await hub.enrol("mic-1")
            yield hub
    finally:
        await runner.cleanup()
        await app[REGISTRY].aclose()
        await app[LOG].aclose()
        await engine.dispose()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub in the `lab` profile."""
    async with running_hub(tmp_path) as running:
        yield running


@pytest.fixture
def start_hub() -> Callable[..., contextlib.AbstractAsyncContextManager[Hub]]:
    """Starts hubs that are otherwise set up."""
    return running_hub


@pytest.fixture
def detection() -> Callable[..., Detection]:
    """Makes detections."""
    return make_detection


@pytest.fixture
def heartbeat() -> Callable[..., Heartbeat]:
    """Makes heartbeats."""
    return make_heartbeat


@pytest.fixture
def pack() -> Callable[[Sequence[AnyMessage]], bytes]:
    """Packs a batch."""
    return packed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A mosquitto on a free port that lets everybody in."""
    if not Path(BROKER).exists():
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    settings = tmp_path / "mosquitto.conf"
    for _attempt in range(10):  # mosquitto takes no port 0, and the one that was free may be taken meanwhile
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        with subprocess.Popen([BROKER, "-c", str(settings)], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            if any("running" in line for line in process.stderr):
                yield port
                process.terminate()
                return
    raise RuntimeError("no mosquitto came up")
