"""The right to analyse: what an agent does when it is given, taken back, or not renewed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uuid6
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sensors.agent import Agent, Send, StationHealth
from sensors.identity import Identity
from sensors.lease import Lease, LeaseAnswer
from sensors.protocol import Detection, Heartbeat, batch_msgpack_decoder
from sensors.spool import Spool
from sensors.uplink import Uplink

YES = LeaseAnswer(granted=True, seconds=30.0, mode="dispatch", tag="a", classes=("gunshot",))
NO = LeaseAnswer(code="LEGAL_SUSPENDED", tag="b")


def detection(event: str = "gunshot") -> Detection:
    now = time.time_ns() // 1_000
    return Detection(
        id=uuid6.uuid7(), sensor="mic-1", sent=now, event=event, onset=now, duration_s=0.1, score=0.5,
        clock_sigma_us=10, model="m@12345678",
    )  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_lease_ends_by_itself(clock: Clock) -> None:
    lease = Lease(clock)
    assert not lease.fresh
    lease.take(YES, clock.s)
    clock.s += 29.9
    assert lease.allows(detection())
    clock.s += 0.2
    assert not lease.allows(detection())
    assert await asyncio.wait_for(lease.over(), 5) == "lease_expired"


async def test_it_counts_from_the_hubs_answer_and_not_from_its_arrival(clock: Clock) -> None:
    lease = Lease(clock)
    asked_s = clock.s
    clock.s += 20.0
    lease.take(YES, asked_s)
    assert lease.left_s() == pytest.approx(10.0)


async def test_a_refusal_counts_at_once_and_an_older_yes_does_not_lift_it(clock: Clock) -> None:
    lease = Lease(clock)
    lease.take(YES, clock.s)
    asked_s = clock.s
    clock.s += 1.0
    lease.take(NO, clock.s)
    assert (lease.fresh, lease.reason) == (False, "legal_suspended")
    lease.take(YES, asked_s)
    assert not lease.fresh


async def test_a_class_that_is_stopped_is_not_told(clock: Clock) -> None:
    lease = Lease(clock)
    lease.take(YES, clock.s)
    assert lease.allows(detection("gunshot"))
    assert not lease.allows(detection("fire"))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.floats(-1e6, 1e6), st.floats(0, 50)), max_size=30))
def test_no_order_of_answers_gives_more_time_than_the_newest_yes(
    answers: list[tuple[bool, float, float, float]],
) -> None:
    async def play() -> None:
        clock = Clock()
        lease = Lease(clock)
        for granted, seconds, held_s, later_s in answers:
            asked_s = clock.s
            clock.s += later_s
            lease.take(LeaseAnswer(granted=granted, seconds=seconds, held_s=held_s), asked_s)
            assert lease.left_s() <= 100.0
            assert granted or not lease.fresh

    asyncio.run(play())


class Hub:
    """A hub whose lease a test rules; while not `answering` it hangs."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] = {"granted": True, "seconds": 1.5, "mode": "dispatch", "classes": ["gunshot"]}
        self.answering = asyncio.Event()
        self.answering.set()
        self.kept: list[Any] = []
        self.url = ""

    async def ingest(self, request: web.Request) -> web.Response:
        batch = batch_msgpack_decoder.decode(await request.read())
        await self.answering.wait()
        self.kept += batch.messages
        return web.json_response({"accepted": len(batch.messages), "refused": [], "lease": {"tag": "x", **self.lease}})

    async def give(self, request: web.Request) -> web.Response:
        await self.answering.wait()
        return web.json_response({"tag": "x", **self.lease})

    def states(self) -> list[tuple[str, str]]:
        return [(beat.capture, beat.capture_reason) for beat in self.kept if isinstance(beat, Heartbeat)]


class Ear:
    """A station that counts how often it was started and whether it reads its source."""

    def __init__(self) -> None:
        self.runs = 0
        self.reading = False

    def health(self) -> StationHealth:
        return StationHealth("ok")

    async def run(self, send: Send) -> None:
        self.runs += 1
        self.reading = True
        try:
            while True:
                await send(detection())
                await asyncio.sleep(0.02)
        finally:
            self.reading = False


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    app = web.Application()
    app.router.add_post("/api/v1/ingest", hub.ingest)
    app.router.add_get("/api/v1/lease", hub.give)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield hub
    hub.answering.set()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def agent_of(hub: Hub) -> AsyncIterator[tuple[Agent, Ear]]:
    ear, spool = Ear(), Spool(":memory:")
    agent = Agent("mic-1", ear, spool, Uplink(hub.url, Identity.generate("mic-1"), spool, randomness=lambda: 0.0))
    task = asyncio.create_task(agent.run())
    try:
        yield agent, ear
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await agent.aclose()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - a real server and a real agent run beside
            await asyncio.sleep(0.01)


async def test_an_agent_captures_only_once_it_has_a_lease(hub: Hub) -> None:
    hub.lease = {"granted": False, "code": "LEGAL_NO_BASIS"}
    async with agent_of(hub) as (_, ear):
        await until(lambda: hub.kept)
        assert (ear.runs, ear.reading) == (0, False)
        hub.lease = {"granted": True, "seconds": 5.0, "classes": ["gunshot"]}
        await until(lambda: ear.reading)


async def test_a_hub_that_hangs_stops_the_capture_all_the_same(hub: Hub) -> None:
    async with agent_of(hub) as (agent, ear):
        await until(lambda: ear.reading)
        hub.answering.clear()
        await until(lambda: not ear.reading)
        assert agent.uplink is not None
        assert agent.uplink.lease.reason == "lease_expired"
        hub.answering.set()
        await until(lambda: ear.reading)
        await until(lambda: ("suspended", "lease_expired") in hub.states())


async def test_a_stop_reaches_a_talking_agent_with_the_next_answer(hub: Hub) -> None:
    hub.lease["seconds"] = 600.0
    async with agent_of(hub) as (agent, ear):
        await until(lambda: ear.reading and agent.uplink and agent.uplink.health.delivered > 3)
        hub.lease = {"granted": False, "code": "LEGAL_SUSPENDED"}
        await until(lambda: not ear.reading)
        await until(lambda: ("suspended", "legal_suspended") in hub.states())


async def test_a_class_that_is_stopped_never_reaches_the_spool(hub: Hub) -> None:
    hub.lease["classes"] = ["fire"]
    async with agent_of(hub) as (agent, _):
        await until(lambda: agent.withheld > 3)
        # What is not told is counted, and the count is told.
        await until(lambda: any(isinstance(beat, Heartbeat) and beat.withheld > 3 for beat in hub.kept))
        assert (await agent.spool.counts()).waiting["detection"] == 0
    assert not any(isinstance(message, Detection) for message in hub.kept)


@pytest.mark.parametrize("ticks", range(6))
async def test_an_end_that_comes_with_a_new_lease_is_not_missed(ticks: int) -> None:
    """An agent whose source ended as the hub answered would otherwise go on for ever."""
    lease = Lease()
    lease.take(YES, lease.now_s())
    over = asyncio.create_task(lease.over())
    await asyncio.sleep(0.01)
    lease.take(YES, lease.now_s())
    for _ in range(ticks):
        await asyncio.sleep(0)
    over.cancel()
    done, _ = await asyncio.wait({over}, timeout=5)
    over.cancel()
    assert done
