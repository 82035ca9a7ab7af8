"""Whatever page of a database is damaged, and whenever its process died: everything committed is there again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hub.salvage import is_sound
from hub.twin import Twin, heal
from hub.twin import twin as twin_module

PAGE = 4_096
SCHEMA = """
CREATE TABLE entry (position INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE consumer (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX entry_by_body ON entry (body);
"""


def connect(path: Path) -> sqlite3.Connection:
    """As the hub does: a commit is on disk, and only the twin moves pages into the file."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        database.execute(f"PRAGMA {pragma}")
    return database


def put(database: sqlite3.Connection, first: int, count: int) -> None:
    database.execute("BEGIN IMMEDIATE")
    rows = (
        (number.to_bytes(16, "big"), random.Random(number).randbytes(150)) for number in range(first, first + count)
    )
    database.executemany("INSERT INTO entry (id, body) VALUES (?, ?)", rows)
    database.execute("INSERT OR REPLACE INTO consumer VALUES ('fusion', ?)", (first,))
    # One body that needs pages of its own, which no tree leads through.
    database.execute("UPDATE entry SET body = ? WHERE id = ?", (bytes(20_000) + b"end", first.to_bytes(16, "big")))
    database.execute("COMMIT")


def rows(path: Path) -> tuple[list[tuple[int, bytes, bytes]], list[tuple[str, int]]]:
    with closing(connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return (
            database.execute("SELECT * FROM entry ORDER BY position").fetchall(),
            database.execute("SELECT * FROM consumer").fetchall(),
        )


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as a process leaves them that was killed: some pages in the file, some in SQLite's log alone."""
    folder = tmp_path_factory.mktemp("alive")
    path = folder / "now" / "log.sqlite"
    path.parent.mkdir()
    database, twin = connect(path), Twin(path)
    database.executescript(SCHEMA)
    twin.open()
    for number in range(6):
        put(database, 100 * number, 100)
        twin.follow()
        if number == 3:
            twin.checkpoint()
    shutil.copytree(path.parent, folder / "killed")
    database.close()
    twin.close()
    return folder / "killed"


def left(alive: Path, tmp_path: Path, number: int) -> Path:
    """The files once more, with their times."""
    folder = tmp_path / str(number)
    shutil.copytree(alive, folder)  # copy2: the times stay
    return folder / "log.sqlite"


def scribble(path: Path, place: int, data: bytes, *, quietly: bool) -> None:
    """What a bad disk does: quietly it leaves the file's time as it was."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)
    if quietly:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_undamaged_files_are_left_as_they_are(alive: Path, tmp_path: Path) -> None:
    path = left(alive, tmp_path, 0)
    before = path.read_bytes()
    assert heal(path, 1) is None
    assert path.read_bytes() == before
    assert len(rows(path)[0]) == 600


@pytest.mark.parametrize("ending", ["", "-wal", "-copy", "-copy-sums", "-tail"])
@pytest.mark.parametrize("data", [b"\xa5" * PAGE, bytes(PAGE)], ids=["scribbled", "zeros"])
def test_every_page_of_every_file_in_turn_may_be_damaged(alive: Path, tmp_path: Path, ending: str, data: bytes) -> None:
    whole = rows(left(alive, tmp_path, 0))
    assert len(whole[0]) == 600
    size = (alive / f"log.sqlite{ending}").stat().st_size
    for number, place in enumerate(range(0, size, PAGE), 1):
        path = left(alive, tmp_path, number)
        scribble(Path(f"{path}{ending}"), place, data[: size - place], quietly=False)
        heal(path, number)
        assert rows(path) == whole, f"page {number - 1} of {ending or 'the file'}"
        shutil.rmtree(path.parent)


def test_a_few_bytes_that_turned_are_found_where_no_tree_shows_them(alive: Path, tmp_path: Path) -> None:
    whole = rows(left(alive, tmp_path, 0))
    dice = random.Random(5)
    size = (alive / "log.sqlite").stat().st_size
    for number in range(1, 60):
        path = left(alive, tmp_path, number)
        place = dice.randrange(size - 4)
        was = path.read_bytes()[place : place + 4]
        scribble(path, place, bytes(byte ^ 0xFF for byte in was), quietly=True)
        heal(path, number)
        assert rows(path) == whole, f"place {place}"
        shutil.rmtree(path.parent)


@pytest.mark.parametrize("ending", ["", "-wal", "-copy", "-copy-sums", "-tail", "-shm"])
def test_a_file_that_is_gone_is_made_again(alive: Path, tmp_path: Path, ending: str) -> None:
    whole = rows(left(alive, tmp_path, 0))
    path = left(alive, tmp_path, 1)
    Path(f"{path}{ending}").unlink()
    heal(path, 1)
    assert rows(path) == whole


def test_what_is_mended_is_told_and_the_damaged_file_is_kept(alive: Path, tmp_path: Path) -> None:
    path = left(alive, tmp_path, 0)
    scribble(path, 7 * PAGE, b"\xa5" * PAGE, quietly=False)
    damaged = path.read_bytes()
    done = heal(path, 42)
    assert done is not None
    assert (done.file, done.pages, done.lost, done.at_us) == ("log.sqlite", 1, 0, 42)
    assert Path(done.aside).read_bytes() == damaged


def test_a_page_that_is_damaged_in_both_takes_its_own_rows_and_they_are_counted(alive: Path, tmp_path: Path) -> None:
    path = left(alive, tmp_path, 0)
    for ending in ("", "-copy"):
        scribble(Path(f"{path}{ending}"), 7 * PAGE, b"\xa5" * PAGE, quietly=False)
    done = heal(path, 1)
    assert done is not None
    assert 0 < done.lost < 60
    assert is_sound(path)


def test_what_somebody_wrote_while_no_hub_ran_stays(alive: Path, tmp_path: Path) -> None:
    path = left(alive, tmp_path, 0)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE consumer SET position = 7")
        database.execute("DELETE FROM entry WHERE position > 100")
        database.commit()
    assert heal(path, 1) is None
    entries, consumers = rows(path)
    assert len(entries) == 100
    assert consumers == [("fusion", 7)]
    database, twin = connect(path), Twin(path)
    twin.open()
    put(database, 5_000, 10)
    twin.follow()
    database.close()
    twin.close()
    scribble(path, 0, b"\xa5" * PAGE, quietly=False)
    heal(path, 2)
    assert len(rows(path)[0]) == 110


def test_two_processes_that_write_share_one_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    here, there = Twin(path), Twin(path)
    mine, other = connect(path), connect(path)
    mine.executescript(SCHEMA)
    here.open()
    for number in range(30):
        put(*((mine, 2 * number * 10, 10) if number % 2 else (other, 2 * number * 10, 10)))
        (here if number % 2 else there).follow()
        if number % 7 == 6:
            here.checkpoint()
    assert here.look()
    mine.close()
    other.close()
    for twin in (here, there):
        twin.close()
    whole = rows(path)
    path.unlink()
    heal(path, 1)
    assert rows(path) == whole


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_every_page as made
from hub.twin import Twin, heal, twin as module
module.CHECKPOINT_BYTES = 400_000
path, first = Path(sys.argv[1]), int(sys.argv[3])
heal(path, first)
database, twin = made.connect(path), Twin(path)
database.executescript(made.SCHEMA.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
                       .replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))
twin.open()
while True:
    made.put(database, first, 20)
    due = twin.follow()
    print("said", first, flush=True)
    if due:
        twin.checkpoint()
    first += 20
"""


@pytest.mark.e2e
def test_killed_at_any_moment_and_damaged_anywhere_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    dice = random.Random(11)
    said: list[int] = []
    for round_ in range(12):
        command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent), str(100_000 * round_)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(dice.randrange(1, 120))]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
        said += [int(line.split()[1]) for line in lines if line.startswith("said") and line.endswith("\n")]
        ending = dice.choice(["", "", "", "-wal", "-tail", "-copy"])
        file = Path(f"{path}{ending}")
        if file.exists() and file.stat().st_size > PAGE:
            for _ in range(dice.randrange(1, 4)):
                place = dice.randrange(0, file.stat().st_size // PAGE) * PAGE
                size = dice.choice([PAGE, PAGE, 16])
                scribble(file, place, dice.randbytes(size), quietly=size < PAGE)
    heal(path, 99)
    there = {int.from_bytes(key, "big") for _, key, _ in rows(path)[0]}
    assert len(said) > 12
    for first in said:
        assert set(range(first, first + 20)) <= there


def test_a_disk_that_has_no_room_for_the_copy_costs_the_copy_and_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.sqlite"
    database, twin = connect(path), Twin(path)
    database.executescript(SCHEMA)
    twin.open()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as no_room:
        no_room.setattr(twin_module.Tail, "append", full)
        put(database, 0, 50)
        twin.follow()
        twin.checkpoint()
        assert twin.fault == "No space left on device"
        put(database, 100, 50)
        twin.follow()
    assert twin.look()
    assert twin.fault == ""
    put(database, 200, 50)
    twin.follow()
    database.close()
    twin.close()
    whole = rows(path)
    scribble(path, 0, b"\xa5" * PAGE, quietly=False)
    heal(path, 1)
    assert rows(path) == whole
    assert len(whole[0]) == 150
