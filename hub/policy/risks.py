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


_T: Final = "tests/hub"
_P: Final = f"{_T}/policy"

RISKS: Final = (
    Risk(1, ("G-06", "G-07"), (f"{_T}/access", f"{_T}/api/test_access.py", f"{_T}/api/test_who_may.py")),
    Risk(2, ("O-08", "O-13"), (f"{_P}/test_audit.py", f"{_P}/test_merkle.py")),
    Risk(3, ("backup", "fsync"), ("tests/e2e/test_kill_hub.py", f"{_T}/store/test_backup.py")),
    Risk(4, ("A-02", "A-03", "A-05", "A-06"), (f"{_P}/test_no_recogniser_hears_it.py", f"{_P}/test_walk.py")),
    Risk(5, ("A-04", "V-05"), (f"{_T}/fusion/test_coupling.py", f"{_P}/test_matrix.py")),
    Risk(6, ("O-01", "O-02", "J-11"), (f"{_T}/store/test_quality.py", f"{_P}/test_confirmed_by_a_trained_human.py")),
    Risk(7, ("O-06", "V-04"), (f"{_P}/test_cells.py",)),
    Risk(8, ("B6-13", "O-10"), (f"{_P}/test_matrix.py", f"{_P}/test_documents.py")),
    Risk(9, ("V-06", "B6-4", "B6-14"), (f"{_P}/test_walk.py", f"{_P}/test_matrix.py")),
    Risk(10, ("G-10", "B6-19"), (f"{_P}/test_fields_and_dates.py",)),
    Risk(11, ("J-11", "B6-8"), (f"{_P}/test_confirmed_by_a_trained_human.py",)),
    Risk(12, ("O-12",), (f"{_T}/store/test_backup.py",)),
    Risk(13, ("O-03",), (f"{_P}/test_desks.py",)),
)
"""The list of the draft's part 3; R1 to R3 are those of the CNIL's method (PIA, knowledge bases, 2018)."""
