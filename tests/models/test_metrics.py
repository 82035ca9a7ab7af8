"""Figures against references and against what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from models.metrics import average_precision, count_per_hour, over_groups, platt, recall_at, reliability


@settings(deadline=None, max_examples=60)
@given(answers=st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
def test_average_precision_is_scikit_learns(answers: list[tuple[bool, int]]) -> None:
    truth = np.array([yes for yes, _ in answers])
    score = np.array([value for _, value in answers], np.float64)
    if truth.any():
        assert average_precision(truth, score) == pytest.approx(average_precision_score(truth, score))
    else:
        assert np.isnan(average_precision(truth, score))


def test_recall_is_taken_where_few_of_the_others_pass() -> None:
    truth = np.array([True] * 4 + [False] * 100)
    score = np.concatenate([[0.95, 0.9, 0.5, 0.1], np.linspace(0.0, 0.6, 99), [0.92]])
    assert recall_at(truth, score, 0.01) == 0.5
    assert recall_at(truth, score, 0.0) == 0.25
    assert recall_at(truth, score, 1.0) == 1.0


def test_an_interval_holds_its_value_and_counts_groups_not_clips() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.3
    score = truth + rng.normal(0.0, 0.7, 200)
    alone = over_groups(average_precision, truth, score, [str(i) for i in range(200)], draws=200, seed=1)
    few = over_groups(average_precision, truth, score, [str(i // 40) for i in range(200)], draws=200, seed=1)
    assert alone.low <= alone.value <= alone.high
    assert few.value == alone.value
    assert over_groups(average_precision, truth, score, ["one"] * 200, draws=20, seed=1).low == alone.value


def test_no_alarm_in_three_hours_may_still_be_one_an_hour() -> None:
    none = count_per_hour(0, 3.0)
    assert (none.value, none.low) == (0.0, 0.0)
    # Garwood's exact upper limit for nothing seen is 3.689 events.
    assert none.high == pytest.approx(3.689 / 3.0, abs=1e-3)
    assert count_per_hour(10, 1.0).low == pytest.approx(4.795, abs=1e-3)


def test_platts_scaling_recovers_what_bent_the_scores() -> None:
    rng = np.random.default_rng(2)
    logit = rng.normal(0.0, 2.0, 20_000)
    truth = rng.random(20_000) < 1.0 / (1.0 + np.exp(-(0.5 * logit - 1.0)))
    scale, shift = platt(truth, logit, np.ones(len(logit)))
    assert scale == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(-1.0, abs=0.05)
    said = 1.0 / (1.0 + np.exp(-(scale * logit + shift)))
    assert reliability(truth, said).error < 0.02


def test_platts_scaling_of_scores_that_separate_stays_finite() -> None:
    scale, shift = platt(np.array([False, False, True, True]), np.array([-2.0, -1.0, 1.0, 2.0]), np.ones(4))
    assert np.isfinite([scale, shift]).all()
    assert scale > 0.0


def test_reliability_sees_overconfidence() -> None:
    truth = np.array([True, False] * 50)
    assert reliability(truth, np.full(100, 0.9)).error == pytest.approx(0.4)
    assert reliability(truth, np.full(100, 0.5)).error == pytest.approx(0.0)
