"""Small cells: a count of a few is a person. What is under the threshold is hidden, and so is what would tell it.

Primary suppression hides counts of 1 to k - 1. Secondary suppression hides more cells of the same row or column, totals
among them, until no hidden count follows from the shown ones (Hundepool et al., Statistical Disclosure Control, 2012,
section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

K: Final = 5
TOTAL: Final = "*"

Counts = Mapping[str, Mapping[str, int]]
Shown = dict[str, dict[str, int | None]]


def with_totals(counts: Counts) -> dict[str, dict[str, int]]:
    """The table with a row and a column `*` of totals; every row has every column."""
    columns = list(dict.fromkeys(column for row in counts.values() for column in row))
    table = {name: {column: row.get(column, 0) for column in columns} for name, row in counts.items()}
    for row in table.values():
        row[TOTAL] = sum(row.values())
    table[TOTAL] = {column: sum(row[column] for row in table.values()) for column in (*columns, TOTAL)}
    return table


def suppress(counts: Counts, k: int = K) -> Shown:
    """The table with totals, None where a count is hidden. With `k` of 1 nothing is."""
    table = with_totals(counts)
    hidden = {(row, column) for row, cells in table.items() for column, n in cells.items() if 0 < n < k}
    columns = list(table[TOTAL])
    lines = [[(row, column) for column in columns] for row in table] + [
        [(row, column) for row in table] for column in columns
    ]
    changed = True
    while changed:
        changed = False
        for line in lines:
            if (more := _betrays(line, table, hidden, k)) is not None:
                hidden.add(more)
                changed = True
    return {
        row: {column: None if (row, column) in hidden else n for column, n in cells.items()}
        for row, cells in table.items()
    }


def _betrays(
    line: list[tuple[str, str]], table: Mapping[str, Mapping[str, int]], hidden: set[tuple[str, str]], k: int
) -> tuple[str, str] | None:
    """The next cell to hide where the hidden ones of a line follow from the shown; None where they don't."""
    secret = [cell for cell in line if cell in hidden]
    if not secret or (len(secret) > 1 and sum(table[row][column] for row, column in secret) >= k):
        return None
    shown = [cell for cell in line if cell not in hidden]
    # A zero hides nothing; the smallest count that is one costs the reader least.
    return min(shown, key=lambda cell: (table[cell[0]][cell[1]] == 0, table[cell[0]][cell[1]]), default=None)
