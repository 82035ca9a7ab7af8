"""The fault campaign in its short form; `make soak` kills two hundred times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SOAK = Path(__file__).resolve().parents[2] / "checks" / "soak.py"


@pytest.mark.timeout(400)
def test_kills_cut_wires_a_full_disk_a_set_clock_and_bad_receivers_lose_nothing_and_repeat_nothing() -> None:
    command = [sys.executable, str(SOAK), "--kills", "5", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
