"""What may be told of a bin: nothing small, nothing exact, nothing by which a hidden count could be told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensors.camera.statistics.kinds import KINDS
from sensors.camera.statistics.suppression import K, suppressed
from sensors.protocol import Counts

COUNTS = st.fixed_dictionaries({kind: st.integers(0, 60) for kind in KINDS})
ZONES = st.dictionaries(st.sampled_from(["kerb", "lane", "square"]), COUNTS, min_size=1)


def cells(told):
    return {(zone, kind): getattr(counts, kind) for zone, counts in told.items() for kind in KINDS}


@given(ZONES)
def test_a_told_count_is_at_least_ten_a_multiple_of_five_and_near_the_truth(counted):
    for (zone, kind), value in cells(suppressed(counted)).items():
        if value is not None:
            assert value >= K
            assert value % 5 == 0
            assert abs(value - counted[zone][kind]) <= 2
        elif counted[zone][kind] >= K:
            # Hidden for the sake of another one.
            assert any(count < K for counts in counted.values() for count in counts.values())


@given(ZONES)
def test_no_row_and_no_column_has_a_single_hidden_cell(counted):
    told = cells(suppressed(counted))
    lines = [[told[zone, kind] for kind in KINDS] for zone in counted]
    if len(counted) > 1:
        lines += [[told[zone, kind] for zone in counted] for kind in KINDS]
    assert all(line.count(None) != 1 for line in lines)


@given(COUNTS, COUNTS)
def test_overlapping_zones_never_differ_by_a_small_count(one, other):
    counted = {"inner": one, "outer": other}
    told = cells(suppressed(counted, [("inner", "outer")]))
    for kind in KINDS:
        if told["inner", kind] is not None and told["outer", kind] is not None:
            assert not 0 < abs(one[kind] - other[kind]) < K


def test_a_lone_small_count_takes_the_next_one_with_it():
    told = suppressed({"kerb": {"person": 48, "cycle": 3, "car": 112, "heavy": 21}})
    assert told == {"kerb": Counts(person=50, cycle=None, car=110, heavy=None)}
