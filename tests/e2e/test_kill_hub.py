"""The real hub, killed with -9 again and again while an agent sends: nothing that was said is lost or counted twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import uuid6

from hub.log import read_file
from sensors.agent import Agent, Send, StationHealth
from sensors.enrolment import enrol
from sensors.identity import Identity
from sensors.protocol import Detection
from sensors.spool import Spool
from sensors.uplink import Uplink

pytestmark = pytest.mark.e2e


class Talker:
    """A station that detects something every few milliseconds and remembers what it said."""

    def __init__(self) -> None:
        self.said: list[Detection] = []
        self.enough = asyncio.Event()

    def health(self) -> StationHealth:
        return StationHealth("ok", clock_sigma_us=100)

    async def run(self, send: Send) -> None:
        while not self.enough.is_set():
            now = time.time_ns() // 1_000
            message = Detection(
                id=uuid6.uuid7(), sensor="mic-1", sent=now, event="gunshot", onset=now, duration_s=0.1, score=0.9,
                clock_sigma_us=100, model="test@12345678",
            )  # fmt: skip
            await send(message)
            self.said.append(message)
            await asyncio.sleep(0.004)


async def test_killing_the_hub_loses_no_detection_and_repeats_none(dying_hub: Any, tmp_path: Path) -> None:
    await asyncio.to_thread(dying_hub.start)
    code = await asyncio.to_thread(dying_hub.add_microphone, "mic-1", 45.44, 4.38)
    talker = Talker()
    spool = Spool(tmp_path / "spool.sqlite")
    identity = await enrol(dying_hub.url, code, tmp_path / "mic-1.pem")
    # Without waits between its tries the uplink meets every moment of the hub's dying and starting.
    uplink = Uplink(dying_hub.url, identity, spool, randomness=lambda: 0.0)
    agent = asyncio.create_task(Agent("mic-1", talker, spool, uplink).run())
    for pause_s in (0.3, 0.05, 0.15):
        await asyncio.sleep(pause_s)
        await asyncio.to_thread(dying_hub.kill)
        await asyncio.to_thread(dying_hub.start)
    await asyncio.sleep(0.3)
    talker.enough.set()
    await asyncio.wait_for(agent, 60)
    counts = await spool.counts()
    await asyncio.to_thread(dying_hub.kill)
    await spool.aclose()
    entries = await asyncio.to_thread(lambda: list(read_file(tmp_path / "data" / "log.sqlite")))
    kept = [entry.message.id for entry in entries if isinstance(entry.message, Detection)]
    assert sorted(kept) == sorted(message.id for message in talker.said)
    assert (counts.depth, counts.dropped_total, counts.refused) == (0, 0, 0)


async def test_revoking_from_the_command_line_shuts_a_sensor_out_of_the_running_hub(
    dying_hub: Any, tmp_path: Path
) -> None:
    talker = Talker()
    spool = Spool(":memory:")
    await asyncio.to_thread(dying_hub.start)
    code = await asyncio.to_thread(dying_hub.add_microphone, "mic-1", 45.44, 4.38)
    await enrol(dying_hub.url, code, tmp_path / "mic-1.pem")
    uplink = Uplink(dying_hub.url, await asyncio.to_thread(Identity.load, tmp_path / "mic-1.pem"), spool)
    agent = asyncio.create_task(Agent("mic-1", talker, spool, uplink).run())
    async with asyncio.timeout(20):
        while uplink.health.delivered < 10:  # noqa: ASYNC110 - the hub is another process
            await asyncio.sleep(0.02)
        await asyncio.to_thread(dying_hub.tocsin, "sensors", "revoke", "mic-1", "--reason", "stolen")
        while uplink.health.state != "revoked":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    shown = json.loads(await asyncio.to_thread(dying_hub.tocsin, "sensors", "show", "mic-1", "--json"))
    assert (shown["state"], shown["state_reason"]) == ("revoked", "stolen")
    agent.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await agent
    await spool.aclose()
