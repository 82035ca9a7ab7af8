"""Foreign messages through a real broker and over HTTP, into the log: credentials, gate and counters are the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from hub.broker_config import MqttConfig
from hub.foreign_config import Foreign, Rule, stand_alone
from hub.incident import Arrival, Evidence, Incident, Place
from hub.ingest.adapters.intake import CONTENT
from hub.ingest.mqtt import MQTT, Intake, MqttState
from hub.ingest.take import REFUSED
from hub.keys import CONFIG
from hub.registry import SensorRecord

FOREIGN = (
    Foreign(
        sensor="cam-7", kind="frigate", topic="frigate/events", name="front_door",
        map=(Rule(event="intrusion", label="person", zone="yard"),),
    ),
    Foreign(
        sensor="cam-8", kind="onvif", topic="BoschCam1",
        map=(Rule(event="wrong_way", topic="RuleEngine/LineDetector/Crossed"),),
    ),
    Foreign(sensor="cam-9", kind="json", topic="plant/alarms", map=(Rule(event="fire", value="SMOKE"),)),
    Foreign(sensor="cam-0", kind="json", topic="nowhere", map=(Rule(event="fire", value="SMOKE"),)),
)  # fmt: skip


def tracked(**changes: Any) -> bytes:
    """A tracked object of Frigate's, with somebody's name on it."""
    now_s = time.time()
    said: dict[str, Any] = {
        "id": f"{now_s}-mxklsc", "camera": "front_door", "label": "person", "sub_label": ["John Smith", 0.8],
        "frame_time": now_s - 1, "start_time": now_s - 3, "end_time": None, "top_score": 0.95, "score": 0.9,
        "false_positive": False, "entered_zones": ["yard"], "current_zones": ["yard"], **changes,
    }  # fmt: skip
    return json.dumps({"type": "new", "before": said, "after": said}).encode()


def crossed() -> bytes:
    """A line that something crossed, as a camera says it."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"UtcTime": at, "Source": {"Rule": "Line 1"}, "Data": {"ObjectId": "17"}}).encode()


def smoke() -> bytes:
    return json.dumps({"event": "SMOKE", "time": time.time(), "id": "a81f"}).encode()


async def register(hub: Any) -> None:
    """The foreign sensors' places; the last one is not there."""
    for source in FOREIGN[:3]:
        await hub.registry.add(SensorRecord(id=source.sensor, kind="camera", latitude=45.44, longitude=4.38))


@contextlib.asynccontextmanager
async def listening(hub: Any, port: int, version: Any = "5") -> AsyncIterator[None]:
    settings = MqttConfig(host="127.0.0.1", port=port, version=version, sensors=("mic-1",))
    config = msgspec.structs.replace(hub.app[CONFIG], mqtt=settings, foreign=FOREIGN)
    hub.app._state[CONFIG] = config  # the application is frozen
    state = hub.app._state[MQTT] = MqttState()
    task = asyncio.create_task(Intake(hub.app).run())
    try:
        async with asyncio.timeout(60):
            while not state.connected:  # noqa: ASYNC110 - the broker is another process
                await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def publish(port: int, version: Any, *messages: tuple[str, bytes]) -> None:
    import aiomqtt

    protocol = aiomqtt.ProtocolVersion.V5 if version == "5" else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol) as client:
        for topic, payload in messages:
            await client.publish(topic, payload, qos=1)


async def kept(hub: Any, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        while len(found := await hub.log.read(0)) < count:
            await hub.log.wait(found[-1].position if found else 0)
    return [entry.message for entry in found]


async def tell(hub: Any, port: int, version: str) -> None:
    """What the three say reaches the log, once, and nothing else of it."""
    await register(hub)
    pytest.importorskip("aiomqtt", reason="aiomqtt is not installed: pip install tocsin[mqtt]")
    async with listening(hub, port, version):
        person = tracked()
        line = crossed()
        await publish(
            port, version,
            ("frigate/events", person),
            ("frigate/events", tracked(camera="garden")),
            ("frigate/events", b"not JSON"),
            ("nowhere", smoke()),
            ("frigate/events", person),
            ("BoschCam1/onvif-ej/RuleEngine/LineDetector/Crossed/&1", line),
            ("BoschCam1/onvif-ej/RuleEngine/LineDetector/Crossed/&1", line),
            ("plant/alarms", smoke()),
        )  # fmt: skip
        messages = await kept(hub, 3)
    assert sorted((one.sensor, one.event) for one in messages) == [
        ("cam-7", "intrusion"), ("cam-8", "wrong_way"), ("cam-9", "fire"),
    ]  # fmt: skip
    assert b"John" not in msgspec.json.encode(messages)
    assert hub.app[CONTENT]["frigate.sub_label"] >= 1
    assert {"body_malformed", "sensor_unknown"} <= set(hub.app[REFUSED])


@pytest.mark.e2e
async def test_frigate_onvif_and_generic_json_come_through_a_real_broker(hub: Any, broker: int) -> None:
    await tell(hub, broker, "5")


@pytest.mark.e2e
async def test_they_come_through_the_gateway_of_a_nats_server_too(hub: Any, make_nats_server: Any) -> None:
    server = make_nats_server('mqtt { listen: "127.0.0.1:-1" }')
    await tell(hub, server.mqtt_port, "3.1.1")


async def test_a_generic_system_posts_with_the_token_of_its_one_sensor(hub: Any) -> None:
    await register(hub)
    hub.app._state[CONFIG] = msgspec.structs.replace(hub.app[CONFIG], foreign=FOREIGN)
    token = await hub.registry.new_token("cam-9")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = smoke()
    for repeated in (0, 1):
        answer = await hub.post(body, headers, "/api/v1/foreign")
        assert (answer.status, answer.body["accepted"], answer.body["repeated"]) == (200, 1 - repeated, repeated)
    (message,) = await kept(hub, 1)
    assert (message.sensor, message.event, message.score) == ("cam-9", "fire", 0.5)
    assert message.model.startswith("json@")

    refused = await hub.post(b'{"event": "LUNCH", "time": 0}', headers, "/api/v1/foreign")
    assert (refused.status, refused.code) == (422, "foreign_unmapped")
    other = {**headers, "Authorization": f"Bearer {await hub.registry.new_token('cam-8')}"}
    assert (await hub.post(body, other, "/api/v1/foreign")).code == "foreign_unmapped"
    wrong = {**headers, "Authorization": "Bearer nobody's"}
    assert (await hub.post(body, wrong, "/api/v1/foreign")).status == 401
    await hub.registry.revoke("cam-9", 1, "gone")
    assert (await hub.post(body, headers, "/api/v1/foreign")).status in {401, 403}


async def test_the_gate_stands_before_foreign_sensors_as_before_all(start_hub: Any, tmp_path: Any) -> None:
    async with start_hub(tmp_path, "statistics-only") as hub:
        await register(hub)
        hub.app._state[CONFIG] = msgspec.structs.replace(hub.app[CONFIG], foreign=FOREIGN)
        token = await hub.registry.new_token("cam-9")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = await hub.post(smoke(), headers, "/api/v1/foreign")
        assert answer.status == 422
        assert answer.body["refused"][0]["code"].startswith("LEGAL_")
        assert await hub.log.read(0) == []


def test_nobody_is_sent_on_the_word_of_foreign_sensors_alone() -> None:
    def incident(*sensors: str) -> Incident:
        told = tuple(Evidence("sound", 1.0, "evidence_sound", {}, sensor, (uuid4(),)) for sensor in sensors)
        arrivals = tuple(Arrival(sensor, uuid4(), 0, 10.0, 0.1) for sensor in sensors[:1])
        return Incident(
            id=uuid4(), revision=1, event="fire", onset_us=0, end_us=1, updated_us=1,
            place=Place("disc", 45.0, 4.0), probability=0.5, rounds=None, evidence=told, arrivals=arrivals,
        )  # fmt: skip

    assert stand_alone(incident("cam-7"), FOREIGN)
    assert stand_alone(incident("cam-7", "cam-8"), FOREIGN)
    assert not stand_alone(incident("cam-7", "mic-1"), FOREIGN)
    assert not stand_alone(incident(), FOREIGN), "a person reported it"
