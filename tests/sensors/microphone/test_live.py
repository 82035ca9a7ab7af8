"""Live capture through the real PortAudio, on an ALSA device of silence; and `tocsin mic` as a person runs it."""

from __future__ import annotations

import ctypes.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ALSA = "pcm.street { type null }\npcm.default { type plug slave.pcm street }\n"
CAPTURE = """
import asyncio
from contextlib import aclosing
from sensors.microphone.live import LiveSource

async def main():
    async with aclosing(LiveSource("street", rate_hz=48000).blocks()) as blocks:
        count = 0
        async for block in blocks:
            assert block.samples.dtype == "float32" and block.samples.ndim == 1, block
            assert block.sample_rate_hz == 48000 and block.clock_sigma_us >= 1000, block
            count += 1
            if count == 4:
                break
    print("heard", count)

asyncio.run(main())
"""


def run(*arguments: str, home: Path, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(home / "asound.conf"), "HOME": str(home)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, env=environment
    )


def mic(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return run("-m", "hub.commands.main", "mic", *arguments, home=home)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "asound.conf").write_text(ALSA)
    return tmp_path


@pytest.fixture
def card(home: Path) -> Path:
    if ctypes.util.find_library("portaudio") is None or not sys.platform.startswith("linux"):
        pytest.skip("no PortAudio here: install libportaudio2")
    return home


@pytest.mark.e2e
def test_inputs_are_listed(card: Path) -> None:
    listed = mic("--list", "--json", home=card)
    assert listed.returncode == 0, listed.stderr
    assert {entry["name"] for entry in json.loads(listed.stdout)["inputs"]} >= {"street"}


@pytest.mark.e2e
def test_a_device_is_opened_heard_and_closed(card: Path) -> None:
    heard = run("-c", CAPTURE, home=card)
    assert heard.stdout.strip() == "heard 4", heard.stderr


@pytest.mark.e2e
def test_a_device_that_is_not_there_is_a_clear_error(card: Path) -> None:
    answer = mic("--device", "nothing like it", home=card)
    assert answer.returncode == 2
    assert "device_missing" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.e2e
def test_a_file_is_heard_and_told_as_lines_of_the_wire_contract(home: Path) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(home / "street.flac", rng.normal(0, 0.01, 4 * 16_000).astype(np.float32), 16_000)
    arguments = ("--file", str(home / "street.flac"), "--start", "2026-11-22T20:00:00Z", "--period", "1", "--json")
    told = mic(*arguments, home=home)
    assert told.returncode == 0, told.stderr
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    assert {message["type"] for message in messages} == {"sound_level"}
    assert messages[0]["start"] == 1_795_377_600_000_000


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--file", "absent.wav"], "file_missing"),
        (["--file", "a.wav", "--url", "tcp://a:1"], "one_source"),
        (["--file", "a.wav", "--start", "yesterday"], "start_unusable"),
        (["--url", "gopher://old"], "url_unusable"),
        (["--hub", "http://localhost:1"], "identity_missing"),
        (["--file", "HEARD", "--identity", "absent.key"], "key_missing"),
        (["--file", "HEARD", "--model", "absent"], "model"),
    ],
)
def test_unusable_input_is_a_sentence_with_a_code(home: Path, arguments: list[str], code: str) -> None:
    heard = home / "heard.wav"
    soundfile.write(heard, np.zeros(16_000, np.float32), 16_000)
    answer = mic(*(str(heard) if argument == "HEARD" else argument for argument in arguments), home=home)
    assert answer.returncode == 2
    assert code in answer.stderr
    assert "Traceback" not in answer.stderr
