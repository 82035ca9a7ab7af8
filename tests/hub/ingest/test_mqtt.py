"""Intake from a real broker: kept before it is acknowledged, judged as any other, nothing lost meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hub.broker_config import MqttConfig
from hub.ingest import mqtt
from hub.ingest.mqtt import MQTT, Intake, MqttState, envelope
from hub.ingest.take import REFUSED
from hub.keys import CONFIG, LOG
from hub.log import LogUnavailable
from hub.problem import Problem

pytest.importorskip("aiomqtt", reason="aiomqtt is not installed: pip install tocsin[mqtt]")


@contextlib.asynccontextmanager
async def taking(hub: Any, port: int, version: Any = "5") -> AsyncIterator[MqttState]:
    """Intake of `hub` from the broker for `mic-1`."""
    settings = MqttConfig(host="127.0.0.1", port=port, version=version, sensors=("mic-1",))
    hub.app._state[CONFIG] = msgspec.structs.replace(hub.app[CONFIG], mqtt=settings)  # the application is frozen
    state = hub.app._state[MQTT] = MqttState()
    task = asyncio.create_task(Intake(hub.app).run())
    try:
        async with asyncio.timeout(60):
            while not state.connected:  # noqa: ASYNC110 - the broker is another process
                await asyncio.sleep(0.01)
        yield state
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def publish(port: int, topic: str, payload: bytes) -> None:
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(topic, payload, qos=1)


async def kept(hub: Any, count: int) -> list[Any]:
    """The messages of the log once there are `count`."""
    async with asyncio.timeout(60):
        while len(found := await hub.log.read(0)) < count:
            await hub.log.wait(found[-1].position if found else 0)
    return [entry.message for entry in found]


@pytest.mark.e2e
@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_what_is_published_is_kept_as_json_and_as_messagepack(
    hub: Any, broker: int, detection: Any, heartbeat: Any, version: str
) -> None:
    async with taking(hub, broker, version):
        one, two, three = detection(), detection(), heartbeat()
        await publish(broker, "tocsin/v1/mic-1/detection", msgspec.json.encode(one))
        await publish(broker, "tocsin/v1/mic-1/detection", msgspec.msgpack.encode([one, two]))
        await publish(broker, "tocsin/v1/mic-1/heartbeat", msgspec.json.encode(three))
        assert {message.id for message in await kept(hub, 3)} == {one.id, two.id, three.id}


@pytest.mark.e2e
async def test_what_comes_while_the_hub_is_away_or_can_not_write_is_kept_by_the_broker(
    hub: Any, broker: int, detection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "RETRY_S", 0.05)
    async with taking(hub, broker):
        pass
    away = [detection() for _ in range(3)]
    for message in away:
        await publish(broker, "tocsin/v1/mic-1/detection", msgspec.json.encode(message))
    append, failures = hub.log.append, [3]

    async def fails_thrice(messages: Any) -> Any:
        failures[0] -= 1
        if failures[0] >= 0:
            raise LogUnavailable("log_disk_full", "no room")
        return await append(messages)

    monkeypatch.setattr(hub.app[LOG], "append", fails_thrice)
    async with taking(hub, broker):
        assert {message.id for message in await kept(hub, 3)} == {message.id for message in away}


@pytest.mark.e2e
async def test_what_the_broker_does_not_vouch_for_is_refused_and_counted(hub: Any, broker: int, detection: Any) -> None:
    await hub.enrol("mic-2")
    async with taking(hub, broker):
        await publish(broker, "tocsin/v1/mic-2/detection", msgspec.json.encode(detection("mic-2")))
        await publish(broker, "tocsin/v1/mic-1/detection", msgspec.json.encode(detection("mic-2")))
        await publish(broker, "tocsin/v1/mic-1/sound", b"{}")
        await publish(broker, "tocsin/v1/mic-1/heartbeat", msgspec.json.encode(detection()))
        good = detection()
        await publish(broker, "tocsin/v1/mic-1/detection", msgspec.json.encode(good))
        assert [message.id for message in await kept(hub, 1)] == [good.id]
    refused = hub.app[REFUSED]
    assert {"sensor_unknown", "sensor_mismatch", "type_unknown", "topic_mismatch"} <= set(refused)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xc1", b"[1]", b"{}", bytes(300_000), b"[" * 100_000])
def test_a_payload_that_is_no_message_gets_its_reason(payload: bytes) -> None:
    with pytest.raises(Problem):
        envelope(payload, "detection")
