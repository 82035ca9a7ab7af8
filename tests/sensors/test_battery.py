"""The charge of the box, from files as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors.battery import charge


def supply(folder: Path, name: str, kind: str, capacity: str | None) -> None:
    (folder / name).mkdir()
    (folder / name / "type").write_text(f"{kind}\n")
    if capacity is not None:
        (folder / name / "capacity").write_text(f"{capacity}\n")


def test_the_emptiest_battery_counts_and_the_mains_does_not(tmp_path: Path) -> None:
    supply(tmp_path, "AC", "Mains", None)
    supply(tmp_path, "BAT0", "Battery", "87")
    supply(tmp_path, "BAT1", "Battery", "12")
    assert charge(tmp_path) == 0.12


@pytest.mark.parametrize("said", ["", "full", None])
def test_a_battery_that_tells_nothing_is_none(tmp_path: Path, said: str | None) -> None:
    supply(tmp_path, "BAT0", "Battery", said)
    assert charge(tmp_path) is None


def test_a_box_without_a_battery_has_none(tmp_path: Path) -> None:
    assert charge(tmp_path) is None
    assert charge(tmp_path / "nowhere") is None
    supply(tmp_path, "AC", "Mains", None)
    assert charge(tmp_path) is None


def test_more_than_full_is_full(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", "Battery", "104")
    assert charge(tmp_path) == 1.0
