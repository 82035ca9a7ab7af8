"""A count of a few is hidden, and nothing that is shown tells it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.policy.cells import TOTAL, suppress, with_totals

NAMES = st.sampled_from(["gunshot", "clamor", "siren", "fire"])
STATES = st.sampled_from(["open", "confirmed", "rejected", "expired"])
TABLES = st.dictionaries(NAMES, st.dictionaries(STATES, st.integers(0, 40)), min_size=1)


def test_a_small_count_and_what_would_tell_it_are_hidden() -> None:
    shown = suppress({"gunshot": {"confirmed": 2, "rejected": 30}, "siren": {"confirmed": 9, "rejected": 12}})
    assert shown["gunshot"] == {"confirmed": None, "rejected": None, TOTAL: 32}
    assert shown["siren"]["confirmed"] is None
    assert shown[TOTAL][TOTAL] == 53


def test_large_counts_and_zeros_are_shown() -> None:
    assert suppress({"gunshot": {"confirmed": 5, "rejected": 0}})["gunshot"] == {
        "confirmed": 5,
        "rejected": 0,
        TOTAL: 5,
    }


def test_an_exercise_hides_nothing() -> None:
    assert suppress({"gunshot": {"confirmed": 1}}, k=1)["gunshot"]["confirmed"] == 1


@given(TABLES)
def test_no_hidden_count_follows_from_the_others_of_its_row_or_column(counts: dict[str, dict[str, int]]) -> None:
    whole, shown = with_totals(counts), suppress(counts)
    for row in whole:
        for column in whole[row]:
            value = shown[row][column]
            assert value is None or value == whole[row][column]
            assert value is None or value == 0 or value >= 5
    lines = [[(row, column) for column in whole[row]] for row in whole]
    lines += [[(row, column) for row in whole] for column in whole[TOTAL]]
    for line in lines:
        hidden = [cell for cell in line if shown[cell[0]][cell[1]] is None]
        if hidden and len(hidden) < len(line):
            assert len(hidden) >= 2
            assert sum(whole[row][column] for row, column in hidden) >= 5
