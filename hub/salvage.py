"""Saves what can be read of a damaged SQLite file into a new one; the damaged file is kept beside it.

A damaged page takes the rows that lie on it, and nothing else: rows are read by their numbers, a range that can't be
read is halved until the rows that are gone stand alone. Indices are made anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

MAX_FAILURES: Final = 200_000
"""Ranges of one table that may fail before the rest is given up: a second or two."""
WIDEST: Final = 2**40
"""Where the last row's number can't be read, rows up to here are looked for."""
_BESIDE: Final = ("-wal", "-shm")

log = structlog.get_logger()


class SalvageFailed(Exception):
    """Nothing of the file can be read."""


class Salvaged(Struct, frozen=True):
    """What was saved and lost (rows), and where the damaged file lies now."""

    kept: int
    lost: int
    aside: str


def is_damage(error: BaseException | None) -> bool:
    """True for an error that says that a file is no sound database."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def is_sound(path: Path) -> bool:
    """Read the whole file and compare its pages with each other; blocks.

    True where there is none, and where it can't be read for another reason: whoever opens it will say which.
    """
    if not path.exists():
        return True
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=5.0)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as error:
        return not is_damage(error)


def salvage(path: Path, now_us: int) -> Salvaged:
    """Put what can be read of `path` into its place; nobody else may have it open for writing. Blocks.

    Raises SalvageFailed where not even the tables are known: the file stays as it is. sqlite3.Error and OSError where
    the disk refuses.
    """
    fresh = path.with_name(f"{path.name}.salvage")
    fresh.unlink(missing_ok=True)
    kept = lost = 0
    with (
        contextlib.closing(sqlite3.connect(path, timeout=5.0)) as old,
        contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as new,
    ):
        try:
            made = old.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
            version = old.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise SalvageFailed(f"{path}: {error}") from error
        new.execute("PRAGMA foreign_keys = OFF")
        new.execute("BEGIN")
        tables = [(name, sql) for kind, name, sql in made if kind == "table" and not name.startswith("sqlite_")]
        for name, sql in tables:
            new.execute(sql)
            saved, gone = _copy(old, new, name, sql)
            kept, lost = kept + saved, lost + gone
        _sequences(old, new)
        for kind, name, sql in made:
            if kind != "table" and not name.startswith("sqlite_"):
                with contextlib.suppress(sqlite3.IntegrityError):
                    new.execute(sql)
        new.execute("COMMIT")
        new.execute(f"PRAGMA user_version = {int(version)}")
    sync(fresh)
    aside = put_aside(path, now_us)
    fresh.rename(path)
    sync(path.parent)
    log.error("database_salvaged", path=str(path), kept=kept, lost=lost, damaged_file=aside)
    return Salvaged(kept, lost, aside)


def put_aside(path: Path, now_us: int) -> str:
    """Keep a damaged file under another name beside; the name."""
    aside = path.with_name(f"{path.name}.damaged-{now_us}")
    for ending in ("", *_BESIDE):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    return str(aside)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, sql: str) -> tuple[int, int]:
    """Copy the rows of one table; how many were saved, and how many are lost."""
    marks = ",".join("?" * len(new.execute(f'PRAGMA table_info("{table}")').fetchall()))
    insert = f'INSERT OR IGNORE INTO "{table}" VALUES ({marks})'
    if "WITHOUT ROWID" in sql.upper():
        return _copy_plain(old, new, table, insert)
    saved = gone = failures = 0
    ranges = [(-WIDEST, _last(old, table))]
    query = f'SELECT * FROM "{table}" WHERE rowid BETWEEN ? AND ? ORDER BY rowid'
    while ranges and failures < MAX_FAILURES:
        first, last = ranges.pop()
        try:
            rows = old.execute(query, (first, last)).fetchall()
        except sqlite3.DatabaseError as error:
            if not (is_damage(error) or isinstance(error, sqlite3.OperationalError)):
                raise
            failures += 1
            if first == last:
                gone += 1
                continue
            middle = (first + last) // 2
            ranges += [(middle + 1, last), (first, middle)]
            continue
        new.executemany(insert, rows)
        saved += len(rows)
    return saved, gone


def _copy_plain(old: sqlite3.Connection, new: sqlite3.Connection, table: str, insert: str) -> tuple[int, int]:
    """The same for a table without numbers, which are small: the rows up to the first that can't be read."""
    saved = 0
    try:
        for row in old.execute(f'SELECT * FROM "{table}"'):
            new.execute(insert, row)
            saved += 1
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return saved, 1
    return saved, 0


def _last(old: sqlite3.Connection, table: str) -> int:
    """The highest number that a row may have."""
    with contextlib.suppress(sqlite3.DatabaseError):
        return int(old.execute(f'SELECT coalesce(max(rowid), 0) FROM "{table}"').fetchone()[0])
    with contextlib.suppress(sqlite3.DatabaseError):
        found = old.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if found:
            return int(found[0])
    return WIDEST


def _sequences(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Numbers that were given once are not given again, though their rows be gone."""
    with contextlib.suppress(sqlite3.DatabaseError):
        for name, number in old.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            new.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, number))


def sync(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
