"""A camera at a hub that may only count: the counts arrive, events are refused and withheld."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import time
from pathlib import Path
from typing import Any

from hub.app import serving
from hub.config import Http, HubConfig
from hub.keys import LOG, REGISTRY
from hub.policy.basis import Council, Dpia, Dpo, PolicyConfig, SensorFacts
from hub.registry import SensorRecord
from sensors.agent import Agent
from sensors.camera.frames import SourceHealth, StillFrame
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.station import CameraStation
from sensors.identity import Identity
from sensors.protocol import Heartbeat, Occupancy
from sensors.spool import Spool
from sensors.uplink import Uplink

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SETTINGS = CameraSettings(zones=(Zone(name="street", polygon=WHOLE, rules=("occupancy", "intrusion")),))
BIN_US = 1_200_000_000
STATISTICS = PolicyConfig(
    profile="statistics-only",
    controller="Ville de Saint-Étienne",
    purpose="plan-velo",
    dpo=Dpo("C. Roux", "dpo@saint-etienne.test", "+33 4 77 00 00 00"),
    council=Council("Délibération 1", dt.datetime.now(dt.UTC).date().isoformat()),
    dpia=Dpia("AIPD-1", "2", "2026-01-01", "DPO-31", "2100-01-01"),
    sensors=(
        SensorFacts(
            "cam-1",
            "camera",
            notice="Panneau caméra n° 3",
            mask_review="C. Roux, 2026-11-10",
            calibration="CAL-2026-07",
            latitude=45.43,
            longitude=4.38,
        ),
    ),
)


class TwentyMinutes:
    """Somebody crosses the street every 50 seconds through one whole bin that has just closed, three pictures a
    second."""

    def __init__(self, street: Any) -> None:
        self._street = street
        self._start_us = (time.time_ns() // 1_000) // BIN_US * BIN_US - BIN_US - 500_000

    def frames(self):
        images = itertools.cycle([self._street.frame() for _ in range(6)])
        for index in range(3 * 1_202):
            t = index / 3
            place = (t % 50.0) * 0.05 - 0.1
            boxes = [(place, 0.4, 0.06, 0.5)] if t > 20 and -0.06 < place < 1.0 else []
            image = self._street.frame(boxes) if boxes else next(images)
            yield StillFrame(image, self._start_us + round(t * 1e6), index)

    def health(self) -> SourceHealth:
        return SourceHealth("ok")

    def close(self) -> None:
        pass


async def test_under_statistics_only_counts_are_taken_in_and_no_event_is(tmp_path: Path, street: Any) -> None:
    config = HubConfig(data_dir=tmp_path / "data", http=Http(port=0), policy=STATISTICS)
    async with serving(config) as (app, port):
        url = f"http://127.0.0.1:{port}"
        now = time.time_ns() // 1_000
        identity = Identity.generate("cam-1")
        registry = app[REGISTRY]
        await registry.add(SensorRecord(id="cam-1", kind="camera", latitude=45.43, longitude=4.38, height_m=4.0))
        code = await registry.new_code("cam-1", now)
        await registry.enrol(code, base64.b64decode(identity.public_key), "camera", "tocsin-0.1.0", now)
        spool = Spool(":memory:")
        station = CameraStation("cam-1", TwentyMinutes(type(street)(96, 54)), SETTINGS)
        agent = Agent("cam-1", station, spool, Uplink(url, identity, spool))
        await agent.run()
        await agent.aclose()
        kept = [entry.message for entry in await app[LOG].read(0, 1_000)]
    counts = [message for message in kept if isinstance(message, Occupancy)]
    assert [(one.zone, one.period_s, one.start % BIN_US) for one in counts] == [("street", 1_200.0, 0)]
    assert counts[0].counts.person == 25
    assert all(isinstance(message, Occupancy | Heartbeat) for message in kept)
    # The walkers were intrusions too, which the lease did not allow to tell.
    assert agent.withheld >= 20
