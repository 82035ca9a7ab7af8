"""A damaged file gives back every row that does not lie on a damaged page."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.salvage import SalvageFailed, is_sound, salvage

PAGE = 4_096
ROWS = 3_000
SCHEMA = """
CREATE TABLE entry (position INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE consumer (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE person (name TEXT PRIMARY KEY, role TEXT);
CREATE INDEX person_by_role ON person (role);
PRAGMA user_version = 7;
"""


def build(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        body = b"x" * 150
        rows = ((number.to_bytes(16, "big"), body) for number in range(ROWS))
        database.executemany("INSERT INTO entry (id, body) VALUES (?, ?)", rows)
        database.execute("INSERT INTO consumer VALUES ('fusion', 42)")
        database.executemany("INSERT INTO person VALUES (?, 'operator')", [(f"p{number}",) for number in range(50)])
        database.commit()
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("salvage") / "whole.sqlite")


def hurt(whole: bytes, pages: list[int], path: Path) -> None:
    data = bytearray(whole)
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    path.write_bytes(bytes(data))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pages=st.lists(st.integers(20, 150), min_size=1, max_size=4, unique=True))
def test_what_lies_on_other_pages_is_saved_and_the_rest_is_counted(
    whole: bytes, tmp_path: Path, pages: list[int]
) -> None:
    path = tmp_path / "log.sqlite"
    hurt(whole, pages, path)
    assert not is_sound(path)
    done = salvage(path, sum(pages))
    assert is_sound(path)
    with closing(sqlite3.connect(path)) as database:
        saved = dict(database.execute("SELECT position, id FROM entry"))
        assert database.execute("SELECT * FROM consumer").fetchall() == [("fusion", 42)]
        assert database.execute("SELECT count(*) FROM person").fetchone() == (50,)
        assert database.execute("PRAGMA user_version").fetchone() == (7,)
        database.execute("INSERT INTO entry (id, body) VALUES (x'ff', x'00')")
        assert database.execute("SELECT max(position) FROM entry").fetchone() == (ROWS + 1,)
    assert all(key == (position - 1).to_bytes(16, "big") for position, key in saved.items())
    assert len(saved) + done.lost == ROWS
    assert done.lost <= 30 * len(pages)
    assert Path(done.aside).exists()


def test_a_sound_file_and_none_at_all_are_sound(whole: bytes, tmp_path: Path) -> None:
    assert is_sound(tmp_path / "none.sqlite")
    hurt(whole, [], tmp_path / "log.sqlite")
    assert is_sound(tmp_path / "log.sqlite")


def test_a_file_without_its_head_is_left_as_it_is(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    hurt(whole, [0], path)
    before = path.read_bytes()
    with pytest.raises(SalvageFailed):
        salvage(path, 1)
    assert path.read_bytes() == before
