"""What each sensor worked and what each district bears is counted, shown, and hidden where it tells of a person."""

from __future__ import annotations

import asyncio
import datetime as dt
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.config import HubConfig
from hub.keys import CONFIG, ENGINE, GATE, REGISTRY
from hub.policy import hours
from hub.policy.basis import Council
from hub.policy.chart import chart
from hub.policy.exports import dutch
from hub.policy.facts import gather, zones_of
from hub.policy.hours import add_hours, hours_since, state_of, states_of
from hub.policy.page import Grid
from hub.policy.register import register
from hub.policy.telling import HIDDEN, Teller
from hub.registry import SensorRecord
from hub.store.quality import Quality, QualityReport

TODAY = dt.date(2026, 11, 22)
NORTH = ((45.45, 4.30), (45.45, 4.50), (45.60, 4.50), (45.60, 4.30))
SOUTH = ((45.30, 4.30), (45.30, 4.50), (45.45, 4.50), (45.45, 4.30))


async def sensor(hub: Any, name: str, latitude: float, now_us: int, **changes: Any) -> SensorRecord:
    record = SensorRecord(id=name, kind="microphone", latitude=latitude, longitude=4.4)
    record = msgspec.structs.replace(record, public_key=bytes(32), created_us=now_us, last_seen_us=now_us, **changes)
    await hub.app[REGISTRY].add(record)
    return record


async def test_hours_add_up_by_day_sensor_and_state(hub: Any) -> None:
    engine: AsyncEngine = hub.app[ENGINE]
    for _ in range(30):
        await add_hours(engine, TODAY, {"mic-1": "working", "mic-2": "out"}, 60)
    await add_hours(engine, TODAY - dt.timedelta(days=400), {"mic-1": "working"}, 3_600)
    await add_hours(engine, TODAY, {"mic-1": "stopped"}, 1_800)
    assert await hours_since(engine, TODAY) == {"mic-1": {"working": 0.5, "stopped": 0.5}, "mic-2": {"out": 0.5}}
    assert (await hours_since(engine, TODAY - dt.timedelta(days=401)))["mic-1"]["working"] == 1.5


async def test_a_sensor_that_people_or_the_law_stopped_does_not_count_as_working(hub: Any) -> None:
    now_us = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    record = await sensor(hub, "mic-1", 45.5, now_us)
    assert state_of(record, "dispatch", now_us) == "working"
    assert state_of(record, "off", now_us) == "stopped"
    assert state_of(record, "dispatch", now_us + 3_600_000_000) == "out"
    assert state_of(msgspec.structs.replace(record, last_seen_us=None), "dispatch", now_us) is None
    assert state_of(msgspec.structs.replace(record, revoked_us=1), "dispatch", now_us) is None
    gate = hub.app[GATE]
    assert states_of([record], gate, now_us) == {"mic-1": "working"}
    gate.suspend({"mic-1"})
    assert states_of([record], gate, now_us) == {"mic-1": "stopped"}


async def test_the_running_hub_looks_by_itself(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now_us = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    await sensor(hub, "mic-1", 45.5, now_us)
    monkeypatch.setattr(hours, "LOOK_S", 0.6)
    looking = asyncio.create_task(hours.count_hours(hub.app))
    try:
        async with asyncio.timeout(60):
            while not await hours_since(hub.app[ENGINE], TODAY - dt.timedelta(days=1)):  # noqa: ASYNC110 (a row is awaited)
                await asyncio.sleep(0.05)
    finally:
        looking.cancel()


async def told(hub: Any, changes: dict[str, Any] | None = None, config: HubConfig | None = None) -> Teller:
    plain = config or hub.app[CONFIG]
    facts = await gather(hub.app[ENGINE], plain, int(dt.datetime.now(dt.UTC).timestamp() * 1e6))
    return Teller(msgspec.structs.replace(facts, **(changes or {})), plain, "fr")


async def test_a_district_s_small_cells_are_hidden_and_its_hours_are_not(hub: Any, complete: Any) -> None:
    now_us = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    await sensor(hub, "mic-1", 45.5, now_us)
    await sensor(hub, "mic-2", 45.4, now_us)
    engine = hub.app[ENGINE]
    await add_hours(engine, dt.datetime.now(dt.UTC).date(), {"mic-1": "working", "mic-2": "stopped"}, 7_200)
    north, south = Quality(real=20, not_real=2, unknown=9), Quality(real=12, not_real=30, unknown=8)
    report = QualityReport(Quality(real=32, not_real=32, unknown=17), {}, {}, {"Nord": north, "Sud": south})
    changes = {"zones": {"Nord": NORTH, "Sud": SOUTH}, "quality": report}
    real = msgspec.structs.replace(hub.app[CONFIG], policy=complete("authorised"))
    grid = (await told(hub, changes, real)).zone_grid()
    assert isinstance(grid, Grid)
    rows = {row[0]: row[1:] for row in grid.rows}
    assert rows["Nord"][:2] == ("1", "2")
    assert rows["Sud"][:2] == ("1", "0"), "a sensor that stands still listens to nobody"
    assert HIDDEN in rows["Nord"]
    assert "2" not in rows["Nord"][2:]
    assert HIDDEN in rows["Sud"], "two tables of one row would tell it else"
    page = str(register(await told(hub, changes)))
    assert "Ce que porte chaque quartier" in page
    assert "Heures comptées" in page


async def test_a_few_false_alarms_of_a_class_are_hidden_with_every_share_that_tells_them(
    hub: Any, complete: Any
) -> None:
    few, many = Quality(real=40, not_real=2, unknown=11), Quality(real=50, not_real=60, unknown=70)
    both = Quality(real=90, not_real=62, unknown=81)
    report = QualityReport(both, {"gunshot": few, "clamor": many}, {}, {})
    real = msgspec.structs.replace(hub.app[CONFIG], policy=complete("authorised"))
    teller = await told(hub, {"quality": report}, real)
    grid = teller.precision_grid()
    assert isinstance(grid, Grid)
    rows = {row[0]: row[1:] for row in grid.rows}
    shot = rows[teller.w("event_gunshot")]
    assert "2" not in shot
    assert shot[4:] == (HIDDEN,) * 4
    figures = teller.figures()
    assert set(figures["gunshot"].values()) == {None}
    shown = Teller(teller.facts, hub.app[CONFIG], "fr").precision_grid()
    assert isinstance(shown, Grid)
    assert HIDDEN not in str(shown), "an exercise hides nothing"


def test_districts_come_from_the_map_s_file(tmp_path: Path) -> None:
    file = tmp_path / "districts.geojson"
    ring = [[longitude, latitude] for latitude, longitude in NORTH]
    feature = {
        "type": "Feature",
        "properties": {"name": "Nord"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    file.write_bytes(msgspec.json.encode({"type": "FeatureCollection", "features": [feature]}))
    config = HubConfig()
    with_file = msgspec.structs.replace(config, map=msgspec.structs.replace(config.map, districts=file))
    assert zones_of(with_file) == {"Nord": NORTH}
    file.write_text("no json")
    assert zones_of(with_file) == {}


async def test_the_map_is_whole_svg_with_every_sensor_and_no_exact_place(hub: Any) -> None:
    now_us = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    assert chart(await told(hub)) is None
    await sensor(hub, "mic-1", 45.500_44, now_us)
    seen = ((45.5, 4.4), (45.501, 4.4), (45.501, 4.402))
    camera = SensorRecord(id="cam-<1>", kind="camera", latitude=45.5, longitude=4.4, field_of_view=seen)
    await hub.app[REGISTRY].add(msgspec.structs.replace(camera, public_key=bytes(32), created_us=now_us))
    picture = chart(await told(hub))
    assert picture is not None
    root = ElementTree.fromstring(picture.svg)
    titles = {one.text for one in root.iter("{http://www.w3.org/2000/svg}title")}
    assert titles == {"mic-1", "cam-<1>"}
    exact = chart(await told(hub, {"sensors": (await sensor_at(45.500_11),)}))
    other = chart(await told(hub, {"sensors": (await sensor_at(45.499_89),)}))
    assert exact == other, "places of one rounded square are one place"


async def sensor_at(latitude: float) -> SensorRecord:
    return SensorRecord(id="mic-1", kind="microphone", latitude=latitude, longitude=4.4)


async def test_the_dutch_form_has_the_standard_s_fields(hub: Any) -> None:
    async with (await hub.session(None)).get("/register/algoritmeregister.json") as answer:
        assert answer.status == 200
        line = await answer.json()
    needed = {"naam", "korte_omschrijving", "organisatie", "status", "contactgegevens", "publicatiecategorie"}
    assert needed <= set(line)
    assert line["status"] == "In ontwikkeling"
    assert line == dutch(await told(hub)) | {"taal": line["taal"]}


async def test_the_page_tells_the_vote_and_that_it_ends_a_year_later(hub: Any, complete: Any) -> None:
    late = Council("Délibération 2026-118", "2026-01-10")
    config = msgspec.structs.replace(hub.app[CONFIG], policy=complete("statistics-only", council=late))
    teller = await told(hub, None, config)
    closes = teller.closing()
    assert closes is not None
    assert closes.date() == dt.date(2027, 1, 10)
    assert "Délibération 2026-118, 10 janvier 2026" in str(register(teller))
