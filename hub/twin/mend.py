"""Puts a damaged database right before anybody opens it: from its second copy, and from what can be read of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import structlog
from msgspec import Struct

from hub.salvage import is_sound, put_aside, salvage, sync
from hub.twin.copy import Copy
from hub.twin.tail import Tail
from hub.twin.wal import HEADER, frames, salts_of

log = structlog.get_logger()


class Mended(Struct, frozen=True):
    """What was done to a damaged database: `pages` that were damaged, rows that were `lost`, where the damaged file is
    now (empty where only SQLite's log was)."""

    file: str
    pages: int
    lost: int
    aside: str
    at_us: int


def heal(path: Path, now_us: int, *, thorough: bool = True) -> Mended | None:
    """Look through the SQLite file at `path`, which nobody may have open, and mend it; None where it is sound. Blocks.

    Without `thorough` only SQLite's log is looked at, not the file of which there is a copy. Raises SalvageFailed where
    nothing can be done: a hub that began with an empty state would let a stranger be its first administrator. OSError
    and sqlite3.Error where the disk refuses.
    """
    copy, tail = Copy(path), Tail(path.with_name(f"{path.name}-tail"))
    try:
        tail.load()
        if not copy.load():
            return _without(path, now_us)
        patched = 0
        if tail.end:
            lacks = copy.lacks(tail.fresh, tail.page, tail.count)
            # Where the file lacks all that only SQLite's log had, nobody put it there: the log is lost.
            lost = lacks and not _log_of(path) and path.exists() and not copy.differing(())
            patched = _patch_log(path, tail, lost=lost)
            if lacks:
                copy.apply(tail.fresh, tail.page, tail.count)
                copy.save(copy.closed)
        if thorough or not path.exists():
            log_bytes = _log_of(path)
            damaged = copy.differing(_in_log(log_bytes, copy.page_size))
            # While SQLite's log is the one that was left there, nobody else had the database open.
            ours = salts_of(log_bytes[:HEADER]) in (tail.salts, copy.closed)
            if damaged and (ours or not _sound(path)):
                return _restore(path, copy, len(damaged) + patched, now_us)
            if damaged:
                # Somebody wrote into it while no hub ran: the copy is made anew from it.
                log.warning("database_changed_by_others", path=str(path), pages=len(damaged))
                copy.drop()
        return Mended(path.name, patched, 0, "", now_us) if patched else None
    finally:
        copy.close()
        tail.close()


def _without(path: Path, now_us: int) -> Mended | None:
    """There is no copy: what can be read is saved."""
    if is_sound(path):
        return None
    done = salvage(path, now_us)
    return Mended(path.name, 0, done.lost, done.aside, now_us)


def _restore(path: Path, copy: Copy, pages: int, now_us: int) -> Mended:
    fresh = path.with_name(f"{path.name}.restored")
    neither = copy.put_into(fresh)
    wal = path.with_name(f"{path.name}-wal")
    kept = wal.with_name(f"{wal.name}.kept")
    if path.exists():
        # One that is there already was left by a restoring that a death cut short, after the file had gone aside.
        kept.unlink(missing_ok=True)
    if wal.exists():
        shutil.copy2(wal, kept)
    aside = put_aside(path, now_us)
    fresh.rename(path)
    if kept.exists():
        kept.rename(wal)
    sync(path.parent)
    log.error("database_restored", path=str(path), pages=pages, in_neither=neither, damaged_file=aside)
    if not neither or is_sound(path):
        return Mended(path.name, pages, 0, aside, now_us)
    copy.drop()
    done = salvage(path, now_us + 1)
    return Mended(path.name, pages, done.lost, aside, now_us)


def _patch_log(path: Path, tail: Tail, *, lost: bool) -> int:
    """Put back what was committed to SQLite's log and is not there as it was; how many records differed.

    One that is not there and not `lost` was put into the file and deleted when somebody closed the database.
    """
    wal = path.with_name(f"{path.name}-wal")
    there = _log_of(path)
    if (not there and not lost) or salts_of(there[:HEADER]) not in (None, tail.salts):
        return 0
    patched = 0
    file = os.open(wal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for place, body in tail.records():
            if there[place : place + len(body)] != body:
                os.pwrite(file, body, place)
                patched += 1
        if patched:
            os.fsync(file)
            log.error("write_ahead_log_mended", path=str(wal), records=patched)
    finally:
        os.close(file)
    return patched


def _log_of(path: Path) -> bytes:
    wal = path.with_name(f"{path.name}-wal")
    return wal.read_bytes() if wal.exists() else b""


def _in_log(there: bytes, page_size: int) -> set[int]:
    """Pages that SQLite's log has newer versions of."""
    salts = salts_of(there[:HEADER])
    if salts is None:
        return set()
    return {number for number, _, at in frames(there, 0, page_size) if there[at - 16 : at - 8] == salts}


def _sound(path: Path) -> bool:
    """Whether the file with SQLite's log is there and sound; the log stays as it is where it is not.

    Looking closes the database, and the last close puts the log into the file.
    """
    wal = path.with_name(f"{path.name}-wal")
    kept = wal.with_name(f"{wal.name}.kept")
    if wal.exists():
        shutil.copy2(wal, kept)
    sound = path.exists() and is_sound(path)
    if kept.exists():
        if sound:
            kept.unlink()
        else:
            kept.rename(wal)
    return sound
