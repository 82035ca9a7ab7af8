"""The agent in its own process, watched from outside: what it writes, what it opens, whom it talks to, what it says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from hub.app import serving
from hub.config import Http, HubConfig
from hub.keys import LOG, REGISTRY
from hub.policy.basis import PolicyConfig
from hub.registry import SensorRecord
from models.fetched import FOLDER_VARIABLE
from sensors.identity import Identity
from sensors.lease import LEASE_PATH
from sensors.protocol import Batch, Detection, Heartbeat

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
LASTS_S = 60.0 if os.environ.get("TOCSIN_WATCH_A_MINUTE") else 12.0
"""A minute where it is asked for; what an agent opens and sends repeats within ten seconds, its heartbeat's period."""
MODELS = Path(os.environ.get("TOCSIN_DATA", Path(__file__).parents[4] / "shared" / "data")) / "models"
LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")
SETTINGS = """
masks = [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.2], [0.0, 0.2]]]
[[zones]]
name = "lawn"
rules = ["intrusion", "fire", "crowd_density", "crowd_movement", "abandoned_object", "person_down"]
polygon = [[0.3, 0.1], [1.0, 0.1], [1.0, 1.0], [0.3, 1.0]]
"""
IMAGE_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM6", b"ftyp", b"\x1aE\xdf\xa3", b"P6\n")


class Relay:
    """The only address that the agent is given: passes every byte on to a real hub, and keeps those of the agent."""

    def __init__(self, hub_port: int) -> None:
        self.sent: list[bytearray] = []
        """What the agent sent, connection by connection."""
        self._hub_port = hub_port
        self._links: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._linked, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _linked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self.sent.append(kept)
        from_hub, to_hub = await asyncio.open_connection("127.0.0.1", self._hub_port)
        back = asyncio.create_task(self._passed(from_hub, writer))
        self._links.add(back)
        back.add_done_callback(self._links.discard)
        await self._passed(reader, to_hub, kept)

    async def _passed(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None = None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if kept is not None:
                    kept += data
                writer.write(data)
                await writer.drain()
        writer.close()

    def requests(self) -> list[tuple[str, bytes]]:
        """Path and body of each whole request; what is no request fails the test."""
        return [request for kept in self.sent for request in parsed(bytes(kept))]

    async def aclose(self) -> None:
        self._server.close()
        await asyncio.gather(*self._links)


def parsed(data: bytes) -> list[tuple[str, bytes]]:
    """The HTTP/1.1 requests in `data`, to its last byte; only the last one may be cut off by the end of the agent."""
    found = []
    while data:
        head, whole, data = data.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        method, path, version = lines[0].split(" ")
        assert method in {"GET", "POST"}
        assert version == "HTTP/1.1"
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        assert "transfer-encoding" not in headers
        length = int(headers.get("content-length", "0"))
        if not whole or len(data) < length:
            break
        assert method == "POST" or length == 0
        # What an address says is short, and names no file.
        assert len(lines[0]) < 200
        found.append((path.partition("?")[0], data[:length]))
        data = data[length:]
    return found


def decoded(body: bytes) -> Batch:
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return msgspec.json.decode(body, type=Batch) if body[:1] == b"{" else msgspec.msgpack.decode(body, type=Batch)


def read(path: str) -> str:
    """A file of /proc; empty where its process has just ended."""
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def listed(path: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(path)
    return []


def family(pid: int) -> list[int]:
    """A process and those that it started."""
    found = [pid]
    for task in listed(f"/proc/{pid}/task"):
        for child in read(f"/proc/{pid}/task/{task}/children").split():
            found += family(int(child))
    return found


def held(pid: int) -> dict[str, str]:
    """What each descriptor of a process stands for."""
    found = {}
    for number in listed(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found[number] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def written(pid: int) -> set[str]:
    """Regular files that a process holds open for writing."""
    files = set()
    for number, target in held(pid).items():
        flags = re.search(r"flags:\s*(\d+)", read(f"/proc/{pid}/fdinfo/{number}"))
        if flags and int(flags[1], 8) & 3 and target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            files.add(target)
    return files


def peers(pid: int) -> set[tuple[str, int]]:
    """Remote ends of the TCP and UDP sockets of a process, as (address in hexadecimal, port)."""
    sockets = set(held(pid).values())
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in read(f"/proc/{pid}/net/{table}").splitlines()[1:]:
            fields = line.split()
            address, port = fields[2].rsplit(":", 1)
            if f"socket:[{fields[9]}]" in sockets and int(port, 16):
                found.add((address, int(port, 16)))
    return found


def snapshot(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


async def enrolled(app: web.Application, identity: Identity) -> None:
    """The camera, known to the hub under its key."""
    now_us = time.time_ns() // 1_000
    registry = app[REGISTRY]
    await registry.add(SensorRecord(id="cam-1", kind="camera", latitude=45.43, longitude=4.38, height_m=4.0))
    code = await registry.new_code("cam-1", now_us)
    await registry.enrol(code, base64.b64decode(identity.public_key), "camera", "tocsin-0.1.0", now_us)


async def taken(app: web.Application) -> None:
    """Return once the hub has a detection of the agent in its log."""
    position = 0
    while True:
        entries = await app[LOG].read(position, 1_000)
        if any(isinstance(entry.message, Detection) for entry in entries):
            return
        position = entries[-1].position if entries else position
        await app[LOG].wait(position)


async def test_a_watched_agent_writes_its_spool_and_sends_wire_messages_and_nothing_else(tmp_path, street, write_video):
    images = [street.frame([((i / 10 - 3) * 0.1, 0.4, 0.06, 0.4)] if i > 30 else []) for i in range(140)]
    clip = await asyncio.to_thread(write_video, images)
    home, state, settings = tmp_path / "home", tmp_path / "state", tmp_path / "square.toml"
    home.mkdir()
    state.mkdir()
    settings.write_text(SETTINGS)
    key = tmp_path / "cam-1.pem"
    hub = HubConfig(data_dir=tmp_path.parent / f"{tmp_path.name}-hub", http=Http(port=0), policy=LAB)
    async with serving(hub) as (app, hub_port):
        relay = Relay(hub_port)
        await relay.start()
        identity = await asyncio.to_thread(Identity.create, key, "cam-1", f"http://127.0.0.1:{relay.port}")
        await enrolled(app, identity)
        before = await asyncio.to_thread(snapshot, tmp_path)
        environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
        # With the detector at work where there is one: it sees the most of all.
        environment[FOLDER_VARIABLE] = str(MODELS)
        command = [
            sys.executable,
            "-m",
            "hub.commands.main",
            "camera",
            "--file",
            str(clip),
            "--settings",
            str(settings),
        ]
        command += ["--repeat", "--identity", str(key), "--state", str(state)]
        agent = await asyncio.to_thread(
            subprocess.Popen, command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        opened: set[str] = set()
        met: set[tuple[str, int]] = set()
        try:
            await asyncio.wait_for(taken(app), 120.0)
            until = time.monotonic() + LASTS_S
            while time.monotonic() < until:
                for pid in await asyncio.to_thread(family, agent.pid):
                    opened |= await asyncio.to_thread(written, pid)
                    met |= await asyncio.to_thread(peers, pid)
                await asyncio.sleep(0.1)
            assert agent.poll() is None
        finally:
            agent.terminate()
            await asyncio.to_thread(agent.wait, 60)
            await relay.aclose()
        kept_there = [entry.message for entry in await app[LOG].read(0, 100_000)]
    after = await asyncio.to_thread(snapshot, tmp_path)
    new = {path for path in after - before if "__pycache__" not in path.parts}
    assert all(path.is_relative_to(state) for path in new)
    assert all(Path(path).is_relative_to(state) for path in opened)
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert met
    assert {(address in loopback, port) for address, port in met} == {(True, relay.port)}
    requests = relay.requests()
    assert {path for path, _ in requests} <= {"/api/v1/ingest", LEASE_PATH}
    bodies = [body for path, body in requests if path == "/api/v1/ingest"]
    assert not any(body for path, body in requests if path == LEASE_PATH)
    told = [message for body in bodies for message in decoded(body).messages]
    assert all(isinstance(message, Heartbeat | Detection) for message in told)
    # It did see the walker: what was watched is an agent at work, and the hub took it in.
    assert any(isinstance(message, Detection) for message in told)
    models = {model for message in told if isinstance(message, Heartbeat) for model in message.models}
    assert any(model.startswith("yolox-nano@") for model in models) == (MODELS / "yolox_nano.onnx").is_file()
    assert {message.id for message in kept_there} <= {message.id for message in told}
    kept = b"".join([path.read_bytes() for path in new] + [bytes(one) for one in relay.sent])
    assert not [mark for mark in IMAGE_MARKS if mark in kept]
    # A row of the picture, in whatever file: grey values of the street that no message could hold.
    assert not any(bytes(image[90, 100:140].tobytes()) in kept for image in images[::20])
