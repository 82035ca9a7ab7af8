"""A person's own recording, told to a real hub with the commands of the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hub.log import read_file
from sensors.protocol import Detection, Heartbeat, SoundLevel

pytestmark = pytest.mark.e2e


def tocsin(*arguments: str) -> None:
    command = [sys.executable, "-m", "hub.commands.main", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_recording_told_to_a_hub_lies_in_the_past_and_is_an_exercise(dying_hub: Any, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, 4 * 16_000).astype(np.float32)
    soundfile.write(tmp_path / "street.wav", noise, 16_000)
    dying_hub.start()
    code = dying_hub.add_microphone("mic-1", 45.44, 4.38)
    key = str(tmp_path / "mic-1.pem")
    tocsin("enrol", "--hub", dying_hub.url, "--code", code, "--key", key)
    known = ["--identity", key, "--state", str(tmp_path)]
    tocsin("mic", "--file", str(tmp_path / "street.wav"), "--period", "1", *known)
    dying_hub.kill()
    told = [entry.message for entry in read_file(tmp_path / "data" / "log.sqlite")]
    levels = [message for message in told if isinstance(message, SoundLevel)]
    assert len(levels) >= 3
    assert all(level.start < level.sent for level in levels)
    marks = [message.exercise for message in told if isinstance(message, Heartbeat | Detection)]
    assert marks
    assert all(marks)
