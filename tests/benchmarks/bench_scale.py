"""Two hubs of one city beside one: what they take in, and how long the city is nobody's when its owner dies.

Real hub processes on one PostgreSQL and one nats-server, all on this machine, and one process that sends: where it has
few cores they share them, and two hubs can't take in twice as much as one. The server is as it comes: a message is in
its file before it is acknowledged, and synced to the disk later.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from uuid import uuid4

import aiohttp
import uuid6
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.commands._figures import Benched
from hub.store.engine import async_url
from sensors.protocol import Batch, SoundLevel, json_encoder

TESTS: Final = Path(__file__).resolve().parents[1]
BATCH: Final = 100
REQUESTS: Final = 240
SIDE_BY_SIDE: Final = 12
GOAL_S: Final = 5.0
LIMITS: Final = """
[http.limits]
per_address_s = 100000
per_address_burst = 100000
per_sensor_s = 100000
per_sensor_burst = 100000
"""


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _level(sensor: str) -> SoundLevel:
    now = time.time_ns() // 1_000
    return SoundLevel(
        id=uuid6.uuid7(), sensor=sensor, sent=now, start=now - 1_000_000, period_s=1.0, laeq=50.0, lafmax=55.0,
        lcpeak=70.0, l10=53.0, l50=49.0, l90=45.0,
    )  # fmt: skip


def _requests(hubs: Sequence[Any], identities: Sequence[Any]) -> list[tuple[str, bytes, dict[str, str]]]:
    """Signed batches, made before the clock runs; the hubs take turns."""
    made = []
    for number in range(REQUESTS):
        hub, identity = hubs[number % len(hubs)], identities[number % len(identities)]
        body = json_encoder.encode(Batch([_level(identity.sensor) for _ in range(BATCH)]))
        headers = identity.sign(
            method="POST", authority=hub.url.removeprefix("http://"), path="/api/v1/ingest",
            content_type="application/json", body=body, created_s=int(time.time()),
        )  # fmt: skip
        made.append((f"{hub.url}/api/v1/ingest", body, {"Content-Type": "application/json", **headers}))
    return made


async def _rate(session: aiohttp.ClientSession, hubs: Sequence[Any], identities: Sequence[Any]) -> float:
    """Messages a second that `hubs` acknowledge."""
    waiting = iter(_requests(hubs, identities))

    async def send() -> None:
        for url, body, headers in waiting:
            async with session.post(url, data=body, headers=headers) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{url}: {answer.status} {await answer.text()}")

    started_s = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(SIDE_BY_SIDE)))
    return REQUESTS * BATCH / (time.perf_counter() - started_s)


async def _round(parts: ModuleType, postgresql: str, nats: Any, folder: Path) -> tuple[float, float, float]:
    """Messages a second of one hub and of two, and seconds from the death of the owner to the next."""
    name = f"tocsin_{uuid4().hex}"
    administrator = create_async_engine(async_url(postgresql), isolation_level="AUTOCOMMIT")
    async with administrator.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await administrator.dispose()
    state = postgresql.replace("/postgres?", f"/{name}?")
    hubs = []
    for one in ("hub-1", "hub-2"):
        (folder / one).mkdir(parents=True)
        (folder / one / "audit.key").write_bytes(bytes(range(32)))
        values = {"folder": folder, "name": one, "state": state, "nats": nats.url, "receiver": "http://127.0.0.1:9/"}
        config = folder / f"{one}.toml"
        config.write_text(
            parts.CONFIG.format(**values, secret=parts.SECRET).replace(
                "[log]", f'{LIMITS}[log]\nstream = "s{name[-8:]}"', 1
            )
        )
        hubs.append(parts.Hub(config))
    try:
        async with aiohttp.ClientSession() as session:
            street = parts.Street(session)
            await street.enrol(state)
            await asyncio.to_thread(hubs[0].start)
            await hubs[0].says("city_taken")
            await asyncio.to_thread(hubs[1].start)
            await _rate(session, hubs, street.identities)  # warms both up
            one = await _rate(session, hubs[:1], street.identities)
            two = await _rate(session, hubs, street.identities)
            died_s = time.monotonic()
            await asyncio.to_thread(hubs[0].kill)
            return one, two, await hubs[1].says("city_taken") - died_s
    finally:
        for hub in hubs:
            hub.kill()


def run(rounds: int) -> dict[str, Benched]:
    """The figures of `tocsin bench scale`. Raises RuntimeError where nats-server or PostgreSQL is not installed."""
    program = shutil.which("nats-server")
    servers = _load(TESTS / "conftest.py", "bench_servers")
    parts = _load(TESTS / "e2e" / "cluster" / "conftest.py", "bench_parts")
    if program is None:
        raise RuntimeError("nats-server is not installed: apt-get install nats-server")
    found: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="tocsin-scale-") as name, servers.running_postgresql() as postgresql:
        nats = servers.NatsServer(program, Path(name) / "nats")
        nats.start()
        try:
            for number in range(rounds):
                found.append(asyncio.run(_round(parts, postgresql, nats, Path(name) / f"round-{number}")))
        finally:
            nats.kill()
    one, two, over_s = (statistics.median(values) for values in zip(*found, strict=True))
    return {
        "messages_per_s": Benched(two, "1/s", one, two / one, "one hub on the same stream"),
        "take_over_s": Benched(over_s, "s", GOAL_S, over_s / GOAL_S, "the goal"),
        "take_over_worst_s": Benched(worst := max(v[2] for v in found), "s", GOAL_S, worst / GOAL_S, "the goal"),
    }
