"""The agent in its own process, watched from outside: what it writes, what it opens, whom it talks to, what it says."""

from __future__ import annotations

import asyncio
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

from sensors.identity import Identity
from sensors.lease import LEASE_PATH
from sensors.protocol import VIDEO_EVENTS, Batch, Detection, Heartbeat

pytestmark = pytest.mark.e2e
LASTS_S = 60.0 if os.environ.get("TOCSIN_WATCH_A_MINUTE") else 12.0
"""A minute where it is asked for; what an agent opens and sends repeats within ten seconds, its heartbeat's period."""
SETTINGS = """
masks = [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.2], [0.0, 0.2]]]
[[zones]]
name = "lawn"
rules = ["intrusion", "fire", "crowd_density", "crowd_movement", "abandoned_object", "person_down"]
polygon = [[0.3, 0.1], [1.0, 0.1], [1.0, 1.0], [0.3, 1.0]]
"""
IMAGE_MARKS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM6", b"ftyp", b"\x1aE\xdf\xa3", b"P6\n")


class Endpoint:
    """The only address that the agent is given: grants a lease, takes everything, and keeps every byte it gets."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.told = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.path, body))
        if request.path == LEASE_PATH:
            # Held like a hub holds it, so that the agent does not ask all the time.
            held_s = 2.0 if request.query.get("known") else 0.0
            await asyncio.sleep(held_s)
            lease = {"granted": True, "seconds": 60.0, "held_s": held_s, "mode": "dispatch", "tag": "t"}
            return web.json_response({**lease, "classes": sorted(VIDEO_EVENTS)})
        if request.path.endswith("/ingest"):
            messages = decoded(body).messages
            if any(isinstance(message, Detection) for message in messages):
                self.told.set()
            return web.json_response({"accepted": len(messages), "repeated": 0, "refused": []})
        return web.json_response({}, status=404)

    async def aclose(self) -> None:
        await self._runner.cleanup()


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


async def test_a_watched_agent_writes_its_spool_and_sends_wire_messages_and_nothing_else(tmp_path, street, write_video):
    images = [street.frame([((i / 10 - 3) * 0.1, 0.4, 0.06, 0.4)] if i > 30 else []) for i in range(140)]
    clip = await asyncio.to_thread(write_video, images)
    home, state, settings = tmp_path / "home", tmp_path / "state", tmp_path / "square.toml"
    home.mkdir()
    state.mkdir()
    settings.write_text(SETTINGS)
    endpoint = Endpoint()
    await endpoint.start()
    key = tmp_path / "cam-1.pem"
    await asyncio.to_thread(Identity.create, key, "cam-1", f"http://127.0.0.1:{endpoint.port}")
    before = await asyncio.to_thread(snapshot, tmp_path)
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    command = [sys.executable, "-m", "hub.commands.main", "camera", "--file", str(clip), "--settings", str(settings)]
    command += ["--repeat", "--identity", str(key), "--state", str(state)]
    agent = await asyncio.to_thread(
        subprocess.Popen, command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    opened: set[str] = set()
    met: set[tuple[str, int]] = set()
    try:
        await asyncio.wait_for(endpoint.told.wait(), 90.0)
        until = time.monotonic() + LASTS_S
        while time.monotonic() < until:
            for pid in await asyncio.to_thread(family, agent.pid):
                opened |= await asyncio.to_thread(written, pid)
                met |= await asyncio.to_thread(peers, pid)
            await asyncio.sleep(0.1)
        assert agent.poll() is None
    finally:
        agent.terminate()
        await asyncio.to_thread(agent.wait, 30)
        await endpoint.aclose()
    after = await asyncio.to_thread(snapshot, tmp_path)
    new = {path for path in after - before if "__pycache__" not in path.parts}
    assert all(path.is_relative_to(state) for path in new)
    assert all(Path(path).is_relative_to(state) for path in opened)
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert met
    assert {(address in loopback, port) for address, port in met} == {(True, endpoint.port)}
    assert endpoint.requests
    bodies = [body for path, body in endpoint.requests if path.endswith("/ingest")]
    for body in bodies:
        for message in decoded(body).messages:
            assert isinstance(message, Heartbeat | Detection)
    # It did see the walker: what was watched is an agent at work.
    assert any(isinstance(one, Detection) for body in bodies for one in decoded(body).messages)
    kept = b"".join([path.read_bytes() for path in new] + [body for _, body in endpoint.requests])
    assert not [mark for mark in IMAGE_MARKS if mark in kept]
    # A row of the picture, in whatever file: grey values of the street that no message could hold.
    assert not any(bytes(image[90, 100:140].tobytes()) in kept for image in images[::20])
