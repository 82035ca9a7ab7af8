"""Sound arrives when, as loud and as often as physics says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.simulator.air import Air
from sensors.simulator.propagation import City, Heard, Wall, carry, carry_moving, ways
from sensors.simulator.waveforms import BANG_LEAD_S, Waveform, blast

RATE = 16_000
AIR = Air(temperature_c=12.0)
FREE = City(AIR, tail_db=None, ground=False)
BANG = Waveform(blast(RATE, 0.06, 150.0, 0.6e-3), RATE, BANG_LEAD_S)


def rng() -> np.random.Generator:
    return np.random.default_rng(9)


def delay_s(heard: Heard, wave: Waveform) -> float:
    """Arrival of the emission's instant, from the phase of the low tones, which air does not bend."""
    size = 2 ** int(np.ceil(np.log2(heard.samples.size + wave.samples.size)))
    ratio = np.fft.rfft(heard.samples, size) * np.conj(np.fft.rfft(wave.samples, size))
    hz = np.fft.rfftfreq(size, 1.0 / RATE)
    band = (hz > 100.0) & (hz < 2_000.0)
    slope = np.polyfit(hz[band], np.unwrap(np.angle(ratio[band])), 1)[0]
    return heard.start / RATE - float(slope) / (2.0 * np.pi) + wave.lead_s


@settings(max_examples=40, deadline=None)
@given(st.floats(5.0, 900.0), st.floats(0.0, 10.0), st.floats(-10.0, 35.0))
def test_a_shot_arrives_when_its_distance_says_to_far_below_a_tenth_of_a_millisecond(
    distance_m: float, emitted_s: float, temperature_c: float
) -> None:
    air = Air(temperature_c=temperature_c)
    heard = carry(
        BANG, (0.0, 0.0, 2.0), (distance_m, 0.0, 2.0), City(air, tail_db=None, ground=False), emitted_s, rng()
    )
    assert delay_s(heard, BANG) == pytest.approx(emitted_s + distance_m / air.speed_m_s, abs=5e-6)


def test_level_falls_by_six_decibels_with_each_doubling_of_the_distance() -> None:
    low = Waveform(np.sin(2 * np.pi * 100.0 * np.arange(RATE) / RATE).astype(np.float32), RATE)
    power = []
    for distance_m in (10.0, 20.0, 40.0, 80.0):
        heard = carry(low, (0.0, 0.0, 2.0), (distance_m, 0.0, 2.0), FREE, 0.0, rng())
        power.append(10.0 * np.log10(np.sum(heard.samples.astype(np.float64) ** 2)))
    # At 100 Hz air takes less than 0.05 dB over 80 m.
    assert np.diff(power) == pytest.approx([-6.02] * 3, abs=0.05)


def test_a_distant_shot_is_dull() -> None:
    def high_share(distance_m: float) -> float:
        heard = carry(BANG, (0.0, 0.0, 2.0), (distance_m, 0.0, 2.0), FREE, 0.0, rng())
        power = np.abs(np.fft.rfft(heard.samples)) ** 2
        hz = np.fft.rfftfreq(heard.samples.size, 1.0 / RATE)
        return float(power[hz > 3_000.0].sum() / power.sum())

    assert high_share(500.0) < 0.3 * high_share(20.0)


def test_a_facade_gives_one_echo_later_and_weaker_than_the_direct_sound() -> None:
    wall = Wall((-100.0, 30.0), (200.0, 30.0), 15.0)
    found = ways((0.0, 0.0, 1.5), (60.0, 0.0, 5.0), City(AIR, (wall,), tail_db=None, ground=False))
    assert len(found) == 2
    direct, echo = found
    # Mirrored in the wall the source stands 60 m to the side: sqrt(60² + 60² + 3.5²).
    assert echo.length_m == pytest.approx(np.sqrt(60.0**2 + 60.0**2 + 3.5**2))
    assert direct.length_m == pytest.approx(np.sqrt(60.0**2 + 3.5**2))
    assert echo.gain < direct.gain


def test_a_facade_behind_which_nobody_stands_mirrors_nothing() -> None:
    short = Wall((500.0, 30.0), (510.0, 30.0), 15.0)
    assert len(ways((0.0, 0.0, 1.5), (60.0, 0.0, 5.0), City(AIR, (short,), ground=False))) == 1


def test_a_house_in_the_way_costs_level_and_a_detour() -> None:
    wall = Wall((30.0, -80.0), (30.0, 80.0), 12.0)
    open_line, hidden = (
        carry(BANG, (0.0, 0.0, 1.5), (60.0, 0.0, 5.0), City(AIR, walls, tail_db=None, ground=False), 0.0, rng())
        for walls in ((), (wall,))
    )
    assert np.max(np.abs(hidden.samples)) < 0.25 * np.max(np.abs(open_line.samples))
    over_m = np.hypot(30.0, 10.5) + np.hypot(30.0, 7.0) - np.hypot(60.0, 3.5)
    assert ways((0.0, 0.0, 1.5), (60.0, 0.0, 5.0), City(AIR, (wall,), ground=False))[0].barrier_m == pytest.approx(
        over_m
    )


def test_a_house_is_passed_round_its_corner_where_that_is_shorter() -> None:
    wall = Wall((30.0, -2.0), (30.0, 80.0), 60.0)
    barrier_m = ways((0.0, 0.0, 1.5), (60.0, 0.0, 1.5), City(AIR, (wall,), ground=False))[0].barrier_m
    assert barrier_m == pytest.approx(2.0 * np.hypot(30.0, 2.0) - 60.0)


def test_the_scattered_tail_is_late_and_decays() -> None:
    heard = carry(
        BANG, (0.0, 0.0, 1.5), (100.0, 0.0, 5.0), City(AIR, tail_db=-6.0, decay_s=1.0, ground=False), 0.0, rng()
    )
    energy = heard.samples.astype(np.float64) ** 2
    front = int(np.argmax(energy))
    parts = [energy[front + a : front + a + 1_600].sum() for a in (1_600, 4_800, 8_000)]
    assert energy[: front - 40].sum() < 1e-4 * energy.sum()
    assert parts[0] > parts[1] > parts[2] > 0.0


def test_a_vehicle_that_comes_sounds_higher_than_one_that_goes() -> None:
    tone = Waveform(np.sin(2 * np.pi * 1_000.0 * np.arange(8 * RATE) / RATE).astype(np.float32), RATE)
    path = np.array([[-80.0, 0.0, 1.0], [80.0, 0.0, 1.0]])
    heard = carry_moving(tone, path, 20.0, (0.0, 5.0, 2.0), FREE, 0.0)

    def pitch(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
        return float(np.argmax(power)) * RATE / samples.size

    assert pitch(heard.samples[RATE : 2 * RATE]) == pytest.approx(1_000.0 / (1.0 - 20.0 / AIR.speed_m_s), rel=0.01)
    assert pitch(heard.samples[-2 * RATE : -RATE]) == pytest.approx(1_000.0 / (1.0 + 20.0 / AIR.speed_m_s), rel=0.01)
