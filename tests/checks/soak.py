"""The fault campaign: hub and agents are killed with -9 at random moments under load, and everything else fails too.

In between: the wires between agents and hub and between hub and receiver are cut and stalled, the disk is full (a real
one where this process may mount) and read-only, the hub's clock is set an hour forward and back, and receivers answer
500, hang, close, say 410, or show a wrong certificate. At the end pages of both databases are overwritten, and the hub
has to come up by itself with everything that it had acknowledged.

    python tests/checks/soak.py --kills 200      the long form (`make soak`)
    python tests/checks/soak.py --kills 6        the short form, a test

Ends with 1 where anything that was said is not stored, or a confirmed incident was not dispatched, or twice.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from soak_agents import PLACES, position
from soak_disk import Disk
from soak_faults import FAULT_S, SHORT_FAULT_S, Faults
from soak_receivers import SECRET, Receivers, certificate
from soak_wire import Wire

from hub.log import read_file
from hub.registry import Registry, SensorRecord
from hub.store.changes import Bell
from hub.store.engine import migrate, open_engine
from hub.store.outbox import Outbox
from sensors.identity import Identity
from sensors.protocol import Heartbeat

WIRE: Final = Path(__file__).with_name("soak_wire.py")
AGENTS: Final = Path(__file__).with_name("soak_agents.py")
SHARES: Final = (("mic-1", "mic-2"), ("mic-3", "mic-4"))
FULL_BYTES: Final = 1_500_000
"""The largest file that a hub on a full disk may write."""
CONFIG = """
data_dir = "{data}"
open_console = true
[http]
port = {port}
[policy]
profile = "lab"
responsible_person = "soak"
start = "2026-01-01"
end = "2099-01-01"
"""
HOOK = """
[[webhooks]]
name = "{name}"
url = "{url}"
secret = "{secret}"
exercise = true
timeout_s = {timeout_s}
allow_private = ["127.0.0.1"]
"""


class Campaign(Faults):
    """One run."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self.folder = folder
        self.kills = kills
        self.fault_s = FAULT_S if kills >= 20 else SHORT_FAULT_S
        self.dice = random.Random(seed)
        self.receivers = Receivers(random.Random(seed + 1))
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.uplink = Wire(self.port)
        self.downlink: Wire | None = None
        self.disk = Disk(folder / "data")
        self.lived: Counter[str] = Counter()
        self.start_s = time.time() + 1.0
        self.hub: subprocess.Popen[str] | None = None
        self.agents: list[subprocess.Popen[bytes] | None] = [None, None]
        self.killed: Counter[str] = Counter()
        self.confirmed: set[str] = set()
        self.late: set[str] = set()
        self.faults: list[str] = []

    async def run(self) -> list[tuple[str, int]]:
        """The whole campaign; the table."""
        await self.uplink.start()
        runner = await self._receive()
        await self._register()
        operator = asyncio.create_task(self._operate())
        try:
            await self._start_hub()
            for share in range(len(SHARES)):
                self._start_agents(share)
            faults = (
                self._cut_uplink, self._full_disk, self._clock_ahead, self._stalled_uplink, self._cut_downlink,
                self._clock_behind, self._read_only_disk,
            )  # fmt: skip
            # Spread over the kills; a short campaign has them all in a row.
            due = [(number + 1) * self.kills // (len(faults) + 1) for number in range(len(faults))]
            while sum(self.killed.values()) < self.kills:
                while due and sum(self.killed.values()) >= due[0]:
                    due.pop(0)
                    await faults[len(faults) - len(due) - 1]()
                await self._kill_one()
            await self._finish()
        finally:
            operator.cancel()
            for process in (self.hub, *self.agents):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()
            with contextlib.suppress(asyncio.CancelledError):
                await operator
            await runner.cleanup()
            await self.uplink.close()
            if self.downlink is not None:
                await self.downlink.close()
        table = await asyncio.to_thread(self._table)
        try:
            await self._corrupt()
        finally:
            if self.hub is not None and self.hub.poll() is None:
                await self._kill_hub()
        return table

    async def _receive(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/good", self.receivers.good)
        app.router.add_post("/{name}", self.receivers.bad)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        wrong = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=await asyncio.to_thread(certificate, self.folder))
        await wrong.start()
        plain, tls = (address[1] for address in runner.addresses)
        self.downlink = Wire(plain)
        await self.downlink.start()
        config = CONFIG.format(data=self.folder / "data", port=self.port)
        for name in ("good", "fails", "hangs", "closes", "gone"):
            url = f"http://127.0.0.1:{self.downlink.port if name == 'good' else plain}/{name}"
            config += HOOK.format(name=name, url=url, secret=SECRET, timeout_s=2)
        config += HOOK.format(name="wrong", url=f"https://127.0.0.1:{tls}/wrong", secret=SECRET, timeout_s=2)
        await asyncio.to_thread((self.folder / "tocsin.toml").write_text, config)
        return runner

    async def _register(self) -> None:
        url = f"sqlite+aiosqlite:///{self.folder / 'data' / 'state.sqlite'}"
        await migrate(url)
        engine = open_engine(url)
        registry = Registry(engine)
        for sensor in PLACES:
            latitude, longitude = position(sensor)
            await registry.add(SensorRecord(id=sensor, kind="microphone", latitude=latitude, longitude=longitude))
            uplink = f"http://127.0.0.1:{self.uplink.port}"
            identity = await asyncio.to_thread(Identity.create, self.folder / f"{sensor}.pem", sensor, uplink)
            now_us = time.time_ns() // 1_000
            code = await registry.new_code(sensor, now_us)
            await registry.enrol(code, base64.b64decode(identity.public_key), None, "soak", now_us)
        await registry.aclose()
        await engine.dispose()

    async def _start_hub(self, *, full: bool = False, wait: bool = True) -> None:
        def start() -> None:
            clock, config = str(self.folder / "clock"), str(self.folder / "tocsin.toml")
            command = [sys.executable, str(WIRE), clock, "hub", "--config", config]
            with (self.folder / "hub.log").open("a") as log:
                limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))) if full else None
                self.hub = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=limit
                )  # fmt: skip
            if wait:
                assert self.hub.stdout is not None
                if "ready" not in self.hub.stdout.readline():
                    self.faults.append("the hub did not start again")

        await asyncio.to_thread(start)

    def _start_agents(self, share: int) -> None:
        uplink = f"http://127.0.0.1:{self.uplink.port}"
        command = [sys.executable, str(AGENTS), uplink, str(self.folder), str(self.start_s), *SHARES[share]]
        with (self.folder / f"agents-{share}.log").open("a") as log:
            self.agents[share] = subprocess.Popen(command, stdout=log, stderr=log)

    async def _kill_one(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.05, 2.0))
        if self.dice.random() < 0.5:
            await self._kill_hub()
            # Some are killed again while they start.
            while self.dice.random() < 0.2 and sum(self.killed.values()) < self.kills:
                await self._start_hub(wait=False)
                await asyncio.sleep(self.dice.uniform(0.2, 1.5))
                await self._kill_hub()
            await self._start_hub()
        else:
            share = self.dice.randrange(len(SHARES))
            agent = self.agents[share]
            assert agent is not None
            agent.send_signal(signal.SIGKILL)
            await asyncio.to_thread(agent.wait)
            self.killed["agents"] += 1
            self._start_agents(share)

    async def _kill_hub(self) -> None:
        assert self.hub is not None
        self.hub.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.hub.wait)
        if self.hub.stdout is not None:
            self.hub.stdout.close()
        self.killed["hub"] += 1

    async def _operate(self) -> None:
        """Confirm every open incident, one by one; what was answered with 200 must be dispatched.

        An incident that became known too late, after an outage, is confirmed too, but never dispatched.
        """
        timeout = aiohttp.ClientTimeout(total=5.0)
        async with aiohttp.ClientSession(self.url, timeout=timeout, headers={"X-Tocsin": "1"}) as session:
            while True:
                await asyncio.sleep(0.5)
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
                    async with session.get("/api/v1/incidents", params={"state": "open", "limit": "20"}) as answer:
                        found = (await answer.json())["incidents"] if answer.status == 200 else []
                    for one in found:
                        body = {"action": "confirm", "revision": one["revision"]}
                        path = f"/api/v1/incidents/{one['id']}/decisions"
                        async with session.post(path, json=body) as answer:
                            if answer.status == 200:
                                late = (await answer.json())["late"]
                                (self.late if late else self.confirmed).add(one["id"])

    async def _finish(self) -> None:
        """No more kills: agents empty their spools, receivers are well again, the good one gets what it lacks."""
        await asyncio.to_thread((self.folder / "enough").touch)
        self.receivers.calm = True
        for agent in self.agents:
            assert agent is not None
            try:
                await asyncio.wait_for(asyncio.to_thread(agent.wait), 60)
            except TimeoutError:
                self.faults.append("the agents did not empty their spools")
        # After many deaths and failures a message waits for minutes; a person would send it again by hand.
        await self._kill_hub()
        self.killed["hub"] -= 1
        engine = open_engine(f"sqlite+aiosqlite:///{self.folder / 'data' / 'state.sqlite'}")
        await Outbox(engine, Bell()).hurry("good", time.time_ns() // 1_000)
        await engine.dispose()
        await self._start_hub()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(90):
                while not self.confirmed <= set(self.receivers.got):  # noqa: ASYNC110 - another process delivers
                    await asyncio.sleep(0.5)

    def _said(self) -> list[str]:
        # The last line of a killed agent may be cut; what is not whole was not said.
        return [
            line
            for sensor in PLACES
            for line in (self.folder / f"said-{sensor}").read_text().splitlines()
            if len(line) == 36
        ]

    def _table(self) -> list[tuple[str, int]]:
        entries = list(read_file(self.folder / "data" / "log.sqlite"))
        stored = Counter(str(entry.message.id) for entry in entries if not isinstance(entry.message, Heartbeat))
        said = self._said()
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "state.sqlite")) as database:
            query = "SELECT state, attempts, error, count(*) FROM outbox WHERE endpoint = 'good' GROUP BY 1, 2, 3"
            left = [row for row in database.execute(query) if row[0] not in ("delivered", "superseded")]
        if self.confirmed - set(self.receivers.got):
            self.faults.append(f"left in the outbox: {left}")
        got = self.receivers.got
        for name in ("log", "state"):
            with contextlib.closing(sqlite3.connect(self.folder / "data" / f"{name}.sqlite")) as database:
                if (found := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                    self.faults.append(f"{name}.sqlite: {found}")
        if "Traceback" in (text := (self.folder / "hub.log").read_text()):
            self.faults.append("a traceback in the hub's log: " + text[text.find("Traceback") :][:6_000][-2_000:])
        if self.receivers.calls["wrong"]:
            self.faults.append("a receiver with a wrong certificate got a message")
        return [
            ("hub killed", self.killed["hub"]),
            ("agents killed", self.killed["agents"]),
            *sorted(self.lived.items()),
            ("messages said and kept by a spool", len(said)),
            ("messages stored", len(stored)),
            ("LOST", len(set(said) - set(stored))),
            ("STORED TWICE", sum(count > 1 for count in stored.values())),
            ("incidents confirmed in time", len(self.confirmed)),
            ("confirmed late, which is never dispatched", len(self.late)),
            ("dispatched", len(got)),
            ("CONFIRMED AND NOT DISPATCHED", len(self.confirmed - set(got))),
            ("DISPATCHED TWICE", sum(len(ids) > 1 for ids in got.values())),
            ("calls of the good receiver", self.receivers.calls["good"]),
            (
                "calls of bad receivers",
                sum(n for name, n in self.receivers.calls.items() if name not in ("good", "refused")),
            ),
            ("signed by a clock that was off, and refused", self.receivers.calls["refused"]),
            ("calls of the one that is gone", self.receivers.calls["gone"]),
        ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Run and print; 0 where every word in capitals is 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the folder here")
    asked = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tocsin-soak-") as name:
        campaign = Campaign(Path(name), asked.kills, asked.seed)
        try:
            table: list[tuple[str, Any]] = asyncio.run(campaign.run())
        finally:
            if asked.keep is not None:
                shutil.copytree(name, asked.keep)
            campaign.disk.remove()
    for word, count in table:
        sys.stdout.write(f"{word:40} {count:8}\n")
    for fault in campaign.faults:
        sys.stdout.write(f"FAULT {fault}\n")
    sys.stdout.write(f"{time.monotonic() - begun:.0f} s\n")
    empty = dict(table)["messages stored"] == 0 or dict(table)["dispatched"] == 0
    return 1 if campaign.faults or empty or any(count for word, count in table if word.isupper()) else 0


if __name__ == "__main__":
    sys.exit(main())
