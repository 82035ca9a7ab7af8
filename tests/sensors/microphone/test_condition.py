"""The state of a microphone, told from its sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.microphone.condition import ConditionWatch

RATE = 16_000


def street(seconds: float, rms: float = 0.01, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, rms, round(seconds * RATE)).astype(np.float32)


def after(watch: ConditionWatch, wave: np.ndarray, overruns: int = 0) -> tuple[str, str]:
    for at in range(0, wave.size, RATE // 4):
        watch.look(wave[at : at + RATE // 4], RATE, overruns)
    return watch.condition.capture, watch.condition.reason


def test_before_the_first_sound_it_is_starting_and_then_well() -> None:
    watch = ConditionWatch()
    assert watch.condition.capture == "starting"
    assert after(watch, street(5)) == ("ok", "")


@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
def test_an_input_that_stands_still_is_silent_and_recovers(value: float) -> None:
    watch = ConditionWatch()
    after(watch, street(5))
    assert after(watch, np.full(10 * RATE, value, np.float32))[1] in {"silent", "clipped"}
    assert watch.condition.capture == "lost"
    assert after(watch, street(90))[0] == "ok"


def test_a_gain_too_high_is_clipped_and_one_shot_nearby_is_not() -> None:
    watch = ConditionWatch()
    shot = street(5)
    shot[RATE : RATE + 40] = 1.0
    assert after(watch, shot) == ("ok", "")
    assert after(watch, np.clip(street(20, rms=0.6), -1, 1)) == ("degraded", "clipped")
    assert after(watch, street(120)) == ("ok", "")


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 3e38])
def test_samples_that_are_no_numbers_are_told_and_forgotten_after_a_minute(broken: float) -> None:
    watch = ConditionWatch()
    wave = street(1)
    wave[100:110] = broken
    after(watch, wave)
    assert watch.condition == type(watch.condition)("degraded", "broken_samples")
    assert after(watch, street(70)) == ("ok", "")


def test_a_wet_membrane_loses_its_treble_and_is_told_then_dries() -> None:
    watch = ConditionWatch()
    hour = street(700)
    assert after(watch, hour) == ("ok", "")
    wet = np.convolve(street(200, seed=1), np.ones(64, np.float32) / 64, "same").astype(np.float32)
    assert after(watch, wet) == ("degraded", "blocked")
    assert after(watch, street(200, seed=2)) == ("ok", "")


def test_lost_sound_is_told_for_a_minute() -> None:
    watch = ConditionWatch()
    after(watch, street(5))
    assert after(watch, street(5), overruns=2) == ("degraded", "overrun")
    assert after(watch, street(70), overruns=2) == ("ok", "")


@given(st.lists(st.floats(width=32), max_size=200))
def test_what_analysis_gets_is_always_finite_and_within_full_scale(values: list[float]) -> None:
    fit = ConditionWatch().look(np.array(values, np.float32), RATE)
    assert np.isfinite(fit).all()
    assert fit.size == len(values)
    assert np.abs(fit).max(initial=0.0) <= 1.0
