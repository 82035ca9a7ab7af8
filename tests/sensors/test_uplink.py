"""The uplink against a real server that answers well, badly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import uuid6
from aiohttp import web

from sensors.agent import Agent, RestartBudget, Send, StationHealth
from sensors.identity import Identity
from sensors.protocol import Batch, Detection, Heartbeat, SoundLevel, batch_msgpack_decoder
from sensors.spool import Spool
from sensors.uplink import LAST_RETRY_S, Uplink, backoff_s, pack, retry_after_s


def detection(**fields: object) -> Detection:
    now = time.time_ns() // 1_000
    return Detection(
        id=uuid6.uuid7(), sensor="mic-1", sent=now, event="gunshot", onset=now, duration_s=0.1, score=0.5,
        clock_sigma_us=10, model="m@12345678",
    )  # fmt: skip


def level() -> SoundLevel:
    now = time.time_ns() // 1_000
    return SoundLevel(
        id=uuid6.uuid7(), sensor="mic-1", sent=now, start=now, period_s=1.0,
        laeq=50.0, lafmax=55.0, lcpeak=70.0, l10=53.0, l50=49.0, l90=45.0,
    )  # fmt: skip


class Receiver:
    """A hub whose answers a test chooses; it keeps the messages of every batch that it answered with 200."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.requests = 0
        self.answer: Callable[[Batch], web.Response | None] = lambda batch: None
        self.kept: list[object] = []
        self.url = ""
        self.lease: dict[str, object] = {"granted": True, "seconds": 30.0, "mode": "dispatch", "classes": ["gunshot"]}
        self.changed = asyncio.Event()

    async def give_lease(self, request: web.Request) -> web.Response:
        if "wait" in request.query:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), 5)
            self.changed.clear()
        return web.json_response({"tag": "a", **self.lease})

    async def ingest(self, request: web.Request) -> web.Response:
        self.requests += 1
        batch = batch_msgpack_decoder.decode(await request.read())
        self.batches.append(batch)
        chosen = self.answer(batch)
        if chosen is not None:
            return chosen
        self.kept += batch.messages
        return web.json_response({"accepted": len(batch.messages), "repeated": 0, "refused": []})


def problem(status: int, code: str, **headers: str) -> web.Response:
    body = msgspec.json.encode({"code": code, "detail": code})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)


@pytest.fixture
async def receiver():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/api/v1/ingest", receiver.ingest)
    app.router.add_get("/api/v1/lease", receiver.give_lease)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@contextlib.asynccontextmanager
async def sending(receiver: Receiver, spool: Spool, **options):
    uplink = Uplink(receiver.url, Identity.generate("mic-1"), spool, randomness=lambda: 0.0, **options)
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def spool():
    spool = Spool(":memory:")
    yield spool
    await spool.aclose()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def test_packing_is_the_same_as_encoding_a_batch() -> None:
    for count in (1, 15, 16, 1_000):
        batch = Batch([detection()] * count)
        assert batch_msgpack_decoder.decode(pack([msgspec.msgpack.encode(m) for m in batch.messages])) == batch


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 10.0), ("999999", 600.0), ("soon", None), ("", None), (None, None)],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, 784111767.0) == seconds


def test_the_wait_doubles_up_to_a_bound_and_is_never_nothing() -> None:
    longest = [backoff_s(failures, lambda: 1.0) for failures in range(1, 40)]
    assert longest[:3] == [0.5, 1.0, 2.0]
    assert max(longest) == LAST_RETRY_S
    assert all(0 < backoff_s(failures, lambda: 0.0) < longest[failures - 1] for failures in range(1, 40))


async def test_everything_arrives_and_leaves_the_spool(receiver: Receiver, spool: Spool) -> None:
    messages = [detection() if number % 3 == 0 else level() for number in range(60)]
    async with sending(receiver, spool) as uplink:
        await asyncio.gather(*(spool.put(message) for message in messages))
        assert await uplink.drain(10)
    assert {message.id for message in receiver.kept} == {message.id for message in messages}
    assert (await spool.counts()).depth == 0
    assert uplink.health.state == "connected"


async def test_a_detection_does_not_wait_behind_a_backlog_of_telemetry(receiver: Receiver, spool: Spool) -> None:
    gate = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        batch = batch_msgpack_decoder.decode(await request.read())
        if isinstance(batch.messages[0], SoundLevel):
            await gate.wait()
        receiver.kept += batch.messages
        return web.json_response({"accepted": len(batch.messages), "repeated": 0, "refused": []})

    receiver.ingest = slow  # type: ignore[method-assign]
    app = web.Application()
    app.router.add_post("/api/v1/ingest", slow)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with sending(receiver, spool):
        for _ in range(20):
            await spool.put(level())
        await asyncio.sleep(0.1)
        shot = detection()
        await spool.put(shot)
        await until(lambda: bool(receiver.kept))
        assert receiver.kept == [shot]
        gate.set()
    await runner.cleanup()


async def test_refused_messages_are_counted_and_not_sent_again(receiver: Receiver, spool: Spool) -> None:
    receiver.answer = lambda batch: web.json_response(
        {
            "accepted": len(batch.messages) - 1,
            "repeated": 0,
            "refused": [{"index": 0, "id": None, "code": "kind_mismatch"}],
        }
    )
    async with sending(receiver, spool) as uplink:
        await spool.put(detection())
        assert await uplink.drain(5)
        await asyncio.sleep(0.1)
        assert receiver.requests == 1
    assert uplink.health.refused == {"kind_mismatch": 1}
    assert (await spool.counts()).refused == 1


async def test_one_poisoned_message_is_found_by_halving_and_the_others_arrive(receiver: Receiver, spool: Spool) -> None:
    messages = [detection() for _ in range(37)]
    poison = messages[17]
    receiver.answer = lambda batch: problem(400, "body_malformed") if poison in batch.messages else None
    for message in messages:
        await spool.put(message)
    async with sending(receiver, spool) as uplink:
        assert await uplink.drain(10)
    assert receiver.kept == [message for message in messages if message is not poison]
    assert uplink.health.refused == {"body_malformed": 1}


async def test_a_busy_hub_is_left_alone_for_as_long_as_it_asks(receiver: Receiver, spool: Spool) -> None:
    receiver.answer = lambda batch: problem(503, "log_full", **{"Retry-After": "1"}) if receiver.requests == 1 else None
    async with sending(receiver, spool) as uplink:
        await spool.put(detection())
        await until(lambda: uplink.health.state == "busy")
        await asyncio.sleep(0.5)
        assert receiver.requests == 1
        assert await uplink.drain(10)
    assert receiver.requests == 2
    assert uplink.health.reason == ""


@pytest.mark.parametrize(("status", "code"), [(403, "sensor_revoked"), (401, "sensor_unknown")])
async def test_a_revoked_sensor_stops_sending_and_keeps_its_spool(
    receiver: Receiver, spool: Spool, status: int, code: str
) -> None:
    receiver.answer = lambda batch: problem(status, code)
    async with sending(receiver, spool) as uplink:
        await spool.put(detection())
        await until(lambda: uplink.health.state == "revoked")
        for _ in range(5):
            await spool.put(detection())
        await asyncio.sleep(0.3)
        assert receiver.requests == 1
    assert (uplink.health.state, uplink.health.reason) == ("revoked", code)
    assert (await spool.counts()).depth == 6


async def test_a_wrong_clock_is_named(receiver: Receiver, spool: Spool) -> None:
    receiver.answer = lambda batch: problem(401, "signature_stale")
    async with sending(receiver, spool) as uplink:
        await spool.put(detection())
        await until(lambda: uplink.health.state == "clock_wrong")
    assert (await spool.counts()).depth == 1


async def test_without_a_hub_nothing_is_lost_and_with_it_everything_leaves(receiver: Receiver, spool: Spool) -> None:
    there = receiver.url
    receiver.url = "http://127.0.0.1:9"
    async with sending(receiver, spool) as uplink:
        await spool.put(detection())
        await until(lambda: uplink.health.state == "waiting")
    assert (await spool.counts()).depth == 1
    receiver.url = there
    async with sending(receiver, spool) as uplink:
        assert await uplink.drain(10)
    assert len(receiver.kept) == 1


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "http://", ""])
def test_what_is_no_address_of_a_hub_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="https://hub"):
        Uplink(address, Identity.generate("mic-1"), Spool(":memory:"))


class Fails:
    """A station that fails a few times and then ends well."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.runs = 0

    def health(self) -> StationHealth:
        return StationHealth("ok", clock_sigma_us=40)

    async def run(self, send: Send) -> None:
        self.runs += 1
        await send(detection())
        if self.left:
            self.left -= 1
            raise RuntimeError("the sound card is gone")


async def test_an_agent_restarts_its_station_delivers_all_and_ends_with_its_source(receiver: Receiver) -> None:
    spool = Spool(":memory:")
    station = Fails(3)
    uplink = Uplink(receiver.url, Identity.generate("mic-1"), spool)
    agent = Agent("mic-1", station, spool, uplink)
    await asyncio.wait_for(agent.run(), 15)
    await agent.aclose()
    assert station.runs == 4
    assert sum(isinstance(message, Detection) for message in receiver.kept) == 4
    beats = [message for message in receiver.kept if isinstance(message, Heartbeat)]
    assert len(beats) >= 2
    assert {beat.clock_sigma_us for beat in beats} == {40}


def test_restarts_wait_ever_longer_until_one_held() -> None:
    budget = RestartBudget((0.0, 1.0, 2.0), window_s=60, cool_down_s=30)
    assert [budget.wait_s(now) for now in (0, 1, 3)] == [0, 1, 2]
    assert [budget.wait_s(now) for now in (6, 37, 68)] == [30, 30, 30]
    assert budget.wait_s(200) == 0


async def test_an_agent_that_is_cancelled_keeps_what_was_not_sent(receiver: Receiver, tmp_path: Path) -> None:
    class Endless:
        def health(self) -> StationHealth:
            return StationHealth("ok")

        async def run(self, send: Send) -> None:
            await send(detection())
            await asyncio.Event().wait()

    receiver.answer = lambda batch: problem(503, "log_full", **{"Retry-After": "60"})
    spool = Spool(tmp_path / "s.sqlite")
    agent = Agent("mic-1", Endless(), spool, Uplink(receiver.url, Identity.generate("mic-1"), spool))
    task = asyncio.create_task(agent.run())
    await until(lambda: receiver.requests > 1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await agent.aclose()
    again = Spool(tmp_path / "s.sqlite")
    assert (await again.counts()).waiting["detection"] == 1
    await again.aclose()
