"""What every test shares: a loop that must not block, and the real recordings where they are."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_blocking_call_in_the_loop() -> Iterator[None]:
    """Blocking I/O called from our own code inside the event loop fails the test."""
    with blockbuster_ctx(scanned_modules=["hub", "sensors", "dashboards"]):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TOCSIN_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set TOCSIN_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a private PostgreSQL cluster on a free port; skipped where its programs are not installed."""
    with running_postgresql() as url:
        yield url


@contextlib.contextmanager
def running_postgresql() -> Iterator[str]:
    """The same for a block."""
    pytest.importorskip("asyncpg", reason="asyncpg is not installed: pip install tocsin[cluster]")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = Path(initdb).parent
    with tempfile.TemporaryDirectory(prefix="tocsin-pg-") as name:
        folder = Path(name)
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def execute(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)

        execute(str(programs / "initdb"), "-D", f"{folder}/data", "-U", "tocsin", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        server = [str(programs / "pg_ctl"), "-D", f"{folder}/data", "-w"]
        execute(*server, "-o", options, "-l", f"{folder}/log", "start")
        try:
            # Told so, the driver looks for no password file and no certificate, which it would do in the event loop.
            yield f"postgresql://tocsin:trusted@127.0.0.1:{port}/postgres?ssl=disable"
        finally:
            execute(*server, "-m", "immediate", "stop")


class NatsServer:
    """A real nats-server with JetStream on a port of its own, to start, stop, kill and start again there."""

    def __init__(self, program: str, folder: Path, settings: str = "", store: str = "") -> None:
        self._program = program
        self._folder = folder
        self._settings = settings
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def mqtt_port(self) -> int:
        """Where its MQTT gateway listens, where the settings have one."""
        (line,) = [one for one in (self._folder / "server.log").read_text().splitlines() if "mqtt://" in one]
        return int(line.rpartition(":")[2])

    def start(self) -> None:
        """Start, on the port of the last time; returns once it answers."""
        ports = self._folder / "ports"
        ports.mkdir(parents=True, exist_ok=True)
        for old in ports.iterdir():
            old.unlink()
        file = self._folder / "nats.conf"
        file.write_text(
            f'listen: "127.0.0.1:{self.port}"\nports_file_dir: "{ports}"\nserver_name: test\n'
            f'jetstream {{ store_dir: "{self._folder}/data", {self._store} }}\n{self._settings}\n'
        )
        # Its own say goes to a file that is looked into where a start fails.
        with (self._folder / "server.log").open("wb") as said:
            self._process = subprocess.Popen([self._program, "-c", str(file)], stderr=said)
        until = time.monotonic() + 60
        while not (found := list(ports.glob("*.ports"))) or not found[0].read_bytes().endswith(b"}"):
            assert self._process.poll() is None, (self._folder / "server.log").read_text()
            assert time.monotonic() < until, "nats-server told no port within a minute"
            time.sleep(0.02)
        said = json.loads(found[0].read_text())
        self.port = int(said["nats"][0].rpartition(":")[2])

    def write(self, secret: str) -> Path:
        """A file beside the server that holds `secret`."""
        path = self._folder / f"secret-{len(list(self._folder.iterdir()))}"
        path.write_text(secret)
        return path

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


MakeNatsServer = Callable[..., NatsServer]


@pytest.fixture
def make_nats_server(tmp_path: Path) -> Iterator[MakeNatsServer]:
    """`make_nats_server(settings, store)`: a started nats-server with these lines in its configuration and in the
    part of JetStream; killed at the end."""
    pytest.importorskip("nats", reason="nats-py is not installed: pip install tocsin[cluster]")
    program = shutil.which("nats-server")
    if program is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")
    made: list[NatsServer] = []

    def make(settings: str = "", store: str = "") -> NatsServer:
        made.append(NatsServer(program, tmp_path / f"nats-{len(made)}", settings, store))
        made[-1].start()
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def nats_server(make_nats_server: MakeNatsServer) -> NatsServer:
    """A running nats-server with JetStream."""
    return make_nats_server()
