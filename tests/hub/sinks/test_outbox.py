"""The worker delivers what was confirmed, in order, whatever the receivers do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from hub.incident import Incident
from hub.sinks import outbox, schedule
from hub.sinks.endpoints import Endpoint
from hub.sinks.outbox import OutboxWorker
from hub.store import Decision, Store
from hub.store.outbox import Outbox
from hub.store.records import Delivery, OutboxRow

Make = Callable[..., Awaitable[Store]]
Confirm = Callable[..., Awaitable[Incident]]


@contextlib.asynccontextmanager
async def working(store: Store, endpoints: Any, **options: Any) -> AsyncIterator[OutboxWorker]:
    worker = OutboxWorker(store, endpoints, dice=lambda: 0.5, **options)
    await worker.open()
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await worker.close()


async def until(store: Store, worker: OutboxWorker, state: Any, count: int = 1) -> list[OutboxRow]:
    """The rows in `state` once there are `count` of them."""
    async with asyncio.timeout(30):
        while True:
            heard = store.bell.count
            rows = await worker.outbox.rows(state)
            if len(rows) >= count:
                return rows
            await store.bell.wait(heard)


@pytest.fixture(autouse=True)
def _quick_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FIRST_WAITS_S", (0.0, 0.01, 0.02))
    monkeypatch.setattr(schedule, "PUBLISHED_WAITS_S", (0.05,))
    monkeypatch.setattr(schedule.CircuitBreaker.__init__, "__defaults__", (5, (0.05,), 0, 0.0))


async def test_a_confirmation_reaches_the_receiver_and_is_logged(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        incident = await confirm(store)
        await until(store, worker, "delivered")
    ((headers, body),) = receiver.got
    event = json.loads(body)
    assert event["id"] == headers["webhook-id"]
    assert event["data"]["incident"] == str(incident.id)
    stored = await store.incident(incident.id)
    assert stored is not None
    (delivery,) = stored.deliveries
    assert (delivery.endpoint, delivery.attempt, delivery.status, delivery.ok) == ("police", 1, 200, True)
    assert delivery.answer == "thanks"
    assert delivery.request["webhook-id"] == headers["webhook-id"]
    assert delivery.latency_ms > 0


async def test_a_failing_receiver_is_tried_again_with_the_same_id(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    async def fail_twice(_request: web.Request) -> web.Response:
        return web.Response(status=500 if len(receiver.got) < 3 else 204)

    receiver.behave = fail_twice
    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        await confirm(store)
        await until(store, worker, "delivered")
        log = await worker.outbox.deliveries()
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1
    assert len({body for _, body in receiver.got}) == 1
    assert [one.status for one in reversed(log)] == [500, 500, 204]


async def test_the_last_failure_leaves_a_dead_letter_that_can_be_replayed(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    async def fail(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    receiver.behave = fail
    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        incident = await confirm(store)
        (dead,) = await until(store, worker, "dead")
        assert (dead.attempts, dead.error) == (5, "http_500")
        await store.decide(incident.id, Decision("Claire", "close", "", 1_790_000_002_000_000, 1))
        receiver.behave = None
        assert await worker.outbox.replay([dead.sequence], 1_790_000_002_000_000) == 1
        await until(store, worker, "delivered", 2)
    kinds = [json.loads(body)["type"] for _, body in receiver.got]
    assert kinds == ["org.tocsin.incident.confirmed"] * 6 + ["org.tocsin.incident.cancelled"]


async def test_410_closes_the_endpoint_until_somebody_opens_it(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    async def gone(_request: web.Request) -> web.Response:
        return web.Response(status=410)

    receiver.behave = gone
    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        await confirm(store)
        (dead,) = await until(store, worker, "dead")
        await confirm(store, "second")
        assert await worker.outbox.disabled() == {"police": "http_410"}
        assert await worker.outbox.next_due_us("police") is None
        receiver.behave = None
        assert await worker.outbox.enable("police")
        await until(store, worker, "delivered")
        await worker.outbox.replay([dead.sequence], 1_790_000_002_000_000)
        await until(store, worker, "delivered", 2)
    assert len(receiver.got) == 3


async def test_a_hanging_receiver_does_not_delay_another(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any, unused_tcp_port: int
) -> None:
    hanging = asyncio.Event()
    arrived = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", unused_tcp_port)
    slow = Endpoint(
        name="slow",
        url=f"http://127.0.0.1:{unused_tcp_port}/",
        secret=endpoint.secret,
        allow_private=("127.0.0.1",),
        timeout_s=20.0,
    )
    store = await make_store([slow, endpoint])
    async with working(store, [slow, endpoint]) as worker:
        for name in ("first", "second", "third"):
            await confirm(store, name)
        await arrived.wait()
        await until(store, worker, "delivered", 3)
        assert {row.endpoint for row in await worker.outbox.rows("pending")} == {"slow"}
        hanging.set()
    server.close()
    await server.wait_closed()


async def test_a_cancel_never_overtakes_its_dispatch(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    async def fail_three_times(_request: web.Request) -> web.Response:
        return web.Response(status=503 if len(receiver.got) <= 3 else 200)

    receiver.behave = fail_three_times
    store = await make_store([endpoint])
    incident = await confirm(store)
    await store.decide(incident.id, Decision("Claire", "close", "over", 1_790_000_002_000_000, 1))
    async with working(store, [endpoint]) as worker:
        await until(store, worker, "delivered", 2)
    kinds = [json.loads(body)["type"].rpartition(".")[2] for _, body in receiver.got]
    assert kinds == ["confirmed"] * 4 + ["cancelled"]
    assert json.loads(receiver.got[-1][1])["data"]["references"] == [receiver.ids[0]]


async def test_messages_for_an_endpoint_that_was_removed_are_kept_as_dead_letters(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    store = await make_store([endpoint])
    await confirm(store)
    async with working(store, []) as worker:
        (dead,) = await worker.outbox.rows("dead")
    assert dead.error == "endpoint_removed"
    assert receiver.got == []


async def test_a_test_message_is_plainly_one(make_store: Make, endpoint: Endpoint, receiver: Any) -> None:
    from uuid import uuid4

    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        name = await store.send_test("police", uuid4(), 1_790_000_001_000_000)
        await until(store, worker, "delivered")
    assert receiver.ids == [name]
    assert json.loads(receiver.got[0][1])["type"] == "org.tocsin.test"
    assert await store.incidents() == []


async def test_an_endpoint_that_answers_again_gets_its_backlog_at_once(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "FIRST_WAITS_S", (3_600.0,))

    async def fail_first(_request: web.Request) -> web.Response:
        return web.Response(status=500 if len(receiver.got) == 1 else 200)

    receiver.behave = fail_first
    store = await make_store([endpoint])
    async with working(store, [endpoint]) as worker:
        await confirm(store, "first")
        await receiver.until(1)
        await confirm(store, "second")
        await until(store, worker, "delivered", 2)
    assert len(receiver.got) == 3


async def test_a_clock_set_back_by_an_hour_holds_no_dispatch_for_that_hour(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CLOCK_LOOK_S", 0.01)
    monkeypatch.setattr(schedule, "FIRST_WAITS_S", (0.3,) * 100)
    ahead_s = [3_600.0]
    store = await make_store([endpoint])
    async with working(store, [endpoint], now_s=lambda: time.time() + ahead_s[0]) as worker:
        await confirm(store)
        async with asyncio.timeout(30):
            while not worker.counts.failed:  # noqa: ASYNC110 - a receiver refuses what is signed an hour ahead
                await asyncio.sleep(0.01)
        ahead_s[0] = 0.0
        await until(store, worker, "delivered")
    assert len(receiver.got) == 1


async def test_a_clock_set_back_while_the_hub_was_down_holds_nothing_either(
    make_store: Make, confirm: Confirm, endpoint: Endpoint, receiver: Any
) -> None:
    store = await make_store([endpoint])
    queue = Outbox(store.engine, store.bell)
    incident = await confirm(store)
    ahead_us = time.time_ns() // 1_000 + 3_600_000_000
    (row,) = await queue.claim("police", "hub", ahead_us, 30_000_000, 1)
    failed = Delivery(
        message_id=row.notice.message_id, incident=incident.id, endpoint="police", kind="dispatch", attempt=1,
        at_us=ahead_us, status=500, ok=False, latency_ms=1.0, error="http_500",
    )  # fmt: skip
    await queue.settle(row, failed, "pending", ahead_us + 1)
    async with working(store, [endpoint]) as worker:
        await until(store, worker, "delivered")
    assert len(receiver.got) == 1


async def test_a_hub_that_is_killed_often_uses_up_no_attempts(
    make_store: Make, confirm: Confirm, endpoint: Endpoint
) -> None:
    store = await make_store([endpoint])
    queue = Outbox(store.engine, store.bell)
    await confirm(store)
    now_us = time.time_ns() // 1_000
    for _death in range(20):
        (row,) = await queue.claim("police", "hub", now_us, 30_000_000, 1)
        assert row.attempts == 1
        await queue.release("hub")
