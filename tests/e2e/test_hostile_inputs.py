"""A few hundred hostile inputs over every public entrance of a real hub; `make fuzz` sends a hundred thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

FUZZ = Path(__file__).resolve().parents[1] / "checks" / "fuzz.py"


@pytest.mark.timeout(300)
def test_no_hostile_input_gets_a_server_error_a_traceback_or_memory() -> None:
    command = [sys.executable, str(FUZZ), "--inputs", "600", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults: 0" in done.stdout
