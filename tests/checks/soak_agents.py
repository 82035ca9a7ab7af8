"""Agents of the fault campaign: `python soak_agents.py HUB FOLDER START_S SENSOR...`, killed and started again at will.

Every 1.5 s a shot is fired somewhere; each sensor tells the moment at which it heard it, and twenty sound levels a
second beside it. A message is written into `said-SENSOR` once the spool has kept it: from then on it may not be lost.
Ends once `FOLDER/enough` is there and the spool is empty.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
import time
from pathlib import Path
from typing import Final

import uuid6

from sensors.agent import Agent, Send, StationHealth
from sensors.identity import Identity
from sensors.protocol import AnyMessage, Detection, SoundLevel
from sensors.spool import Spool
from sensors.uplink import Uplink

PERIOD_S: Final = 1.5
LEVEL_S: Final = 0.05
SOUND_M_S: Final = 340.6
PLACES: Final = {"mic-1": (0.0, 0.0), "mic-2": (300.0, 20.0), "mic-3": (40.0, 280.0), "mic-4": (310.0, 320.0)}
"""East and north of the first, m."""
ORIGIN: Final = (45.4397, 4.3872)


def position(sensor: str) -> tuple[float, float]:
    """Latitude and longitude of a sensor."""
    east, north = PLACES[sensor]
    latitude = ORIGIN[0] + north / 111_320.0
    return latitude, ORIGIN[1] + east / (111_320.0 * math.cos(math.radians(ORIGIN[0])))


class Street:
    """A station that hears every shot of the schedule."""

    def __init__(self, sensor: str, folder: Path, start_s: float) -> None:
        self._sensor = sensor
        self._folder = folder
        self._start_s = start_s
        self.agent: Agent | None = None
        self._said = os.open(folder / f"said-{sensor}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def health(self) -> StationHealth:
        """Well."""
        return StationHealth("ok", clock_sigma_us=200)

    async def run(self, send: Send) -> None:
        """Tell each shot once it was heard; one that fell into the agent's death was never said."""
        number = max(0, math.ceil((time.time() - self._start_s) / PERIOD_S))
        while not await asyncio.to_thread((self._folder / "enough").exists):
            dice = random.Random(number)
            east, north = dice.uniform(50.0, 250.0), dice.uniform(50.0, 250.0)
            away = math.dist((east, north), PLACES[self._sensor])
            onset = self._start_s + number * PERIOD_S + away / SOUND_M_S
            while (left := onset - time.time()) > 0:
                await asyncio.sleep(min(left, LEVEL_S))
                await self._tell(send, self._level())
            message = Detection(
                id=uuid6.uuid7(),
                sensor=self._sensor,
                sent=time.time_ns() // 1_000,
                event="gunshot",
                onset=round(onset * 1e6),
                duration_s=0.1,
                score=0.97,
                clock_sigma_us=200,
                model="soak@12345678",
                peak_db=118.0,
                snr_db=30.0,
                exercise=True,
            )
            await self._tell(send, message)
            number += 1

    async def _tell(self, send: Send, message: AnyMessage) -> None:
        assert self.agent is not None
        withheld = self.agent.withheld
        await send(message)
        # What the lease did not allow to tell was not said.
        if self.agent.withheld == withheld:
            os.write(self._said, f"{message.id}\n".encode())

    def _level(self) -> SoundLevel:
        now_us = time.time_ns() // 1_000
        return SoundLevel(
            id=uuid6.uuid7(), sensor=self._sensor, sent=now_us, start=now_us - 1_000_000, period_s=1.0,
            laeq=50.0, lafmax=55.0, lcpeak=70.0, l10=53.0, l50=49.0, l90=45.0,
        )  # fmt: skip


async def main(hub: str, folder: Path, start_s: float, sensors: list[str]) -> None:
    """Run the agents of `sensors` until there was enough."""
    async with asyncio.TaskGroup() as group:
        for sensor in sensors:
            identity = await asyncio.to_thread(Identity.load, folder / f"{sensor}.pem")
            spool = Spool(folder / f"{sensor}.spool")
            uplink = Uplink(hub, identity, spool, randomness=lambda: 0.1)
            street = await asyncio.to_thread(Street, sensor, folder, start_s)
            street.agent = Agent(sensor, street, spool, uplink, exercise=True)
            group.create_task(street.agent.run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
