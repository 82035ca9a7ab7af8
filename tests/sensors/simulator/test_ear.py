"""What a microphone hears does not depend on how it is asked, and its faults sound like faults."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.simulator.ear import Ear
from sensors.simulator.scenario import Scenario, load
from sensors.simulator.schedule import emissions, truths

RATE = 16_000


def heard(scenario: Scenario, microphone: int, seconds: float, block: int = 3_200, seed: int = 1) -> np.ndarray:
    ear = Ear(scenario, scenario.microphone[microphone], seed)
    total = round(seconds * RATE)
    return np.concatenate([ear.read(at, min(block, total - at)) for at in range(0, total, block)])


@pytest.fixture(scope="module")
def shot() -> Scenario:
    return load("single_shot")


@settings(max_examples=8, deadline=None)
@given(st.integers(500, 9_000))
def test_blocks_of_any_size_give_the_same_sound(shot: Scenario, block: int) -> None:
    assert np.array_equal(heard(shot, 6, 10.0), heard(shot, 6, 10.0, block))


def test_another_seed_is_another_evening(shot: Scenario) -> None:
    assert not np.array_equal(heard(shot, 6, 1.0), heard(shot, 6, 1.0, seed=2))


def test_the_shot_stands_out_at_its_arrival_and_not_before(shot: Scenario) -> None:
    truth = truths(shot, 1, 0)[0]
    plan = shot.microphone[5]
    samples = heard(shot, 5, 12.0)
    source = shot.metres(truth.latitude, truth.longitude, 1.5)
    place = shot.metres(plan.latitude, plan.longitude, plan.height_m)
    arrival = round((truth.at_s + np.linalg.norm(np.subtract(source, place)) / shot.air.speed_m_s) * RATE)
    quiet = np.max(np.abs(samples[: arrival - 50]))
    assert np.max(np.abs(samples[arrival - 50 : arrival + 800])) > 10.0 * quiet


def test_a_dead_microphone_hears_nothing_and_a_clipped_one_too_much(shot: Scenario) -> None:
    def with_fault(fault: str) -> Scenario:
        plans = (msgspec.structs.replace(shot.microphone[0], fault=fault), *shot.microphone[1:])
        return msgspec.structs.replace(shot, microphone=plans)

    assert not heard(with_fault("dead"), 0, 10.0).any()
    assert np.max(np.abs(heard(with_fault("clipped"), 0, 10.0))) == 1.0
    assert np.max(np.abs(heard(shot, 0, 10.0))) < 1.0


def test_an_evening_that_repeats_goes_on_with_the_same_kinds_elsewhere() -> None:
    evening = load("evening")
    first, second = truths(evening, 1, 0), truths(evening, 1, 1)
    assert [truth.kind for truth in first] == [truth.kind for truth in second]
    assert [truth.at_s + evening.duration_s for truth in first] == [truth.at_s for truth in second]
    shots = [t for t in second if t.kind == "gunshot"]
    assert all(a.latitude != b.latitude for a, b in zip([t for t in first if t.kind == "gunshot"], shots, strict=True))


def test_a_burst_is_as_many_emissions_from_one_place() -> None:
    burst = emissions(load("burst"), 1, 0)
    assert len(burst) == truths(load("burst"), 1, 0)[0].rounds == 5
    assert len({emission.place for emission in burst}) == 1
    assert np.diff([emission.emitted_s for emission in burst]) == pytest.approx([0.45] * 4)


def test_a_microphone_switched_on_late_hears_what_one_hears_that_was_there_all_along(shot: Scenario) -> None:
    late, early = Ear(shot, shot.microphone[5], 1), Ear(shot, shot.microphone[5], 1)
    early.read(0, 8 * RATE)
    assert np.array_equal(late.read(8 * RATE, RATE), early.read(8 * RATE, RATE))
