"""Where the law keeps sound and cameras apart, no camera stands in what was heard, and no sound names a camera."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from uuid6 import uuid7

from hub.api.views import own_sites
from hub.fusion.engine import FusionEngine
from hub.incident import Incident, Site
from sensors.protocol import Detection

START_US = 1_795_000_000_000_000
PER_DEGREE = 111_320.0
SITES = [
    *(
        Site(id=f"mic-{n}", kind="microphone", latitude=45.0 + north / PER_DEGREE, longitude=4.0 + east / 78_700.0)
        for n, (east, north) in enumerate([(-150, -120), (150, -130), (140, 150), (-160, 140), (0, 180), (10, -170)])
    ),
    Site(
        id="cam-1", kind="camera", latitude=45.0, longitude=4.0,
        field_of_view=((45.0, 4.0), (45.0005, 4.0005), (45.0005, 3.9995)),
    ),
]  # fmt: skip


def detection(sensor: str, event: Any, onset_us: int) -> Detection:
    return Detection(
        id=UUID(bytes=uuid7().bytes), sensor=sensor, sent=onset_us, event=event, onset=onset_us, duration_s=0.2,
        score=0.95, clock_sigma_us=200, model="m@00000000", peak_db=90.0 if event == "gunshot" else None,
    )  # fmt: skip


def incidents(*, couples: bool) -> list[Incident]:
    engine = FusionEngine(SITES)
    engine.couples = couples
    heard = []
    for site in SITES[:-1]:
        metres = (((site.latitude - 45.0) * PER_DEGREE) ** 2 + ((site.longitude - 4.0) * 78_700.0) ** 2) ** 0.5
        heard.append(detection(site.id, "gunshot", START_US + round(metres / 340.3 * 1e6)))
    told: dict[UUID, Incident] = {}
    for one in [*heard, detection("cam-1", "crowd_movement", START_US + 1_500_000)]:
        told.update((i.id, i) for i in engine.offer(one, one.onset + 100_000))
    for step in range(1, 100):
        told.update((i.id, i) for i in engine.advance(START_US + step * 500_000))
    return [incident for incident in told.values() if incident.event == "gunshot"]


@pytest.mark.parametrize("couples", [True, False])
def test_a_camera_stands_in_a_sound_incident_only_where_the_law_couples(couples: bool) -> None:
    (shot,) = incidents(couples=couples)
    cameras = [piece for piece in shot.evidence if piece.kind == "camera" or piece.sensor == "cam-1"]
    assert bool(cameras) is couples
    assert any(piece.sensor is None or piece.sensor.startswith("mic") for piece in shot.evidence)


def test_a_sound_s_place_is_never_told_from_a_camera() -> None:
    assert {site.kind for site in own_sites("gunshot", SITES)} == {"microphone"}
    assert {site.kind for site in own_sites("crowd_movement", SITES)} == {"camera"}
