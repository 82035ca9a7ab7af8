"""Sounds that last: evidence with hysteresis, and louder than this place at this hour ever is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.microphone.loudness import LevelHistory, LoudnessError
from sensors.microphone.sustained import Lasting, LevelGate, SustainedSound

START_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000


def offered(scores: list[float], threshold: float = 0.5) -> list[Lasting]:
    sound = SustainedSound("clamor", threshold)
    told = [sound.offer(score, START_US + i * 500_000) for i, score in enumerate(scores)]
    return [one for one in told if one]


def test_one_loud_window_is_not_a_lasting_sound() -> None:
    assert offered([0.0] * 10 + [1.0, 1.0] + [0.0] * 20) == []


def test_a_lasting_sound_is_told_once_it_is_certain_then_every_ten_seconds_then_when_it_is_over() -> None:
    told = offered([0.9] * 60 + [0.0] * 20)
    assert [one.over for one in told] == [False, False, False, True]
    assert len({one.onset_us for one in told}) == 1
    assert 3.0 <= told[0].duration_s <= 6.0
    assert told[-1].duration_s == pytest.approx(31.0, abs=2.0)
    assert all(0.2 <= one.score <= 0.95 for one in told)


def test_a_short_pause_does_not_end_it() -> None:
    told = offered([0.9] * 20 + [0.1] * 2 + [0.9] * 20)
    assert not any(one.over for one in told)


def test_a_quiet_place_begins_again_at_nothing_and_its_next_window_counts_for_one_second() -> None:
    sound = SustainedSound("clamor")
    sound.offer(0.3, START_US)
    sound.rest(START_US + 60_000_000)
    assert sound.evidence == 0.0
    assert sound.offer(1.0, START_US + 61_000_000) is None
    assert sound.evidence == pytest.approx(1.0 - math.exp(-1.0 / 2.5))


def test_missing_sound_ends_it() -> None:
    sound = SustainedSound("siren")
    for i in range(20):
        sound.offer(0.9, START_US + i * 500_000)
    over = sound.lose()
    assert over is not None
    assert over.over
    assert sound.lose() is None
    assert sound.offer(0.9, START_US + 60_000_000) is None


@given(st.lists(st.floats(0.0, 1.0), max_size=300), st.floats(0.1, 0.9))
def test_every_beginning_has_at_most_one_end_and_values_stay_in_range(scores: list[float], threshold: float) -> None:
    told = offered(scores, threshold)
    open_now = False
    for one in told:
        assert 0.0 <= one.score <= 1.0
        assert 0.0 <= one.duration_s <= 1_800.0
        assert open_now or not one.over
        open_now = not one.over


def test_the_model_need_not_look_at_a_steady_street() -> None:
    gate = LevelGate()
    looks = sum(gate.open(50.0 + math.sin(i), 0.5) for i in range(1_200))
    assert looks <= 62  # once in ten seconds
    assert gate.open(60.0, 0.5)


def learnt(days: int = 4) -> LevelHistory:
    history, rng = LevelHistory(), np.random.default_rng(0)
    for day in range(days):
        for second, level in enumerate(rng.normal(55.0, 3.0, 3_600).tolist()):
            assert history.offer(level, START_US - START_US % HOUR_US + day * 24 * HOUR_US + second * 1_000_000) is None
    return history


def test_what_is_louder_than_ever_at_this_hour_is_told_and_nothing_before_enough_was_heard() -> None:
    assert LevelHistory().offer(140.0, START_US) is None
    history = learnt()
    at_us = START_US - START_US % HOUR_US + 10 * 24 * HOUR_US
    assert history.offer(68.0, at_us) is None
    loud = history.offer(85.0, at_us + 1_000_000)
    assert loud is not None
    assert loud.score > 0.999
    assert loud.usual_db == pytest.approx(67.0, abs=3.0)
    assert history.offer(85.0, at_us + 2_000_000) is None  # told once a minute


def test_an_hour_that_was_never_heard_tells_nothing() -> None:
    assert learnt().offer(120.0, START_US + 12 * HOUR_US) is None


@pytest.mark.parametrize("level", [math.nan, math.inf, -math.inf])
def test_a_level_that_is_no_number_is_not_counted(level: float) -> None:
    history = LevelHistory()
    assert history.offer(level, START_US) is None
    assert sum(history.seconds(hour) for hour in range(24)) == 0.0


def test_the_history_survives_a_restart_as_counts_and_nothing_else(tmp_path: Path) -> None:
    history = learnt()
    path = tmp_path / "levels.json"
    history.save(path)
    again = LevelHistory.load(path)
    assert [again.usual_db(hour) for hour in range(24)] == [history.usual_db(hour) for hour in range(24)]
    assert set(path.read_text()) <= set('{}[]":,. \n0123456789versioncounts')
    assert LevelHistory.load(tmp_path / "absent.json").usual_db(0) is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version":1,"counts":[]}', '{"version":9,"counts":[{}]}'])
def test_a_broken_history_is_refused_with_a_code(tmp_path: Path, content: str) -> None:
    path = tmp_path / "levels.json"
    path.write_text(content)
    with pytest.raises(LoudnessError) as refusal:
        LevelHistory.load(path)
    assert refusal.value.code == "history_unusable"
