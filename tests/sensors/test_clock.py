"""Capture time to UTC: drift followed, jumps declared, uncertainty honest."""

from __future__ import annotations

import numpy as np
import pytest

from sensors.clock import UNSYNCHRONISED_SIGMA_US, CaptureClock, SystemClock, parse_chrony, read_system_clock

START_US = 1_700_000_000_000_000
RATE = 48_000
BLOCK = 12_000
GOOD = SystemClock(True, 0, 200, "chrony")


def captured(
    ppm: float, jitter_us: float, blocks: int, late: float = 0.0, seed: int = 0
) -> tuple[CaptureClock, list[float]]:
    """A clock fed with stamps of a crystal that is `ppm` off, and its errors in microseconds."""
    rng = np.random.default_rng(seed)
    clock, errors = CaptureClock(RATE, path_sigma_us=100.0), []
    clock.set_system(GOOD)
    for i in range(blocks):
        truth = START_US + i * BLOCK * 1e6 / RATE * (1 + ppm * 1e-6)
        stamp = truth + rng.normal(0, jitter_us) + (50_000 if rng.random() < late else 0)
        assert not clock.stamp(i * BLOCK, round(stamp))
        errors.append(clock.utc_us(i * BLOCK) - truth)
    return clock, errors


@pytest.mark.parametrize("ppm", [-80.0, 0.0, 35.0])
def test_the_drift_of_the_crystal_is_followed(ppm: float) -> None:
    clock, errors = captured(ppm, 300.0, 480)
    assert clock.drift_ppm == pytest.approx(ppm, abs=3.0)
    assert np.abs(errors[100:]).max() < 400


def test_late_call_backs_do_not_pull_at_the_line() -> None:
    _, errors = captured(20.0, 200.0, 480, late=0.1)
    assert np.abs(errors[100:]).max() < 1_000


def test_the_stated_uncertainty_covers_the_error() -> None:
    for seed in range(5):
        clock, errors = captured(15.0, 1_000.0, 200, seed=seed)
        assert np.abs(errors[-50:]).max() < 3 * clock.sigma_us
        assert clock.sigma_us < 1_500


@pytest.mark.parametrize("step_us", [1_000_000, -300_000, 60_000])
def test_a_jump_of_the_system_clock_is_noticed_once_and_declared(step_us: int) -> None:
    clock = CaptureClock(RATE)
    jumps = [clock.stamp(i * BLOCK, START_US + i * 250_000 + (step_us if i >= 100 else 0)) for i in range(200)]
    assert sum(jumps) == clock.jumps == 1
    assert 100 <= jumps.index(True) < 106
    assert clock.utc_us(199 * BLOCK) == pytest.approx(START_US + 199 * 250_000 + step_us, abs=1_000)


def test_an_undisciplined_clock_says_how_bad_it_is() -> None:
    clock = CaptureClock(RATE)
    clock.stamp(0, START_US)
    assert not clock.synchronised
    assert clock.sigma_us >= UNSYNCHRONISED_SIGMA_US


def test_a_known_offset_is_taken_off() -> None:
    clock = CaptureClock(RATE)
    clock.set_system(SystemClock(True, 2_500, 100, "chrony"))
    clock.stamp(0, START_US)
    assert clock.utc_us(0) == START_US - 2_500
    assert clock.offset_us == 2_500


TRACKING = (
    "C0A80001,192.168.0.1,2,1700000000.123456789,0.000006523,-0.000012,0.000020,-11.2,0.002,0.05,0.000400,0.000150,"
    "64.2,Normal"
)


def test_chronys_state_is_read_with_its_sign() -> None:
    state = parse_chrony(TRACKING)
    assert state is not None
    assert state.synchronised
    assert state.offset_us == -7  # 6.5 microseconds slow of NTP time
    assert 100 <= state.sigma_us <= 250


def test_chrony_without_a_source_is_no_clock() -> None:
    state = parse_chrony("00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised")
    assert state is not None
    assert not state.synchronised
    assert state.sigma_us == UNSYNCHRONISED_SIGMA_US


@pytest.mark.parametrize("line", ["", "506 Cannot talk to daemon", "a,b,c", TRACKING.replace("0.000020", "nan")])
def test_what_is_no_answer_of_chrony_is_none(line: str) -> None:
    assert parse_chrony(line) is None


async def test_this_machines_clock_can_be_asked() -> None:
    state = await read_system_clock()
    assert state.sigma_us > 0
    assert state.source in {"chrony", "kernel", "unknown"}
