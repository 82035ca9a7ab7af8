"""Durable ingest beside a bare aiohttp: detections a second, synced to disk before the answer, against thrown away.

Both servers run in a process of their own with the same event loop, on the same requests: signed batches of MessagePack
from a handful of sensors over keep-alive connections. The client is this process; its requests are made before the
clock
starts, so that it costs as little as it can. Rounds alternate between the two servers. Fusion is measured by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uuid6
from aiohttp import web

from hub.commands._figures import Benched
from hub.config import Http, HubConfig, Limits, PolicyConfig
from hub.ingest import add_routes
from hub.keys import CONFIG, GATE, LOG, REGISTRY
from hub.log import EmbeddedLog
from hub.policy.gate import Gate
from hub.problem import problems
from hub.registry import Registry, SensorRecord
from hub.store.engine import migrate, open_engine
from sensors.identity import Identity
from sensors.protocol import Batch, Detection, batch_msgpack_decoder
from sensors.uplink import CONTENT_TYPE, INGEST_PATH

BATCH = 100
REQUESTS = 400
CONNECTIONS = 16
SENSORS = 8


async def bare(folder: Path, keys: dict[str, str]) -> AsyncIterator[web.Application]:
    """Reads the body, throws it away, answers."""
    app = web.Application(client_max_size=4 * 2**20)

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b'{"accepted":0,"repeated":0,"refused":[]}', content_type="application/json")

    app.router.add_post(INGEST_PATH, take)
    yield app


async def decoding(folder: Path, keys: dict[str, str]) -> AsyncIterator[web.Application]:
    """Reads the body, decodes and validates the batch, throws it away, answers."""
    app = web.Application(client_max_size=4 * 2**20)

    async def take(request: web.Request) -> web.Response:
        batch = batch_msgpack_decoder.decode(await request.read())
        body = b'{"accepted":%d,"repeated":0,"refused":[]}' % len(batch.messages)
        return web.Response(body=body, content_type="application/json")

    app.router.add_post(INGEST_PATH, take)
    yield app


async def durable(folder: Path, keys: dict[str, str]) -> AsyncIterator[web.Application]:
    """The hub's intake with its registry and log."""
    policy = PolicyConfig(profile="lab", responsible_person="benchmark", start="2026-01-01", end="2099-01-01")
    # Eight sensors stand for a city: what one of them may send is not what is measured.
    http = Http(limits=Limits(per_sensor_s=1e6, per_sensor_burst=1_000_000))
    config = HubConfig(data_dir=folder, state_url=f"sqlite:///{folder / 'state.sqlite'}", policy=policy, http=http)
    await migrate(config.database_url)
    engine = open_engine(config.database_url)
    app = web.Application(middlewares=[problems], client_max_size=4 * 2**20)
    app[CONFIG], app[GATE], app[REGISTRY] = config, Gate(policy), Registry(engine)
    app[LOG] = await EmbeddedLog.open(folder / "log.sqlite")
    for name, key in keys.items():
        await app[REGISTRY].add(SensorRecord(id=name, kind="microphone", latitude=45.44, longitude=4.38))
        code = await app[REGISTRY].new_code(name, 0)
        await app[REGISTRY].enrol(code, base64.b64decode(key), None, "bench", 1)
    add_routes(app)
    yield app
    await app[LOG].aclose()
    await app[REGISTRY].aclose()
    await engine.dispose()


async def serve(kind: str, folder: Path, keys: dict[str, str]) -> None:
    """Serve until the parent closes our input; the port goes to it in one line."""
    parts = {"bare": bare, "decoding": decoding, "durable": durable}[kind](folder, keys)
    async with contextlib.aclosing(parts):
        app = await anext(parts)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()
        with contextlib.suppress(StopAsyncIteration):
            await anext(parts)


@contextlib.contextmanager
def server(kind: str, folder: Path, keys: dict[str, str]) -> Iterator[int]:
    """One server process; its port."""
    command = [sys.executable, __file__, kind, str(folder), json.dumps(keys)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(30)


class Client(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the answer is there."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.done = done
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.advance()

    def advance(self) -> None:
        assert self.transport is not None
        if self.requests:
            self.transport.write(self.requests.pop())
        else:
            self.transport.close()
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        if not head.startswith(b"HTTP/1.1 200") or b'"refused":[]' not in body:
            self.done.set_exception(RuntimeError(f"the server answered {(head + body)[:400]!r}"))
            return
        self.advance()


def make_requests(port: int, identities: list[Identity], batch: int, count: int) -> list[bytes]:
    """`count` signed requests of `batch` new detections each."""
    import msgspec

    requests = []
    now = time.time_ns() // 1_000
    for number in range(count):
        identity = identities[number % len(identities)]
        messages = [
            Detection(
                id=uuid6.uuid7(),
                sensor=identity.sensor,
                sent=now,
                event="gunshot",
                onset=now - 500_000 + 1_000 * index,
                duration_s=0.25,
                score=0.93,
                clock_sigma_us=350,
                model="tocsin-acoustic@0123456789abcdef",
                peak_db=112.5,
                snr_db=31.0,
            )
            for index in range(batch)
        ]
        body = msgspec.msgpack.encode(Batch(messages))
        headers = identity.sign(
            method="POST",
            authority=f"127.0.0.1:{port}",
            path=INGEST_PATH,
            content_type=CONTENT_TYPE,
            body=body,
            created_s=now // 1_000_000,
        )
        lines = [f"POST {INGEST_PATH} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        requests.append(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    return requests


async def _send(port: int, requests: list[bytes]) -> float:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    waits = []
    for _ in range(CONNECTIONS):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Client(requests, done), "127.0.0.1", port)  # type: ignore[misc]
        waits.append(done)
    await asyncio.gather(*waits)
    return time.perf_counter() - started


def measure(rounds: int, batch: int, count: int) -> dict[str, float]:
    """Median detections a second of the durable server and of the two that throw away."""
    identities = [Identity.generate(f"mic-{number}") for number in range(SENSORS)]
    keys = {identity.sensor: identity.public_key for identity in identities}
    rates: dict[str, list[float]] = {"durable": [], "bare": [], "decoding": []}
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name, contextlib.ExitStack() as stack:
        ports = {kind: stack.enter_context(server(kind, Path(name), keys)) for kind in rates}
        for number in range(rounds + 1):
            for kind, port in ports.items():
                requests = make_requests(port, identities, batch, count if number else count // 8)
                sent = len(requests) * batch
                took = asyncio.run(_send(port, requests))
                if number:  # the first round only warms up
                    rates[kind].append(sent / took)
    return {kind: statistics.median(values) for kind, values in rates.items()}


def run(rounds: int) -> dict[str, Benched]:
    """The figures of `tocsin bench ingest`.

    `detections_per_s` stands beside a bare aiohttp that never looks at the body: a copy of bytes in C, whose rate
    grows with the batch.
    `..._decoded` stands beside one that decodes and validates the same batch before it throws it away.
    """
    figures = {}
    for ending, batch, count in (("", BATCH, REQUESTS), ("_batch_1", 1, 4 * REQUESTS), ("_batch_1000", 1_000, 60)):
        rates = measure(rounds, batch, count)
        for kind, mark in (("bare", ""), ("decoding", "_decoded")):
            name = f"aiohttp, {'body' if kind == 'bare' else 'decoded batch'} of {batch} thrown away"
            ratio = rates["durable"] / rates[kind]
            figures[f"detections_per_s{ending}{mark}"] = Benched(rates["durable"], "1/s", rates[kind], ratio, name)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("bare", "decoding", "durable"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("keys", type=json.loads)
    asked = parser.parse_args()
    gc.freeze()  # as the hub does once it has started, for both servers alike
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.0005)
    if sys.platform != "win32":
        import uvloop

        uvloop.run(serve(asked.kind, asked.folder, asked.keys))
    else:
        asyncio.run(serve(asked.kind, asked.folder, asked.keys))
