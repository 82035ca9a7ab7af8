"""The spool: bounded, oldest telemetry first to go, every drop counted, and all of it there after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
import uuid6
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.protocol import AnyMessage, Detection, SoundLevel
from sensors.spool import Spool

NOW = 1_800_000_000_000_000
_decoder = msgspec.msgpack.Decoder(AnyMessage)


def detection() -> Detection:
    return Detection(
        id=uuid6.uuid7(), sensor="mic-1", sent=NOW, event="gunshot", onset=NOW, duration_s=0.1, score=0.5,
        clock_sigma_us=10, model="m@12345678",
    )  # fmt: skip


def level() -> SoundLevel:
    return SoundLevel(
        id=uuid6.uuid7(), sensor="mic-1", sent=NOW, start=NOW, period_s=1.0,
        laeq=50.0, lafmax=55.0, lcpeak=70.0, l10=53.0, l50=49.0, l90=45.0,
    )  # fmt: skip


async def waiting(spool: Spool) -> list[AnyMessage]:
    return [_decoder.decode(item.body) for lane in ("detection", "telemetry") for item in await spool.take(lane, 1_000)]


async def test_what_was_kept_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "mic-1.sqlite"
    messages = [level(), detection(), level(), detection()]
    spool = Spool(path)
    for message in messages:
        await spool.put(message)
    await spool.aclose()
    again = Spool(path)
    assert await waiting(again) == [messages[1], messages[3], messages[0], messages[2]]
    counts = await again.counts()
    assert (counts.depth, counts.waiting) == (4, {"detection": 2, "telemetry": 2})
    await again.aclose()


async def test_what_is_done_is_forgotten_and_what_was_refused_is_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.sqlite")
    for _ in range(3):
        await spool.put(detection())
    taken = await spool.take("detection", 2)
    await spool.done(taken, refused=1)
    await spool.done(taken)
    counts = await spool.counts()
    assert (counts.depth, counts.refused, counts.dropped_total) == (1, 1, 0)
    await spool.aclose()
    again = Spool(tmp_path / "s.sqlite")
    assert (await again.counts()).refused == 1
    await again.aclose()


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.booleans(), min_size=1, max_size=80), room=st.integers(4_096, 9_000))
def test_it_never_holds_more_than_it_may_and_telemetry_goes_first(kinds: list[bool], room: int) -> None:
    async def run() -> None:
        spool = Spool(":memory:", max_bytes=room)
        put: list[AnyMessage] = []
        for is_detection in kinds:
            put.append(detection() if is_detection else level())
            await spool.put(put[-1])
            counts = await spool.counts()
            assert counts.waiting_bytes <= room
            # A detection may go only when no telemetry is left to go in its place.
            if counts.dropped["detection"]:
                assert counts.waiting["telemetry"] <= 1
            assert counts.depth + counts.dropped_total == len(put)
        kept = await waiting(spool)
        await spool.aclose()
        for kind in (Detection, SoundLevel):
            mine = [message for message in put if isinstance(message, kind)]
            left = [message for message in kept if isinstance(message, kind)]
            assert left == mine[len(mine) - len(left) :], "the newest of each kind are what is left"

    asyncio.run(run())


async def test_what_is_too_old_goes_and_is_counted(tmp_path: Path) -> None:
    now = NOW
    spool = Spool(tmp_path / "s.sqlite", max_age_s=60, now_us=lambda: now)
    await spool.put(detection())
    await spool.put(level())
    now += 61_000_000
    fresh = level()
    await spool.put(fresh)
    assert await waiting(spool) == [fresh]
    assert (await spool.counts()).dropped == {"detection": 1, "telemetry": 1}
    await spool.aclose()


async def test_a_lane_wakes_its_reader_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.sqlite")
    reader = asyncio.create_task(spool.arrival("detection"))
    await asyncio.sleep(0.05)
    await spool.put(level())
    await asyncio.sleep(0.02)
    assert not reader.done(), "telemetry is not what this reader waits for"
    await spool.put(detection())
    await asyncio.wait_for(reader, 1)
    await spool.aclose()


async def test_a_broken_spool_is_put_aside_and_the_sensor_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"no database at all, this is a text that somebody copied here. " * 50)
    spool = Spool(path, now_us=lambda: NOW)
    await spool.put(detection())
    assert (await spool.counts()).depth == 1
    await spool.aclose()
    assert (tmp_path / f"s.sqlite.broken-{NOW}").exists()


async def test_without_a_disk_messages_stay_in_memory_and_say_so(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    spool = Spool(path)
    await spool.put(detection())
    spool._database.execute("PRAGMA max_page_count = 1")
    spool._database.execute(f"PRAGMA max_page_count = {spool._database.execute('PRAGMA page_count').fetchone()[0]}")
    kept = [detection() for _ in range(200)]
    for message in kept:
        await spool.put(message)
    counts = await spool.counts()
    assert counts.fault == "spool_full"
    assert counts.depth == 201
    seen = []
    while items := await spool.take("detection", 50):
        seen += [_decoder.decode(item.body) for item in items]
        await spool.done(items)
    assert sorted(message.id for message in seen if message in kept) == [message.id for message in kept]
    assert (await spool.counts()).depth == 0
    await spool.aclose()


def test_a_spool_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="4,096"):
        Spool(":memory:", max_bytes=10)


async def test_two_writers_of_one_file_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    spool = Spool(path)
    await spool.put(detection())
    with sqlite3.connect(path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        put = asyncio.create_task(spool.put(detection()))
        await asyncio.to_thread(time.sleep, 0.2)
        other.execute("COMMIT")
        await asyncio.wait_for(put, 5)
    other.close()
    assert (await spool.counts()).depth == 2
    await spool.aclose()
