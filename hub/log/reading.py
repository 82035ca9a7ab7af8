"""Read a log's file: in the hub behind its tail, and from the command line for replay."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from hub.log.interface import Entry, LogUnavailable
from sensors.protocol import AnyMessage

PAGE: Final = 1_000
encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(AnyMessage)


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection that can't write; sqlite3.OperationalError where there is no such file."""
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, check_same_thread=False, timeout=5.0)


def page(database: sqlite3.Connection, after: int, limit: int) -> list[Entry]:
    """The entries behind `after`, in order."""
    rows = database.execute(
        "SELECT position, received_us, body FROM entry WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
    ).fetchall()
    return [Entry(position, received_us, _decoder.decode(body)) for position, received_us, body in rows]


def read_file(path: Path, after: int = 0) -> Iterator[Entry]:
    """Every entry of the log file at `path` behind `after`, in order; LogUnavailable where it is no log."""
    try:
        with contextlib.closing(open_readonly(path)) as database:
            while entries := page(database, after, PAGE):
                yield from entries
                after = entries[-1].position
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise LogUnavailable("log_unreadable", f"{path}: {error}") from error
