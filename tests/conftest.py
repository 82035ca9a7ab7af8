"""What every test shares: a loop that must not block, and the real recordings where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_blocking_call_in_the_loop() -> Iterator[None]:
    """Blocking I/O called from our own code inside the event loop fails the test."""
    with blockbuster_ctx(scanned_modules=["hub", "sensors", "dashboards"]):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TOCSIN_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set TOCSIN_DATA to their folder")
    return folder
