"""The stream of several hubs: what it does when its server dies, is full, is away, or does not let the hub in."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from hub.log import LogUnavailable
from hub.log.jetstream import JetStreamLog
from hub.log.stream_config import StreamConfig

pytestmark = pytest.mark.e2e


async def until_up(log: JetStreamLog, message: Any) -> None:
    """Append `message` again and again until the stream takes it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await log.append([message])
                return
            except LogUnavailable as fault:
                if fault.code != "log_away":
                    raise
                await asyncio.sleep(0.05)


async def test_what_was_acknowledged_survives_a_server_killed_in_the_middle_of_it(
    nats_server: Any, detection: Any
) -> None:
    log = await JetStreamLog.open(StreamConfig(url=nats_server.url))
    acknowledged: list[Any] = []
    enough = asyncio.Event()

    async def send(worker: int) -> None:
        with contextlib.suppress(LogUnavailable):
            for number in range(10_000):
                messages = [detection(worker * 10_000 + number), detection(number)]
                await log.append(messages)
                acknowledged.extend(messages)
                if len(acknowledged) > 1_000:
                    enough.set()

    senders = [asyncio.create_task(send(worker)) for worker in range(8)]
    await enough.wait()
    await asyncio.to_thread(nats_server.kill)
    await asyncio.gather(*senders)
    assert log.health().fault == "log_away"
    with pytest.raises(LogUnavailable) as caught:
        await log.append([detection(1)])
    assert caught.value.code == "log_away"
    assert caught.value.retry_after_s > 0

    await asyncio.to_thread(nats_server.start)
    last = detection(2)
    await until_up(log, last)
    assert log.health().fault == ""
    kept = {entry.message.id for entry in await log.read(0, 100_000)}
    assert {message.id for message in acknowledged} <= kept
    assert last.id in kept
    repeated = await log.append(acknowledged[:500])
    assert repeated.repeated == 500, "what was there before the server died is still known by its id"
    await log.aclose()


async def test_a_reader_goes_on_where_it_was_when_the_server_comes_back(nats_server: Any, detection: Any) -> None:
    log = await JetStreamLog.open(StreamConfig(url=nats_server.url))
    await log.append([detection(number) for number in range(10)])
    position = (await log.read(0))[-1].position
    await log.commit("fusion", position)
    waiting = asyncio.create_task(log.wait(position))
    await asyncio.sleep(0)
    await asyncio.to_thread(nats_server.kill)
    with pytest.raises(LogUnavailable):
        await log.commit("fusion", position + 1)
    await asyncio.to_thread(nats_server.start)
    new = detection(11)
    await until_up(log, new)
    async with asyncio.timeout(60):
        await waiting
    assert [entry.message for entry in await log.read(position)] == [new]
    assert await log.committed("fusion") == position
    await log.aclose()


async def test_two_hubs_read_what_either_of_them_appended_in_one_order(nats_server: Any, detection: Any) -> None:
    one = await JetStreamLog.open(StreamConfig(url=nats_server.url))
    two = await JetStreamLog.open(StreamConfig(url=nats_server.url))
    assert await one.read(0) == await two.read(0) == []
    messages = [detection(number) for number in range(400)]
    results = await asyncio.gather(
        *(log.append(messages[start : start + 20]) for start in range(0, 400, 20) for log in (one, two))
    )
    assert sum(result.accepted for result in results) == 400
    assert sum(result.repeated for result in results) == 400
    for log in (one, two):
        async with asyncio.timeout(60):
            while len(entries := await log.read(0)) < 400:
                await log.wait(entries[-1].position if entries else 0)
    assert await one.read(0) == await two.read(0)
    await asyncio.gather(one.commit("fusion", 70), two.commit("fusion", 90), one.commit("fusion", 80))
    assert await one.committed("fusion") == await two.committed("fusion") == 90
    await one.aclose()
    await two.aclose()


async def test_a_full_stream_refuses_and_drops_nothing(make_nats_server: Any, detection: Any) -> None:
    server = make_nats_server(store="max_file_store: 60000")
    log = await JetStreamLog.open(StreamConfig(url=server.url))
    kept: list[Any] = []

    async def fill() -> None:
        for number in range(10_000):
            await log.append([message := detection(number)])
            kept.append(message)

    with pytest.raises(LogUnavailable) as caught:
        await fill()
    assert caught.value.code == log.health().fault == "log_disk_full"
    assert [entry.message for entry in await log.read(0, 10_000)] == kept
    await log.aclose()


async def test_a_server_that_is_not_there_is_said_and_not_waited_for_for_ever() -> None:
    with pytest.raises(LogUnavailable) as caught:
        await JetStreamLog.open(StreamConfig(url="nats://127.0.0.1:1"), within_s=1.0)
    assert caught.value.code == "log_away"


async def test_a_server_without_jetstream_is_said(make_nats_server: Any, detection: Any) -> None:
    server = make_nats_server("accounts { plain { users = [{user: hub, password: secret}] } }")
    config = StreamConfig(url=server.url, username="hub", password_file=server.write("secret"))
    with pytest.raises(LogUnavailable) as caught:
        await JetStreamLog.open(config)
    assert caught.value.code in {"log_away", "log_refused"}
    assert "jetstream" in str(caught.value).lower()


async def test_the_password_comes_from_a_file_and_a_wrong_one_is_refused_at_once(
    make_nats_server: Any, detection: Any
) -> None:
    server = make_nats_server("authorization { user: hub, password: secret }")
    config = StreamConfig(url=server.url, username="hub", password_file=server.write("secret\n"))
    log = await JetStreamLog.open(config)
    assert (await log.append([detection(1)])).accepted == 1
    await log.aclose()
    for wrong in (server.write("other"), Path("/nowhere/at-all")):
        with pytest.raises(LogUnavailable) as caught:
            await JetStreamLog.open(StreamConfig(url=server.url, username="hub", password_file=wrong))
        assert caught.value.code == "log_refused"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (StreamConfig(url="http://127.0.0.1:4222"), "no address"),
        (StreamConfig(url="nats://hub:secret@127.0.0.1:4222"), "holds a secret"),
        (StreamConfig(url="nats://a:4222", username="hub"), "belong together"),
    ],
)
def test_a_configuration_that_can_not_work_is_told(config: StreamConfig, says: str) -> None:
    assert says in config.problem()


def test_a_sound_configuration_has_no_problem() -> None:
    assert StreamConfig().problem() == ""
    assert StreamConfig(url="nats://a:4222, tls://b:4222").problem() == ""
    assert StreamConfig(url="nats://a:4222, tls://b:4222").servers == ["nats://a:4222", "tls://b:4222"]
