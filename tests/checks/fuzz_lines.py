"""Hostile and malformed inputs over the two entrances that are no requests: the WebSocket stream and the broker."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import uuid6
from hostile import messages, mutate
from hostile_hub import Hub

from hub.log import read_file
from sensors.protocol import Heartbeat

BROKER: Final = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
Answered = Callable[[str, int, bytes, object], None]
"""Kind of input, status, answer, what was sent."""
MQTT: Final = """
[mqtt]
host = "127.0.0.1"
port = {port}
sensors = ["mic-1"]
"""


class Broker:
    """A mosquitto on a free port that lets everybody in; `config` is what the hub must be told, empty without one."""

    def __init__(self, folder: Path) -> None:
        self.config = ""
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        if not Path(BROKER).exists():
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        settings = folder / "mosquitto.conf"
        settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._process = subprocess.Popen([BROKER, "-c", str(settings)], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        if any("running" in line for line in self._process.stderr):
            self.config = MQTT.format(port=self.port)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(15)
            assert self._process.stderr is not None
            self._process.stderr.close()


def _body(number: int, dice: random.Random) -> tuple[bytes, str]:
    kind = "json" if number % 2 else "msgpack"
    encode = msgspec.json.encode if kind == "json" else msgspec.msgpack.encode
    body = encode(messages(dice))
    return (body if number % 10 == 0 else mutate(body, dice)), kind


async def stream(hub: Hub, count: int, dice: random.Random, answered: Answered) -> None:
    """Frames of a sensor that signed its stream rightly; text that is none, and frames that are too large, end it."""
    url = f"http://127.0.0.1:{hub.port}/api/v1/stream"
    sent = 0
    async with aiohttp.ClientSession() as session:
        while sent < count:
            headers = hub.identity.sign(
                method="GET", authority=f"127.0.0.1:{hub.port}", path="/api/v1/stream",
                content_type="application/msgpack", body=b"", created_s=int(time.time()),
            )  # fmt: skip
            async with session.ws_connect(url, headers=headers, max_msg_size=2**24) as socket_:
                while sent < count and not socket_.closed:
                    body, kind = _body(sent, dice)
                    body = body if dice.random() < 0.995 else bytes(2**21 + dice.randrange(2**20))
                    text = kind == "json" and dice.random() < 0.9
                    sent += 1
                    try:
                        if text:
                            await socket_.send_str(body.decode("utf-8", "replace"))
                        else:
                            await socket_.send_bytes(body)
                        got = await socket_.receive(timeout=30)
                    except ConnectionError:
                        answered("stream", 0, b"", body[:200])
                        break
                    if got.type is not aiohttp.WSMsgType.TEXT:
                        answered("stream", 0, b"", body[:200])
                        break
                    data = got.data.encode()
                    status = msgspec.json.decode(data).get("status", 200)
                    answered("stream", status, data, body)


async def broker(at: Broker, hub: Hub, count: int, dice: random.Random, answered: Answered) -> str:
    """Payloads on topics that the hub asked for; a good one after them must be kept. What is wrong, if anything.

    Nothing answers here: the hub must take or refuse each, and go on.
    """
    import aiomqtt

    kinds = ("detection", "sound_level", "occupancy", "heartbeat", "batch", "", "x" * 300, "detection/more")
    async with aiomqtt.Client("127.0.0.1", at.port) as client:
        for number in range(count):
            body, _ = _body(number, dice)
            body = body if dice.random() < 0.998 else bytes(dice.randrange(2**20))
            sensor = dice.choice(("mic-1", "mic-1", "mic-1", "mic-2", "\u00e9", "x" * 200))
            await client.publish(f"tocsin/v1/{sensor}/{dice.choice(kinds)}", body, qos=1)
            answered("broker", 202, b"", b"")
        last = Heartbeat(
            id=uuid6.uuid7(), sensor="mic-1", sent=time.time_ns() // 1_000, uptime_s=1.0, clock_offset_us=0,
            clock_sigma_us=1, queue_depth=0, dropped=0, capture="ok", software="x",
        )  # fmt: skip
        await client.publish("tocsin/v1/mic-1/heartbeat", msgspec.json.encode(last), qos=1)
    log = hub.folder / "data" / "log.sqlite"
    try:
        async with asyncio.timeout(120):
            while not await asyncio.to_thread(_kept, log, last):  # noqa: ASYNC110 - another process keeps it
                await asyncio.sleep(0.5)
    except TimeoutError:
        return "a good message after the hostile ones did not come through the broker"
    return ""


def _kept(log: Path, message: Heartbeat) -> bool:
    return any(entry.message.id == message.id for entry in read_file(log))
