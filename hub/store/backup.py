"""Copies the hub's data while it runs, proves that the copy is whole, and puts it back.

Databases are copied by SQLite's own online backup, which sees one consistent state and holds up nobody. The log goes
first and the state after it: a restored hub then finds in its state whatever the log says was stored, and reads the
rest of the log again, which changes nothing. A backup is a folder with a manifest; a torn one has none.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from hub.salvage import sync

MANIFEST: Final = "manifest.json"
LOG_FILE: Final = "log.sqlite"
_BESIDE_A_DATABASE: Final = ("-wal", "-shm", "-journal", "-copy", "-copy-sums", "-tail", ".new", ".kept")


class BackupRefused(Exception):
    """A backup that cannot be made, or is not whole, or must not be put back here; `code` is stable."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


class Copied(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup."""

    name: str
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds; `made` is RFC 3339."""

    made: str
    files: tuple[Copied, ...]


def back_up(data_dir: Path, target: Path, made: datetime) -> Path:
    """Copy everything in `data_dir` into a new folder under `target` and verify it. Raises BackupRefused."""
    if not data_dir.is_dir():
        raise BackupRefused("no_data", f"{data_dir} is not a folder: there is nothing to back up")
    if target.resolve().is_relative_to(data_dir.resolve()):
        raise BackupRefused("target_inside", f"{target} lies inside the data: choose a folder on another disk")
    folder = target / f"tocsin-{made.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if folder.exists():
        raise BackupRefused("target_exists", f"{folder} is there already")
    unfinished = folder.with_suffix(".unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        files = tuple(_copy(data_dir / name, unfinished / name, name) for name in _names(data_dir))
        manifest = Manifest(made.astimezone(UTC).isoformat(timespec="seconds"), files)
        (unfinished / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        sync(unfinished / MANIFEST)
        unfinished.rename(folder)
        sync(target)
    except (OSError, sqlite3.Error) as error:
        raise BackupRefused("backup_failed", f"the backup could not be written to {target}: {error}") from error
    verify(folder)
    return folder


def verify(folder: Path) -> Manifest:
    """Read every file of a backup and check it against the manifest, databases also by themselves."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError:
        raise BackupRefused("no_manifest", f"{folder} is no finished backup: it has no {MANIFEST}") from None
    except msgspec.DecodeError as error:
        raise BackupRefused("bad_manifest", f"{folder / MANIFEST} cannot be read: {error}") from None
    for one in manifest.files:
        path = folder / one.name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BackupRefused("bad_manifest", f"{one.name} leads out of the backup")
        if not path.is_file() or _sha256(path) != one.sha256:
            raise BackupRefused("damaged", f"{path} is not what was backed up: use another backup")
        if path.suffix == ".sqlite":
            _check_database(path)
    return manifest


def put_back(folder: Path, data_dir: Path, replace: bool = False) -> Manifest:
    """Verify a backup and make it the data of a stopped hub; data that was there is moved aside, never deleted."""
    manifest = verify(folder)
    occupied = data_dir.is_dir() and any(data_dir.iterdir())
    if occupied and not replace:
        raise BackupRefused("data_exists", f"{data_dir} has data: --replace moves it aside")
    for path in sorted(data_dir.glob("*.sqlite")) if occupied else []:
        if _in_use(path):
            raise BackupRefused("in_use", f"{path} is open: stop the hub first")
    fresh = data_dir.with_name(f"{data_dir.name}.restoring")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        for one in manifest.files:
            (fresh / one.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / one.name, fresh / one.name)
            sync(fresh / one.name)
        if data_dir.exists():
            data_dir.rename(_aside(data_dir))
        fresh.rename(data_dir)
        sync(data_dir.parent)
    except OSError as error:
        raise BackupRefused("restore_failed", f"the backup could not be put back: {error}") from error
    return manifest


def _aside(data_dir: Path) -> Path:
    number = 1
    while (aside := data_dir.with_name(f"{data_dir.name}.before-restore-{number}")).exists():
        number += 1
    return aside


def _names(data_dir: Path) -> list[str]:
    """Files of the data, the log first; what SQLite keeps beside a database is inside the copy already."""
    found = [
        str(path.relative_to(data_dir))
        for path in data_dir.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.endswith(_BESIDE_A_DATABASE)
    ]
    return sorted(found, key=lambda name: (name != LOG_FILE, name))


def _copy(source: Path, target: Path, name: str) -> Copied:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".sqlite":
        with _opened(f"{source.absolute().as_uri()}?mode=ro") as database, _opened(target.absolute().as_uri()) as copy:
            database.backup(copy)
            # The copy stands alone, on read-only media too.
            copy.execute("PRAGMA journal_mode = DELETE")
        target.chmod(0o600)
    else:
        shutil.copy2(source, target)
    sync(target)
    return Copied(name, target.stat().st_size, _sha256(target))


@contextlib.contextmanager
def _opened(uri: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(uri, uri=True, timeout=30.0)
    try:
        yield connection
    finally:
        connection.close()


def _check_database(path: Path) -> None:
    try:
        with _opened(f"{path.absolute().as_uri()}?mode=ro&immutable=1") as database:
            said = database.execute("PRAGMA integrity_check").fetchone()[0]
            broken = database.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        raise BackupRefused("damaged", f"{path} is no sound database: {error}") from None
    if said != "ok" or broken is not None:
        raise BackupRefused("damaged", f"{path} is no sound database: {said if said != 'ok' else broken}")


def _in_use(path: Path) -> bool:
    """True where another program has the database open."""
    try:
        with _opened(path.absolute().as_uri()) as database:
            database.execute("PRAGMA busy_timeout = 0")
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    except sqlite3.DatabaseError:
        return False  # damaged: that is why it is being replaced
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
