"""The real hub, killed with -9 again and again while an agent sends: nothing that was said is lost or counted twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uuid6

from hub.log import read_file
from sensors.agent import Agent, Send, StationHealth
from sensors.enrolment import enrol
from sensors.identity import Identity
from sensors.protocol import Detection
from sensors.spool import Spool
from sensors.uplink import Uplink

pytestmark = pytest.mark.e2e

CONFIG = """
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


def tocsin(*arguments: str) -> str:
    """Run the command line; its output."""
    command = [sys.executable, "-m", "hub.commands.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def hub_process(config: Path) -> Iterator[subprocess.Popen[str]]:
    """A real hub that is ready; killed at the end."""
    command = [sys.executable, "-m", "hub.commands.main", "hub", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            while "ready" not in (line := process.stdout.readline()):
                assert line, "the hub ended before it was ready"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


class Talker:
    """A station that detects something every few milliseconds and remembers what it said."""

    def __init__(self) -> None:
        self.said: list[Detection] = []
        self.enough = asyncio.Event()

    def health(self) -> StationHealth:
        return StationHealth("ok", clock_sigma_us=100)

    async def run(self, send: Send) -> None:
        while not self.enough.is_set():
            now = time.time_ns() // 1_000
            message = Detection(
                id=uuid6.uuid7(), sensor="mic-1", sent=now, event="gunshot", onset=now, duration_s=0.1, score=0.9,
                clock_sigma_us=100, model="test@12345678",
            )  # fmt: skip
            await send(message)
            self.said.append(message)
            await asyncio.sleep(0.004)


@pytest.fixture
def config(tmp_path: Path) -> tuple[Path, int]:
    """A lab hub on a free port that stays the same over restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG.format(data=tmp_path / "data", port=port))
    return path, port


async def test_killing_the_hub_loses_no_detection_and_repeats_none(config: tuple[Path, int], tmp_path: Path) -> None:
    path, port = config
    added = await asyncio.to_thread(
        tocsin, "sensors", "add", "mic-1", "--at", "45.44,4.38", "--config", str(path), "--json"
    )
    url = f"http://127.0.0.1:{port}"
    talker = Talker()
    spool = Spool(tmp_path / "spool.sqlite")
    loop = asyncio.get_running_loop()

    def start() -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        stack.enter_context(hub_process(path))
        return stack

    running = await asyncio.to_thread(start)
    try:
        identity = await enrol(url, json.loads(added)["code"], tmp_path / "mic-1.pem")
        # Without waits between its tries the uplink meets every moment of the hub's dying and starting.
        uplink = Uplink(url, identity, spool, randomness=lambda: 0.0)
        agent = asyncio.create_task(Agent("mic-1", talker, spool, uplink).run())
        for pause_s in (0.3, 0.05, 0.15):
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(running.close)
            running = await asyncio.to_thread(start)
        await asyncio.sleep(0.3)
        talker.enough.set()
        await asyncio.wait_for(agent, 60)
        counts = await spool.counts()
    finally:
        await loop.run_in_executor(None, running.close)
        await spool.aclose()
    entries = await asyncio.to_thread(lambda: list(read_file(tmp_path / "data" / "log.sqlite")))
    kept = [entry.message.id for entry in entries if isinstance(entry.message, Detection)]
    assert sorted(kept) == sorted(message.id for message in talker.said)
    assert (counts.depth, counts.dropped_total, counts.refused) == (0, 0, 0)


async def test_revoking_from_the_command_line_shuts_a_sensor_out_of_the_running_hub(
    config: tuple[Path, int], tmp_path: Path
) -> None:
    path, port = config
    talker = Talker()
    spool = Spool(":memory:")
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, hub_process(path))
        added = await asyncio.to_thread(
            tocsin, "sensors", "add", "mic-1", "--at", "45.44,4.38", "--config", str(path), "--json"
        )
        url, key = f"http://127.0.0.1:{port}", str(tmp_path / "mic-1.pem")
        code = json.loads(added)["code"]
        enrolled = await asyncio.to_thread(tocsin, "enrol", "--hub", url, "--code", code, "--key", key, "--json")
        assert json.loads(enrolled)["sensor"] == "mic-1"
        uplink = Uplink(url, await asyncio.to_thread(Identity.load, tmp_path / "mic-1.pem"), spool)
        agent = asyncio.create_task(Agent("mic-1", talker, spool, uplink).run())
        async with asyncio.timeout(20):
            while uplink.health.delivered < 10:  # noqa: ASYNC110 - the hub is another process
                await asyncio.sleep(0.02)
            await asyncio.to_thread(tocsin, "sensors", "revoke", "mic-1", "--reason", "stolen", "--config", str(path))
            while uplink.health.state != "revoked":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        shown = json.loads(await asyncio.to_thread(tocsin, "sensors", "show", "mic-1", "--config", str(path), "--json"))
        assert (shown["state"], shown["state_reason"]) == ("revoked", "stolen")
        agent.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await agent
    await spool.aclose()
