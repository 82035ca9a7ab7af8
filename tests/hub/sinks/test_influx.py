"""Series reach a real server, in order, also after it was away; a bad point does not hold up the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from uuid6 import uuid7

from hub.incident import Incident
from hub.log import EventLog, open_log
from hub.sinks import influx
from hub.sinks.endpoints import Endpoint
from hub.sinks.influx import ChangeSource, InfluxTarget, InfluxWriter, MessageSource, Pump
from hub.store import Decision, Store
from hub.store.outbox import Outbox
from hub.store.records import Delivery
from sensors.protocol import AnyMessage, Counts, Detection, Heartbeat, Occupancy, SoundLevel

ONSET = 1_790_000_000_000_000


class Series:
    """A VictoriaMetrics server, which takes the client's writes at /api/v2/write, and can be stopped and started."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            program,
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
            "-loggerLevel=ERROR",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    async def ready(self) -> None:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/health") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def samples(self, name: str) -> list[dict[str, Any]]:
        """Every series of one metric, as the server exports them."""
        async with aiohttp.ClientSession() as session:
            await (await session.get(f"{self.url}/internal/force_flush")).read()
            async with session.get(f"{self.url}/api/v1/export", params={"match[]": name}) as response:
                return [json.loads(line) for line in (await response.text()).splitlines()]


@pytest.fixture
def series(tmp_path: Path) -> Iterator[Series]:
    program = shutil.which("victoria-metrics") or shutil.which("victoria-metrics-prod")
    if program is None:
        pytest.skip("no server takes the series: apt-get install victoria-metrics")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Series(program, tmp_path / "series", port)
    yield server
    server.stop()


@pytest.fixture
async def event_log(tmp_path: Path) -> AsyncIterator[EventLog]:
    log = await open_log(tmp_path)
    yield log
    await log.aclose()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx, "WAITS_S", (0.05,))


def detection(index: int, **changes: Any) -> Detection:
    values: dict[str, Any] = {
        "id": uuid7(),
        "sensor": "mic-1",
        "sent": ONSET,
        "event": "gunshot",
        "onset": ONSET + index * 1_000_000,
        "duration_s": 0.2,
        "score": 0.9,
        "clock_sigma_us": 50,
        "model": "tocsin-acoustic@0123456789abcdef",
        "peak_db": 131.0,
    }
    return Detection(**{**values, **changes})


@contextlib.asynccontextmanager
async def pumping(series: Series, *sources: Any) -> AsyncIterator[tuple[InfluxWriter, list[Pump]]]:
    writer = await InfluxWriter.open(InfluxTarget(series.url, "tocsin", "tocsin", "token"))
    pumps = [Pump(source, writer.write, lambda: 0.5, linger_s=0.0) for source in sources]
    tasks = [asyncio.create_task(pump.run()) for pump in pumps]
    try:
        yield writer, pumps
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await writer.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - the position lies in a database, which rings no bell
            await asyncio.sleep(0.02)


async def test_every_kind_of_message_becomes_its_measurement(series: Series, event_log: EventLog) -> None:
    series.start()
    await series.ready()
    said: list[AnyMessage] = [
        detection(0),
        SoundLevel(
            id=uuid7(), sensor="mic-1", sent=ONSET, start=ONSET, period_s=60.0, laeq=55.5, lafmax=70.0, lcpeak=80.0,
            l10=60.0, l50=54.0, l90=50.0,
        ),
        Occupancy(
            id=uuid7(), sensor="cam-1", sent=ONSET, start=ONSET, period_s=1200.0, zone="square",
            counts=Counts(person=25),
        ),
        Heartbeat(
            id=uuid7(), sensor="mic-1", sent=ONSET, uptime_s=9.0, clock_offset_us=-3, clock_sigma_us=40, queue_depth=2,
            dropped=0, capture="ok", software="0.1.0",
        ),
    ]  # fmt: skip
    await event_log.append(said)
    async with pumping(series, MessageSource(event_log)) as (writer, _):
        await until(lambda: _reached(event_log, 4))
        assert (writer.written, writer.refused) == (4, 0)
    (score,) = await series.samples("detection_score")
    assert score["metric"]["sensor"] == "mic-1"
    assert score["metric"]["event"] == "gunshot"
    assert score["metric"]["exercise"] == "false"
    assert "id" not in score["metric"]
    assert (score["values"], score["timestamps"]) == ([0.9], [ONSET // 1_000])
    assert (await series.samples("sound_level_laeq"))[0]["values"] == [55.5]
    (person,) = await series.samples("occupancy_person")
    assert (person["metric"]["zone"], person["values"]) == ("square", [25])
    assert (await series.samples("sensor_health_capture_ok"))[0]["values"] == [1]


async def _reached(event_log: EventLog, count: int) -> bool:
    position = await event_log.committed(influx.CONSUMER)
    entries = await event_log.read(0, 100_000)
    return len(entries) >= count and position == entries[-1].position


@pytest.mark.usefixtures("_quick")
async def test_a_server_that_was_away_is_filled_in_completely_and_once(series: Series, event_log: EventLog) -> None:
    series.start()
    await series.ready()
    async with pumping(series, MessageSource(event_log)) as (_, (pump,)):
        await event_log.append([detection(index) for index in range(100)])
        await until(lambda: _reached(event_log, 100))
        await asyncio.to_thread(series.stop)
        await event_log.append([detection(index) for index in range(100, 1_000)])

        async def noticed() -> bool:
            return bool(pump.behind)

        await until(noticed)
        await event_log.append([detection(index) for index in range(1_000, 2_000)])
        series.start()
        await series.ready()
        await until(lambda: _reached(event_log, 2_000))
        assert pump.behind == ""
    (score,) = await series.samples("detection_score")
    assert score["timestamps"] == [ONSET // 1_000 + index * 1_000 for index in range(2_000)]


async def test_incidents_and_attempts_are_written_from_the_changes(
    series: Series,
    make_store: Callable[..., Awaitable[Store]],
    make_incident: Callable[..., Incident],
    confirm: Callable[..., Awaitable[Incident]],
) -> None:
    series.start()
    await series.ready()
    store = await make_store([Endpoint(name="police", url="https://police.example")])
    incident = await confirm(store)
    outbox = Outbox(store.engine, store.bell)
    async with pumping(series, ChangeSource(store)):
        (row,) = await outbox.claim("police", "hub", ONSET * 2, 1, 9)
        delivery = Delivery(
            message_id=row.notice.message_id,
            incident=incident.id,
            endpoint="police",
            kind="dispatch",
            attempt=1,
            at_us=ONSET + 9_000_000,
            status=200,
            ok=True,
            latency_ms=12.5,
        )
        await outbox.settle(row, delivery, "delivered", ONSET)
        await store.decide(incident.id, Decision("Claire", "close", "", ONSET + 1, 1))
        source = ChangeSource(store)

        async def done() -> bool:
            return await source.committed() == await store.newest_change()

        await until(done)
    (latency,) = await series.samples("dispatch_latency_ms")
    assert latency["metric"]["endpoint"] == "police"
    assert latency["metric"]["kind"] == "dispatch"
    assert latency["values"] == [12.5]
    (probability,) = await series.samples("incident_probability")
    assert set(probability["timestamps"]) == {incident.onset_us // 1_000}
    assert set(probability["values"]) == {0.87}


async def test_a_point_that_the_server_refuses_does_not_hold_up_the_others(unused_tcp_port: int) -> None:
    from aiohttp import web

    taken: list[str] = []

    async def write(request: web.Request) -> web.Response:
        assert request.headers["Content-Encoding"] == "gzip"
        lines = (await request.text()).splitlines()
        if any("bad" in line for line in lines):
            return web.json_response({"code": "invalid", "message": "field type conflict"}, status=400)
        taken.extend(lines)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v2/write", write)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    writer = await InfluxWriter.open(InfluxTarget(f"http://127.0.0.1:{unused_tcp_port}", "tocsin", "tocsin", "secret"))
    lines = [f"detection n={index} {index}" for index in range(20)]
    lines[7] = "detection bad=1 7"
    await writer.write(lines)
    await writer.close()
    await runner.cleanup()
    assert (writer.refused, writer.written) == (1, 19)
    assert taken == [line for line in lines if "bad" not in line]


def test_a_target_does_not_show_its_token() -> None:
    assert "hush" not in repr(InfluxTarget("http://localhost:8086", "b", "o", "hush"))
