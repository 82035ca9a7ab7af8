"""`tocsin mic --file` as a person runs it, on files that hold no sound."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from sensors.identity import Identity
from sensors.protocol import AnyMessage, SoundLevel

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "from hub.commands.main import app; app()"


def mic(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, "mic", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


@pytest.mark.e2e
@pytest.mark.parametrize("enrolled", [False, True])
@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "file_missing"), (b"", "file_empty"), (b"RIFFnonsense", "file_unreadable"), (b"text", "file_unreadable")],
)
def test_a_file_without_sound_ends_with_its_reason(
    tmp_path: Path, content: bytes | None, code: str, *, enrolled: bool
) -> None:
    file, key = tmp_path / "sound.wav", tmp_path / "mic.pem"
    if content is not None:
        file.write_bytes(content)
    Identity.create(key, "mic-1", "http://127.0.0.1:9")
    more = ["--identity", str(key), "--state", str(tmp_path / "state")] if enrolled else []
    ran = mic("--file", str(file), *more)
    assert ran.returncode == 2, ran.stderr
    assert f"[{code}]" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not ran.stdout


@pytest.mark.e2e
def test_a_file_without_samples_ends_with_its_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), 16_000)
    ran = mic("--file", str(tmp_path / "none.wav"), "--json")
    assert (ran.returncode, "[file_empty]" in ran.stderr, ran.stdout) == (2, True, "")


def levels_in(spool: Path) -> list[SoundLevel]:
    """The sound levels that wait in a spool."""
    if not spool.exists():
        return []
    with closing(sqlite3.connect(spool, timeout=30)) as database:
        made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone()
        bodies = [body for (body,) in database.execute("SELECT body FROM message")] if made else []
    told = [msgspec.msgpack.decode(body, type=AnyMessage) for body in bodies]
    return [message for message in told if isinstance(message, SoundLevel)]


@pytest.mark.e2e
def test_a_recording_told_to_a_hub_lies_in_the_past_and_is_an_exercise(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, 4 * 16_000).astype(np.float32)
    soundfile.write(tmp_path / "street.wav", noise, 16_000)
    Identity.create(tmp_path / "mic.pem", "mic-1", "http://127.0.0.1:9")
    known = ["--identity", str(tmp_path / "mic.pem"), "--state", str(tmp_path)]
    command = [sys.executable, "-c", PROGRAM, "mic", "--file", str(tmp_path / "street.wav"), "--period", "1", *known]
    with subprocess.Popen(command, cwd=ROOT) as agent:
        try:
            deadline = time.monotonic() + 60
            while len(told := levels_in(tmp_path / "mic-1.spool")) < 3:
                assert time.monotonic() < deadline, told
                time.sleep(0.2)
        finally:
            agent.terminate()
    assert all(message.exercise and message.start < message.sent for message in told)
