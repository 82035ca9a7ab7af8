"""A real hub process with one sensor and one person of each role, for the fuzzer."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

from hub.access.accounts import Accounts
from hub.registry import Registry, SensorRecord
from hub.store.engine import migrate, open_engine
from sensors.identity import Identity

PASSWORD = "the bell of the old town"
CONFIG = """
data_dir = "{data}"
[http]
port = 0
[http.limits]
per_address_s = 1e6
per_address_burst = 1000000
per_sensor_s = 1e6
per_sensor_burst = 1000000
connections = 2000
connections_per_address = 2000
idle_s = 2.0
[policy]
profile = "lab"
responsible_person = "fuzz"
start = "2026-01-01"
end = "2099-01-01"
"""


class Hub:
    """A real hub process with one sensor and one person of each role."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.more = more
        self.identity = Identity.generate("mic-1")
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self.cookies: dict[str, str] = {}

    async def prepare(self) -> None:
        """Make the state before the hub starts."""
        url = f"sqlite+aiosqlite:///{self.folder / 'data' / 'state.sqlite'}"
        await migrate(url)
        engine = open_engine(url)
        registry, accounts = Registry(engine), Accounts(engine)
        await registry.add(SensorRecord(id="mic-1", kind="microphone", latitude=45.44, longitude=4.38))
        code = await registry.new_code("mic-1", time.time_ns() // 1_000)
        key = base64.b64decode(self.identity.public_key)
        await registry.enrol(code, key, None, "fuzz", time.time_ns() // 1_000)
        for role in ("operator", "supervisor", "technician", "auditor", "administrator"):
            await accounts.create(role, role, PASSWORD, 1)  # type: ignore[arg-type]
        await registry.aclose()
        await engine.dispose()

    def start(self) -> None:
        """Start and wait until it is ready; sign everybody in."""
        config = self.folder / "tocsin.toml"
        config.write_text(CONFIG.format(data=self.folder / "data") + self.more)
        command = [sys.executable, "-m", "hub.commands.main", "hub", "--config", str(config), "--json"]
        self.log = (self.folder / "hub.log").open("w")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        while "ready" not in (line := self.process.stdout.readline()):
            if not line:
                raise RuntimeError((self.folder / "hub.log").read_text())
        self.port = int(json.loads(line)["ready"].rpartition(":")[2].strip("/"))
        for role in ("operator", "supervisor", "technician", "auditor", "administrator"):
            self.sign_in(role)

    def sign_in(self, role: str) -> None:
        """Remember the session's cookie of `role`."""
        body = json.dumps({"name": role, "password": PASSWORD}).encode()
        headers = {"X-Tocsin": "1", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/api/v1/session", body, headers)
        answer = connection.getresponse()
        self.cookies[role] = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        connection.close()

    def rss_mb(self) -> float:
        """Resident memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1_024

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.log.close()
