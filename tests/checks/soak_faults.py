"""What the fault campaign does beside killing: wires, disks, clocks and damaged pages."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import aiohttp
from soak_disk import Disk
from soak_wire import Wire

FAULT_S: Final = 6.0
"""How long a wire is cut or a clock is off: far below a lease, so that agents go on."""
SHORT_FAULT_S: Final = 2.0
"""The same in a short campaign."""
HOUR_S: Final = 3_600


class Faults:
    """The faults of one campaign, which has these."""

    folder: Path
    fault_s: float
    url: str
    disk: Disk
    uplink: Wire
    downlink: Wire | None
    hub: subprocess.Popen[str] | None
    killed: Counter[str]
    lived: Counter[str]
    faults: list[str]

    async def _kill_hub(self) -> None:
        raise NotImplementedError

    async def _start_hub(self, *, full: bool = False, wait: bool = True) -> None:
        raise NotImplementedError

    async def _cut_uplink(self) -> None:
        """Agents lose the hub in the middle of everything."""
        self.uplink.cut()
        await asyncio.sleep(self.fault_s)
        self.uplink.mend()
        self.lived["agents cut off"] += 1

    async def _stalled_uplink(self) -> None:
        """The same without anybody being told."""
        self.uplink.stall()
        await asyncio.sleep(self.fault_s)
        self.uplink.mend()
        self.lived["agents stalled"] += 1

    async def _cut_downlink(self) -> None:
        """The receiver can't be reached."""
        assert self.downlink is not None
        self.downlink.cut()
        await asyncio.sleep(self.fault_s)
        self.downlink.mend()
        self.lived["receiver cut off"] += 1

    async def _clock_ahead(self) -> None:
        """The hub's clock is set forward by an hour and put right."""
        await self._set_clock(HOUR_S)

    async def _clock_behind(self) -> None:
        """The hub's clock is set back by an hour and put right."""
        await self._set_clock(-HOUR_S)

    async def _set_clock(self, off_s: int) -> None:
        await asyncio.to_thread((self.folder / "clock").write_text, str(off_s))
        await asyncio.sleep(self.fault_s)
        await asyncio.to_thread((self.folder / "clock").write_text, "0")
        self.lived[f"clock set by {off_s} s"] += 1

    async def _read_only_disk(self) -> None:
        """A hub that starts on a read-only disk ends with the reason; whoever starts it again finds all well."""
        if not self.disk.real:
            return
        await self._kill_hub()
        self.killed["hub"] -= 1
        if not await asyncio.to_thread(self.disk.read_only, True):
            self.faults.append("the disk could not be made read-only")
        await self._start_hub(wait=False)
        assert self.hub is not None
        code = await asyncio.to_thread(self.hub.wait, 60)
        said = (await asyncio.to_thread((self.folder / "hub.log").read_text)).splitlines()[-1]
        if code != 2 or "can't start" not in said:
            self.faults.append(f"on a read-only disk the hub ended with {code}: {said}")
        await asyncio.to_thread(self.disk.read_only, False)
        await self._start_hub()
        self.lived["read-only disk"] += 1

    async def _full_disk(self) -> None:
        """Nothing fits on the hub's disk: it must say so, take nothing, lose nothing, and go on once there is room."""
        if not self.disk.real:
            await self._small_files()
            return
        # Without this the hub could go on for minutes in the room that its write-ahead log has already.
        await asyncio.to_thread(_checkpoint, self.folder / "data" / "log.sqlite")
        await asyncio.to_thread(self.disk.fill)
        codes = await self._readiness(self.fault_s)
        await asyncio.to_thread(self.disk.empty)
        if 503 not in codes:
            self.faults.append(f"on a full disk /readyz answered {sorted(codes)}")
        async with asyncio.timeout(60):
            while await self._readiness(0.2) != {200}:
                pass
        self.lived["full disk"] += 1

    async def _readiness(self, seconds: float) -> set[int]:
        """Every status that /readyz gave meanwhile."""
        codes: set[int] = set()
        end_s = time.monotonic() + seconds
        async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(total=5.0)) as session:
            while time.monotonic() < end_s:
                await asyncio.sleep(0.1)
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.get("/readyz") as answer:
                        codes.add(answer.status)
        return codes

    async def _small_files(self) -> None:
        """Without a disk of our own: for ten seconds the hub's files may not grow."""
        await self._kill_hub()
        await self._start_hub(full=True, wait=False)
        await asyncio.sleep(10.0)
        await self._kill_hub()
        await self._start_hub()

    async def _corrupt(self) -> None:
        """Pages of both databases are overwritten: the hub comes up by itself, with everything that lay on them."""
        counts = {}
        # The head of one file, which nothing can be read without, and a page in the middle of the other.
        for name, table, page in (("log", "entry", 40), ("state", "incident_revision", 0)):
            path = self.folder / "data" / f"{name}.sqlite"
            counts[name] = await asyncio.to_thread(_hurt, path, table, page)
        await self._start_hub()
        try:
            async with asyncio.timeout(60):
                while await self._readiness(0.2) != {200}:
                    pass
        except TimeoutError:
            self.faults.append("a hub with damaged pages did not become ready by itself")
        await asyncio.sleep(2.0)  # the whole log is looked through behind the start
        await self._kill_hub()
        for name, (table, before) in counts.items():
            path = self.folder / "data" / f"{name}.sqlite"
            with contextlib.closing(sqlite3.connect(path)) as database:
                sound = database.execute("PRAGMA integrity_check").fetchone()[0]
                after = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            if sound != "ok" or not before <= after <= before + 2_000:
                self.faults.append(f"{name}.sqlite after it was mended: {sound}, {after} of {before} rows")
            sys.stdout.write(f"a damaged page of {name}.sqlite: {after} of {before} rows of {table} saved\n")


def _checkpoint(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=10.0)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _hurt(path: Path, table: str, page: int) -> tuple[str, int]:
    """Overwrite one page of a file; the table and its rows before."""
    _checkpoint(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\xa5" * 4_096)
    return table, int(rows)
