"""What a stranger may see: aggregates, with small counts hidden, and nothing of today."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert

from hub.desk.tables import NOISE_HOUR
from hub.incident import Incident
from hub.keys import ENGINE, REGISTRY, STORE
from hub.policy.cells import K
from hub.registry import SensorRecord
from hub.store.engine import write

HOUR_US = 3_600_000_000


async def told(hub: Any, name: str) -> dict[str, Any]:
    client = await hub.session(None)
    async with client.get(f"/public/{name}.json?lang=en") as answer:
        assert answer.status == 200
        return await answer.json()


async def measured(hub: Any, hours_ago: range) -> None:
    record = SensorRecord(id="mic-1", kind="microphone", latitude=45.44, longitude=4.39)
    await hub.app[REGISTRY].add(record)
    hour = time.time_ns() // 1_000 // HOUR_US * HOUR_US
    rows = [
        {"sensor": "mic-1", "hour_us": hour - ago * HOUR_US, "energy": 1e6 * 3_600.0, "seconds": 3_600.0}
        for ago in hours_ago
    ]

    async def work(connection: Any) -> None:
        await connection.execute(insert(NOISE_HOUR), rows)

    await write(hub.app[ENGINE], work)


async def test_noise_is_told_in_squares_of_whole_days(hub: Any) -> None:
    await measured(hub, range(30, 30 + 24))
    noise = await told(hub, "noise")
    (square,) = noise["features"]
    assert square["properties"]["lden"] == 66
    assert "mic-1" not in str(noise)
    west, east = (pick(point[0] for point in square["geometry"]["coordinates"][0]) for pick in (min, max))
    assert (east - west) * 78_000 > noise["square_m"] * 0.95


async def test_nothing_of_today_is_told(hub: Any) -> None:
    await measured(hub, range(1))
    assert (await told(hub, "noise"))["features"] == []


async def test_small_counts_are_hidden_and_nothing_gives_them_away(hub: Any, gunshot: Callable[..., Incident]) -> None:
    now = time.time_ns() // 1_000
    shots = [gunshot(number, onset_us=now - number, end_us=now) for number in range(1, 2 * K)]
    few = [gunshot(100, event="explosion", onset_us=now - 100, end_us=now)]
    await hub.app[STORE].save([*shots, *few], now)
    statistics = await told(hub, "statistics")
    states = statistics["states"]
    assert states["gunshot"]["open"] is None or states["*"]["open"] is None, "a total would give the hidden one away"
    assert states["explosion"]["open"] is None
    assert statistics["hidden_below"] == K
    assert statistics["median_decision_s"] is None


async def test_a_hub_that_saw_nothing_says_so(hub: Any) -> None:
    statistics = await told(hub, "statistics")
    assert statistics["states"] == {"*": {"*": 0}}
    assert (await told(hub, "noise"))["features"] == []
