"""The embedded log: durable, in order, and the same after a repeat."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.log import EmbeddedLog, LogFull, LogUnavailable, Retention, keep_log, read_file
from hub.twin import Mended

DAY_US = 86_400_000_000


async def stored(path: Path, after: int = 0) -> list:
    """What the file itself holds."""
    return await asyncio.to_thread(lambda: list(read_file(path, after)))


@pytest.fixture
async def log(tmp_path: Path):
    opened = await EmbeddedLog.open(tmp_path / "log.sqlite")
    yield opened
    await opened.aclose()


async def test_what_was_appended_is_read_in_order_and_after_a_restart(tmp_path: Path, detection) -> None:
    messages = [detection(number) for number in range(2_000)]
    log = await EmbeddedLog.open(tmp_path / "log.sqlite")
    await asyncio.gather(*(log.append(messages[start : start + 50]) for start in range(0, 2_000, 50)))
    before = await log.read(0, 5_000)
    await log.aclose()
    assert [entry.message for entry in before] == messages
    again = await EmbeddedLog.open(tmp_path / "log.sqlite")
    assert await again.read(0, 5_000) == before
    assert await again.read(before[-2].position, 10) == before[-1:]
    await again.aclose()
    assert await stored(tmp_path / "log.sqlite", before[100].position) == before[101:]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 40), max_size=20), max_size=12), together=st.booleans())
def test_a_repeat_changes_nothing_however_batches_fall(detection, batches: list[list[int]], together: bool) -> None:
    messages = [detection(number) for number in range(41)]

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = await EmbeddedLog.open(Path(folder) / "log.sqlite")
            appends = [log.append([messages[number] for number in batch]) for batch in batches]
            results = await asyncio.gather(*appends) if together else [await append for append in appends]
            entries = await log.read(0, 1_000)
            on_disk = await stored(Path(folder) / "log.sqlite")
            await log.aclose()
        sent = [number for batch in batches for number in batch]
        assert [entry.message for entry in entries] == [messages[number] for number in dict.fromkeys(sent)]
        assert on_disk == entries
        assert [entry.position for entry in entries] == sorted({entry.position for entry in entries})
        assert sum(result.accepted for result in results) == len(set(sent))
        assert sum(result.accepted + result.repeated for result in results) == len(sent)

    asyncio.run(run())


async def test_the_tail_in_memory_and_the_file_say_the_same(log, detection) -> None:
    for start in range(0, 12_000, 1_000):
        await log.append([detection(number) for number in range(start, start + 1_000)])
    position = 0
    seen = []
    while entries := await log.read(position, 700):
        seen += entries
        position = entries[-1].position
    assert seen == await stored(log._path)
    assert len(seen) == 12_000


async def test_a_consumer_waits_without_polling_and_is_woken_by_an_append(log, detection) -> None:
    waiting = asyncio.create_task(log.wait(0))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await log.append([detection(1)])
    await asyncio.wait_for(waiting, 1)
    (entry,) = await log.read(0)
    again = asyncio.create_task(log.wait(entry.position))
    await asyncio.sleep(0.05)
    assert not again.done()
    await log.aclose()
    with pytest.raises(LogUnavailable, match="stopping"):
        await again


async def test_purge_takes_what_is_old_and_behind_every_consumer(tmp_path: Path, detection, level) -> None:
    now = 1_800_000_000_000_000
    log = await EmbeddedLog.open(tmp_path / "log.sqlite", now_us=lambda: now)
    old = [detection(1), level(), detection(2)]
    await log.append(old)
    positions = [entry.position for entry in await log.read(0)]
    now += 2 * DAY_US
    fresh = level()
    await log.append([fresh])
    keep = Retention(detections_s=8 * 86_400, telemetry_s=86_400)
    assert await log.purge(keep) == 0, "nobody has committed anything"
    await log.commit("fusion", 10**9)
    await log.commit("influx", positions[0])
    assert await log.purge(keep) == 0, "influx has not read the old level yet"
    await log.forget("influx")
    assert await log.purge(keep) == 1
    assert [entry.message for entry in await log.read(0)] == [old[0], old[2], fresh]
    assert (await log.append(old)).repeated == 2, "detections are still known by their ids"
    now += 8 * DAY_US
    assert await log.purge(keep) == 4
    after = await log.append([detection(3)])
    assert after.accepted == 1
    assert (await log.read(0))[-1].position > positions[-1], "a position is never given twice"
    await log.aclose()


async def test_the_log_is_purged_for_as_long_as_the_hub_runs(log, level) -> None:
    await log.append([level()])
    await log.commit("fusion", 10)
    keeping = asyncio.create_task(keep_log(log, Retention(detections_s=0.1, telemetry_s=0.1), every_s=0.1))
    for _ in range(200):
        if not await log.read(0):
            break
        await asyncio.sleep(0.02)
    keeping.cancel()
    assert await log.read(0) == []


async def test_a_full_queue_refuses_at_once(tmp_path: Path, detection) -> None:
    log = await EmbeddedLog.open(tmp_path / "log.sqlite", max_queued=10)
    results = await asyncio.gather(*(log.append([detection(1)] * 6) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, LogFull) for result in results) == 4
    assert (await log.append([detection(1)])).accepted == 1
    await log.aclose()


async def test_a_full_disk_is_a_clear_state_that_mends_itself(log, detection) -> None:
    """SQLite's own page limit stands for the full disk: the same error at the same call."""
    first = [detection(number) for number in range(100)]
    await log.append(first)
    pages = log._writer._database.execute("PRAGMA page_count").fetchone()[0]
    log._writer._database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LogUnavailable) as caught:
        await log.append([detection(number) for number in range(2_000)])
    assert caught.value.code == "log_disk_full"
    assert log.health().fault == "log_disk_full"
    later = [detection(1)]
    assert (await log.append(later)).accepted == 1
    assert log.health().fault == ""
    assert [entry.message for entry in await log.read(0, 5_000)] == first + later


async def test_a_file_that_is_no_log_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"this is no database, and longer than the header of one would be " * 20)
    before = path.read_bytes()
    with pytest.raises(LogUnavailable) as caught:
        await EmbeddedLog.open(path)
    assert caught.value.code == "log_damaged"
    assert path.read_bytes() == before
    with pytest.raises(LogUnavailable):
        await stored(path)


async def test_a_locked_log_is_named_as_such(tmp_path: Path, detection, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.sqlite"
    log = await EmbeddedLog.open(path)
    log._writer._database.execute("PRAGMA busy_timeout = 50")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable) as caught:
            await log.append([detection(1)])
        assert caught.value.code == "log_locked"
        other.execute("ROLLBACK")
    other.close()
    assert (await log.append([detection(1)])).accepted == 1
    await log.aclose()


APPENDER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import make_detection
from hub.log import EmbeddedLog

async def main():
    log = await EmbeddedLog.open(Path(sys.argv[1]))
    async def one(number):
        while True:
            message = make_detection(number)
            await log.append([message])
            sys.stdout.write(f"{message.id}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(one(number) for number in range(8)))

asyncio.run(main())
"""


@pytest.mark.e2e
@pytest.mark.parametrize("lines", [1, 40, 300])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "log.sqlite"
    command = [sys.executable, "-c", APPENDER, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    whole = {line.strip() for line in acknowledged if line.endswith("\n")}
    assert whole <= {str(entry.message.id) for entry in read_file(path)}


def hurt(path: Path, page: int) -> None:
    """Write over one page of a file that nobody has open."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\xa5" * 4_096)


@pytest.mark.parametrize("notice", ["scrub", "read", "append"])
@pytest.mark.parametrize("copied", [True, False])
async def test_a_damaged_page_is_mended_from_the_copy_and_the_log_goes_on_by_itself(
    tmp_path: Path, detection, notice: str, *, copied: bool
) -> None:
    """Without a copy the page takes its rows, which are counted."""
    path = tmp_path / "log.sqlite"
    log = await EmbeddedLog.open(path)
    await log.append([detection(number) for number in range(600)])
    await log.commit("fusion", 500)
    await log.aclose()
    await asyncio.to_thread(hurt, path, 12)
    if not copied:
        (tmp_path / "log.sqlite-copy").unlink()
    mended: list[Mended] = []
    again = await EmbeddedLog.open(path, mended=mended.append)
    if notice == "scrub":
        # Where there is a copy, it is the look that finds it; without one the start had to read the whole file.
        assert await again.scrub() is not copied
        assert await again.scrub()
    elif notice == "read":
        await again.read(0, 1_000)
    new = [detection(number) for number in range(600, 1_500)]
    assert (await again.append(new)).accepted == 900
    saved = [entry.position for entry in await again.read(0, 2_000)]
    assert saved[-900:] == list(range(601, 1_501))
    assert (len(saved) == 1_500) if copied else (560 < len(saved) - 900 < 600)
    assert len(saved) - 900 + again.health().lost == 600
    assert [one.lost for one in mended] == [again.health().lost]
    assert again.health().fault == ""
    assert await again.committed("fusion") == 500
    await again.aclose()
    assert [entry.position for entry in await stored(path)] == saved
