"""Risks to rights and freedoms with the measures that hold them, as the impact assessment lists them.

Each measure names the test that shows it, so that a reader can ask for its last result.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Risk(Struct, frozen=True):
    """One risk: its number (R1 to R13), the rules that hold it down, the tests that show them."""

    number: int
    rules: tuple[str, ...]
    tests: tuple[str, ...]


RISKS: Final = (
    Risk(1, ("G-07", "accounts", "TLS"), ("tests/hub/access", "tests/hub/api/test_access.py")),
    Risk(2, ("O-08", "O-13"), ("tests/hub/policy/test_audit.py", "tests/hub/policy/test_merkle.py")),
    Risk(3, ("backup", "fsync"), ("tests/e2e/test_kill_hub.py", "tests/hub/store/test_backup.py")),
    Risk(4, ("A-02", "A-03", "A-05", "A-06"), ("tests/hub/policy/test_nothing_intelligible.py", "tests/hub/policy/test_walk.py")),
    Risk(5, ("A-04", "V-05"), ("tests/hub/fusion/test_coupling.py", "tests/hub/policy/test_matrix.py")),
    Risk(6, ("O-01", "O-02", "J-11"), ("tests/hub/store/test_quality.py", "tests/hub/policy/test_confirmed_by_a_trained_human.py")),
    Risk(7, ("O-06", "cells"), ("tests/hub/policy/test_cells.py",)),
    Risk(8, ("B6-13", "O-10"), ("tests/hub/policy/test_matrix.py",)),
    Risk(9, ("V-06", "B6-4"), ("tests/hub/policy/test_walk.py",)),
    Risk(10, ("G-10", "B6-19"), ("tests/hub/policy/test_fields_and_dates.py",)),
    Risk(11, ("J-11", "B6-8"), ("tests/hub/policy/test_confirmed_by_a_trained_human.py",)),
    Risk(12, ("source", "export"), ("tests/hub/store/test_backup.py",)),
    Risk(13, ("O-03",), ("tests/hub/policy/test_desks.py",)),
)  # fmt: skip
"""The list of the draft's part 3; R1 to R3 are those of the CNIL's method (PIA, knowledge bases, 2018)."""
