"""A short simulated night looked at in every page; `make night` looks in every width, light and language."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

NIGHT = Path(__file__).resolve().parents[1] / "checks" / "night.py"


@pytest.mark.timeout(880)
def test_a_night_is_seen_in_every_page_and_nothing_overflows_or_lacks_its_words(pictures: Path) -> None:
    pytest.importorskip("playwright")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no Chromium: apt-get install chromium")
    command = [sys.executable, str(NIGHT), "--short", "--out", str(pictures / "night")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=840)
    print(done.stdout)  # noqa: T201
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert "faults: 0" in done.stdout
