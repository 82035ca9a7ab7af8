"""What every log promises, tried on each of them: the file of a single hub, and the stream of several on a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.log import EmbeddedLog, EventLog, LogFull, LogUnavailable, Retention
from hub.log.jetstream import JetStreamLog
from hub.log.stream_config import StreamConfig

DAY_US = 86_400_000_000
OpenLog = Callable[..., Awaitable[EventLog]]


@pytest.fixture(params=["embedded", pytest.param("jetstream", marks=pytest.mark.e2e)])
async def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenLog]:
    """`await open_log(**options)`: the same log each time, opened once more; every one is closed at the end."""
    opened: list[EventLog] = []
    server = request.getfixturevalue("nats_server") if request.param == "jetstream" else None

    async def again(*, queued: int | None = None, **options: Any) -> EventLog:
        made: EventLog
        if server is None:
            more = {} if queued is None else {"max_queued": queued}
            made = await EmbeddedLog.open(tmp_path / "log.sqlite", **more, **options)
        else:
            more = {} if queued is None else {"max_in_flight": queued}
            made = await JetStreamLog.open(StreamConfig(url=server.url), **more, **options)
        opened.append(made)
        return made

    yield again
    for one in opened:
        await one.aclose()


async def test_what_was_appended_is_read_in_order_and_after_a_restart(open_log: OpenLog, detection: Any) -> None:
    messages = [detection(number) for number in range(2_000)]
    log = await open_log()
    for start in range(0, 2_000, 50):
        await log.append(messages[start : start + 50])
    before = await log.read(0, 5_000)
    assert [entry.message for entry in before] == messages
    assert [entry.position for entry in before] == sorted({entry.position for entry in before})
    await log.aclose()
    again = await open_log()
    assert await again.read(0, 5_000) == before
    assert await again.read(before[-2].position, 10) == before[-1:]
    assert await again.read(before[99].position, 7) == before[100:107]
    assert await again.read(before[-1].position) == []


async def test_a_reader_that_goes_page_by_page_sees_everything_once(open_log: OpenLog, detection: Any) -> None:
    log = await open_log()
    messages = [detection(number) for number in range(5_000)]
    for start in range(0, 5_000, 500):
        await log.append(messages[start : start + 500])
    seen: list[Any] = []
    position = 0
    while entries := await log.read(position, 700):
        seen += entries
        position = entries[-1].position
    assert [entry.message for entry in seen] == messages


async def test_appends_at_the_same_moment_are_all_kept(open_log: OpenLog, detection: Any, level: Any) -> None:
    log = await open_log()
    batches = [[detection(number), level(), detection(number)] for number in range(40)]
    results = await asyncio.gather(*(log.append(batch) for batch in batches))
    assert [(result.accepted, result.repeated) for result in results] == [(3, 0)] * 40
    assert {entry.message.id for entry in await log.read(0)} == {one.id for batch in batches for one in batch}


async def test_a_repeat_changes_nothing_however_often_and_wherever_it_comes(
    open_log: OpenLog, detection: Any, level: Any
) -> None:
    log = await open_log()
    messages = [detection(1), level(), detection(2)]
    assert (await log.append([messages[0], *messages])).repeated == 1
    again = await asyncio.gather(*(log.append(messages) for _ in range(5)))
    assert all((result.accepted, result.repeated) == (0, 3) for result in again)
    await log.aclose()
    log = await open_log()
    mixed = [detection(3), messages[2], detection(4)]
    result = await log.append(mixed)
    assert (result.accepted, result.repeated) == (2, 1)
    assert [entry.message for entry in await log.read(0)] == [*messages, mixed[0], mixed[2]]


async def test_a_consumer_waits_and_is_woken_by_an_append(open_log: OpenLog, detection: Any) -> None:
    log = await open_log()
    waiting = asyncio.create_task(log.wait(0))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await log.append([detection(1)])
    await asyncio.wait_for(waiting, 30)
    (entry,) = await log.read(0)
    again = asyncio.create_task(log.wait(entry.position))
    await asyncio.sleep(0.05)
    assert not again.done()
    await log.aclose()
    with pytest.raises(LogUnavailable) as caught:
        await again
    assert caught.value.code == "log_closed"


async def test_committed_positions_are_kept_and_never_go_back(open_log: OpenLog) -> None:
    log = await open_log()
    assert await log.committed("fusion") == 0
    await log.commit("fusion", 7)
    await log.commit("fusion", 3)
    assert await log.committed("fusion") == 7
    await log.aclose()
    again = await open_log()
    assert await again.committed("fusion") == 7
    await again.forget("fusion")
    assert await again.committed("fusion") == 0


async def test_purge_takes_what_is_old_and_behind_every_consumer(open_log: OpenLog, detection: Any, level: Any) -> None:
    now = 1_800_000_000_000_000
    log = await open_log(now_us=lambda: now)
    old = [detection(1), level(), detection(2)]
    await log.append(old)
    positions = [entry.position for entry in await log.read(0)]
    now += 2 * DAY_US
    fresh = level()
    await log.append([fresh])
    keep = Retention(detections_s=8 * 86_400, telemetry_s=86_400)
    assert await log.purge(keep) == 0, "nobody has committed anything"
    await log.commit("fusion", 10**9)
    await log.commit("influx", positions[0])
    assert await log.purge(keep) == 0, "influx has not read the old level yet"
    await log.forget("influx")
    assert await log.purge(keep) == 1
    assert [entry.message for entry in await log.read(0)] == [old[0], old[2], fresh]
    assert (await log.append([old[0], old[2]])).repeated == 2, "detections are still known by their ids"
    now += 8 * DAY_US
    assert await log.purge(keep) == 3
    after = await log.append([detection(3)])
    assert after.accepted == 1
    assert (await log.read(0))[-1].position > positions[-1], "a position is never given twice"


async def test_a_full_queue_refuses_at_once(open_log: OpenLog, detection: Any) -> None:
    log = await open_log(queued=10)
    batches = [[detection(1) for _ in range(6)] for _ in range(5)]
    results = await asyncio.gather(*(log.append(batch) for batch in batches), return_exceptions=True)
    assert sum(isinstance(result, LogFull) for result in results) >= 1
    assert (await log.append([detection(1)])).accepted == 1
    kept = {entry.message.id for entry in await log.read(0)}
    for batch, result in zip(batches, results, strict=True):
        assert {one.id for one in batch} <= kept or isinstance(result, LogFull)


async def test_its_state_says_how_far_it_is(open_log: OpenLog, detection: Any) -> None:
    log = await open_log()
    await log.append([detection(1), detection(2)])
    health = log.health()
    assert (health.fault, health.appended, health.queued) == ("", 2, 0)
    assert health.last_position >= (await log.read(0))[-1].position
    assert await log.scrub()
    await log.aclose()
    with pytest.raises(LogUnavailable):
        await log.append([detection(3)])
