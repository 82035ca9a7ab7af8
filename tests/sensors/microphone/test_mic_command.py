"""`tocsin mic --file` as a person runs it, on files that hold no sound."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensors.identity import Identity

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


@pytest.mark.e2e
@pytest.mark.parametrize("threshold", ["clamor", "clamor=2", "gunshot=0.5", "thunder=0.5"])
def test_a_threshold_that_can_not_be_is_told(tmp_path: Path, threshold: str) -> None:
    soundfile.write(tmp_path / "street.wav", np.zeros(16_000, np.float32), 16_000)
    ran = mic("--file", str(tmp_path / "street.wav"), "--threshold", threshold)
    assert ran.returncode == 2, ran.stderr
    assert "[threshold_unusable]" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("wave", "capture", "reason"),
    [
        (np.full(32_000, np.nan), "degraded", "broken_samples"),
        (np.zeros(6 * 16_000), "lost", "silent"),
        (np.sign(np.random.default_rng(0).normal(size=32_000)), "degraded", "clipped"),
    ],
)
def test_a_dry_run_says_what_is_wrong_with_the_sound(
    tmp_path: Path, wave: np.ndarray, capture: str, reason: str
) -> None:
    soundfile.write(tmp_path / "sound.wav", wave.astype(np.float32), 16_000, subtype="FLOAT")
    told = mic("--file", str(tmp_path / "sound.wav"), "--model", "none", "--json")
    assert told.returncode == 0, told.stderr
    states = [json.loads(line)["state"] for line in told.stdout.splitlines() if "state" in json.loads(line)]
    assert states == [{"capture": capture, "reason": reason}]
    read = mic("--file", str(tmp_path / "sound.wav"), "--model", "none")
    assert f"Sound: {capture}, " in read.stderr


@pytest.mark.e2e
def test_an_agent_that_is_told_to_stop_twice_stops_once_and_in_order(tmp_path: Path) -> None:
    Identity.create(tmp_path / "mic.pem", "mic-1", "http://127.0.0.1:9")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"tcp://127.0.0.1:{listening.getsockname()[1]}?rate=16000"
    command = ["--url", url, "--identity", str(tmp_path / "mic.pem"), "--state", str(tmp_path / "state")]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "mic", *command], stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as agent:
        assert agent.stderr is not None
        assert "mic-1 hears" in agent.stderr.readline()
        agent.terminate()
        agent.terminate()
        rest = agent.stderr.read()
        status = agent.wait(60)
    listening.close()
    assert "Traceback" not in rest
    assert (status, "Stopped." in rest) == (0, True), rest
