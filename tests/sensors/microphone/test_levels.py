"""The sound level meter against IEC 61672-1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.microphone.levels import Calibration, CalibrationError, LevelMeter, Levels, calibrate
from sensors.microphone.weighting import Weigher, c_peak, response

START_US = 1_700_000_000_000_000

# IEC 61672-1:2013 table 3: nominal frequency, A, C (dB), class 1 acceptance limits (upper, lower).
TABLE = [
    (16, -56.7, -8.5, 2.0, 4.0),
    (20, -50.5, -6.2, 2.0, 2.0),
    (25, -44.7, -4.4, 2.0, 1.5),
    (31.5, -39.4, -3.0, 1.5, 1.5),
    (40, -34.6, -2.0, 1.0, 1.0),
    (50, -30.2, -1.3, 1.0, 1.0),
    (63, -26.2, -0.8, 1.0, 1.0),
    (80, -22.5, -0.5, 1.0, 1.0),
    (100, -19.1, -0.3, 1.0, 1.0),
    (125, -16.1, -0.2, 1.0, 1.0),
    (160, -13.4, -0.1, 1.0, 1.0),
    (200, -10.9, 0.0, 1.0, 1.0),
    (250, -8.6, 0.0, 1.0, 1.0),
    (315, -6.6, 0.0, 1.0, 1.0),
    (400, -4.8, 0.0, 1.0, 1.0),
    (500, -3.2, 0.0, 1.0, 1.0),
    (630, -1.9, 0.0, 1.0, 1.0),
    (800, -0.8, 0.0, 1.0, 1.0),
    (1_000, 0.0, 0.0, 0.7, 0.7),
    (1_250, 0.6, 0.0, 1.0, 1.0),
    (1_600, 1.0, -0.1, 1.0, 1.0),
    (2_000, 1.2, -0.2, 1.0, 1.0),
    (2_500, 1.3, -0.3, 1.0, 1.0),
    (3_150, 1.2, -0.5, 1.0, 1.0),
    (4_000, 1.0, -0.8, 1.0, 1.0),
    (5_000, 0.5, -1.3, 1.5, 1.5),
    (6_300, -0.1, -2.0, 1.5, 2.0),
    (8_000, -1.1, -3.0, 1.5, 2.5),
    (10_000, -2.5, -4.4, 2.0, 3.0),
    (12_500, -4.3, -6.2, 2.0, 5.0),
    (16_000, -6.6, -8.5, 2.5, 16.0),
]


def tone(hertz: float, seconds: float, rate: int, amplitude: float = 0.1) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def measured(wave: np.ndarray, rate: int, *, period_s: float = 4.0, eventful: bool = True) -> Levels:
    meter = LevelMeter(rate, Calibration(pascal=1.0), period_s=period_s)
    start_us = START_US - START_US % round(period_s * 1e6)
    closed = [
        levels
        for at in range(0, wave.size, rate // 4)
        for levels in meter.feed(wave[at : at + rate // 4], start_us + at * 1_000_000 // rate, eventful=eventful)
    ]
    return [*closed, *meter.finish()][0]


def exact_hz(nominal: float) -> float:
    """Base-ten exact frequency of a nominal third-octave (IEC 61260-1)."""
    return float(10 ** (round(10 * math.log10(nominal / 1_000)) / 10) * 1_000)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("eventful", [True, False])
def test_A_weighted_level_of_tones_is_class_1(rate: int, eventful: bool) -> None:
    reference = measured(tone(1_000, 5, rate), rate, eventful=eventful).laeq
    for nominal, weight, _, above, below in TABLE:
        hertz = exact_hz(nominal)
        if hertz > 0.45 * rate:
            continue
        off = measured(tone(hertz, 5, rate), rate, eventful=eventful).laeq - reference - weight
        assert -below <= off <= above, f"{nominal} Hz at {rate} Hz is off by {off:.2f} dB"


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_the_cheap_way_reads_tones_as_the_module_says(rate: int) -> None:
    reference = measured(tone(1_000, 5, rate), rate, eventful=False).laeq
    for nominal, weight, *_ in TABLE:
        hertz = exact_hz(nominal)
        if hertz > 0.45 * rate:
            continue
        off = measured(tone(hertz, 5, rate), rate, eventful=False).laeq - reference - weight
        # The table itself is rounded to a tenth.
        assert abs(off) <= (0.5 if nominal < 31 else 0.2), f"{nominal} Hz at {rate} Hz is off by {off:.2f} dB"


@pytest.mark.parametrize("eventful", [True, False])
def test_rumble_does_not_spill_into_the_A_weighted_level(eventful: bool) -> None:
    rate = 16_000
    quiet = tone(1_000, 5, rate, amplitude=1e-3)
    rumble = tone(21.3, 5, rate, amplitude=0.1)
    alone = measured(quiet, rate, eventful=eventful).laeq
    # 40 dB more at 21.3 Hz is 9 dB less once A-weighted (-49.2 dB): together 0.5 dB more.
    assert measured(quiet + rumble, rate, eventful=eventful).laeq - alone == pytest.approx(0.5, abs=0.3)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_A_and_C_weighted_waves_are_within_a_tenth_of_a_decibel_of_the_table(rate: int) -> None:
    step = rate // 2
    weigher = Weigher(rate, step)
    for nominal, a, c, _, _ in TABLE:
        hertz = exact_hz(nominal)
        if hertz > 0.45 * rate:
            continue
        spectrum = weigher.spectrum(tone(hertz, 1, rate)[: weigher.size])
        for weighting, weight in (("A", a), ("C", c)):
            wave = weigher.weigh(spectrum, weighting)  # type: ignore[arg-type]
            # An even number of half cycles would be needed for an exact mean: fit the tone instead.
            time = (np.arange(wave.size) + weigher.history) / rate
            basis = np.stack([np.sin(2 * np.pi * hertz * time), np.cos(2 * np.pi * hertz * time)], axis=1)
            amplitude = float(np.hypot(*np.linalg.lstsq(basis, wave.astype(np.float64), rcond=None)[0]))
            assert 20 * math.log10(amplitude / 0.1) == pytest.approx(weight, abs=0.12), (nominal, weighting)


def test_the_responses_are_those_of_the_standards_formula() -> None:
    hertz = np.array([exact_hz(row[0]) for row in TABLE])
    for column, weighting in ((1, "A"), (2, "C")):
        found = 20 * np.log10(np.abs(response(weighting, hertz)))  # type: ignore[arg-type]
        assert found == pytest.approx([row[column] for row in TABLE], abs=0.06)
    assert np.all(response("Z", hertz) == 1.0)


# IEC 61672-1:2013 table 4: 4 kHz tone bursts, LAFmax - LA, class 1 limits.
@pytest.mark.parametrize(
    ("seconds", "below", "tolerance"),
    [(1.0, 0.0, 0.5), (0.5, -0.1, 0.5), (0.2, -1.0, 0.5), (0.1, -2.6, 1.0), (0.05, -4.8, 1.0), (0.02, -8.3, 1.0),
     (0.01, -11.1, 1.0), (0.005, -14.1, 1.0), (0.002, -18.0, 1.0), (0.001, -21.0, 1.0)],
)  # fmt: skip
def test_fast_maximum_of_tone_bursts_is_class_1(seconds: float, below: float, tolerance: float) -> None:
    rate = 48_000
    steady = measured(tone(4_000, 5, rate), rate).laeq
    wave = np.zeros(5 * rate, np.float32)
    burst = tone(4_000, seconds, rate)
    wave[2 * rate + 777 : 2 * rate + 777 + burst.size] = burst
    wave += np.random.default_rng(0).normal(0, 1e-6, wave.size).astype(np.float32)
    assert measured(wave, rate).lafmax - steady == pytest.approx(below, abs=tolerance)


# IEC 61672-1:2013 table 5: LCpeak - LC of single cycles and half cycles, class 1 limits.
@pytest.mark.parametrize(
    ("hertz", "cycles", "above", "tolerance"),
    [(31.5, 1.0, 2.5, 2.0), (500.0, 1.0, 3.5, 1.0), (8_000.0, 1.0, 3.4, 2.0), (500.0, 0.5, 2.4, 1.0)],
)
def test_C_peak_of_single_cycles_is_class_1(hertz: float, cycles: float, above: float, tolerance: float) -> None:
    rate = 48_000
    level_c = {31.5: -3.0, 500.0: 0.0, 8_000.0: -3.0}[hertz] + 20 * math.log10(0.1 / math.sqrt(2) / 20e-6)
    wave = np.zeros(5 * rate, np.float32)
    piece = tone(hertz, cycles / hertz, rate)
    wave[2 * rate + 345 : 2 * rate + 345 + piece.size] = piece
    wave += np.random.default_rng(0).normal(0, 1e-6, wave.size).astype(np.float32)
    assert measured(wave, rate).lcpeak - level_c == pytest.approx(above, abs=tolerance)
    assert 20 * math.log10(c_peak(wave, rate) / 20e-6) - level_c == pytest.approx(above, abs=tolerance)


def test_both_ways_of_measuring_agree_on_steady_noise() -> None:
    rate = 16_000
    wave = np.random.default_rng(3).normal(0, 0.01, 9 * rate).astype(np.float32)
    careful, cheap = (measured(wave, rate, period_s=8.0, eventful=eventful) for eventful in (True, False))
    assert cheap.laeq == pytest.approx(careful.laeq, abs=0.02)
    for name in ("lafmax", "lasmax", "l10", "l50", "l90"):
        assert getattr(cheap, name) == pytest.approx(getattr(careful, name), abs=0.6), name
    assert cheap.lcpeak == pytest.approx(careful.lcpeak, abs=0.5)


def test_percentiles_of_a_sound_that_is_loud_a_fifth_of_the_time() -> None:
    rate = 16_000
    loud = np.zeros(20 * rate, bool)
    loud[8 * rate : 12 * rate] = True
    wave = tone(1_000, 20, rate) * np.where(loud, 1.0, 0.01).astype(np.float32)
    levels = measured(wave, rate, period_s=20.0)
    full = 20 * math.log10(0.1 / math.sqrt(2) / 20e-6)
    assert levels.l10 == pytest.approx(full, abs=0.3)
    assert levels.l50 == pytest.approx(full - 40, abs=0.5)
    assert levels.l90 == pytest.approx(full - 40, abs=0.3)
    assert levels.laeq == pytest.approx(full + 10 * math.log10(0.2), abs=0.3)


def test_digital_silence_between_transmitted_segments_is_not_a_level() -> None:
    rate = 12_000
    wave = tone(1_000, 10, rate)
    wave[3 * rate : 7 * rate] = 0.0
    levels = measured(wave, rate, period_s=10.0)
    assert levels.laeq == pytest.approx(measured(tone(1_000, 10, rate), rate, period_s=10.0).laeq, abs=0.3)
    assert levels.heard_s < 7.0


def test_a_period_that_was_mostly_not_heard_tells_nothing() -> None:
    meter = LevelMeter(16_000, period_s=60.0)
    meter.feed(tone(1_000, 20, 16_000), START_US - START_US % 60_000_000)
    assert meter.finish() == []


def test_periods_begin_on_whole_periods_of_UTC() -> None:
    rate = 16_000
    meter = LevelMeter(rate, period_s=5.0)
    wave = np.random.default_rng(0).normal(0, 0.01, rate // 4).astype(np.float32)
    start = START_US - START_US % 5_000_000 + 3_000_000
    closed = [levels for i in range(80) for levels in meter.feed(wave, start + i * 250_000)]
    assert [levels.start_us % 5_000_000 for levels in closed] == [0] * len(closed)
    assert len(closed) == 3


@pytest.mark.parametrize("period_s", [0.0, 0.125, 0.99, 3_601.0, math.nan])
def test_no_period_is_finer_than_a_second(period_s: float) -> None:
    with pytest.raises(ValueError, match="level period"):
        LevelMeter(16_000, period_s=period_s)


@given(st.lists(st.integers(min_value=1, max_value=9_000), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_levels_do_not_depend_on_the_size_of_blocks(sizes: list[int]) -> None:
    rate = 8_000
    wave = np.random.default_rng(5).normal(0, 0.02, 5 * rate).astype(np.float32)
    meter = LevelMeter(rate, Calibration(pascal=1.0), period_s=4.0)
    start, at, closed = START_US - START_US % 4_000_000, 0, []
    while at < wave.size:
        size = sizes[at % len(sizes)]
        closed += meter.feed(wave[at : at + size], start + round(at * 1e6 / rate))
        at += size
    whole = measured(wave, rate)
    found = [*closed, *meter.finish()][0]
    assert (found.laeq, found.lafmax, found.lcpeak) == pytest.approx((whole.laeq, whole.lafmax, whole.lcpeak), abs=1e-3)


def test_a_calibrator_sets_the_level() -> None:
    rate = 48_000
    quiet = tone(1_000, 4, rate, amplitude=0.02)
    noisy = quiet + np.random.default_rng(0).normal(0, 1e-4, quiet.size).astype(np.float32)
    found = calibrate(noisy, rate)
    assert found.sigma_db < 1.0
    assert found.db(0.02 / math.sqrt(2)) == pytest.approx(94.0, abs=0.05)


@pytest.mark.parametrize(
    ("wave", "code"),
    [
        (tone(1_000, 1, 16_000), "too_short"),
        (tone(1_000, 4, 16_000, amplitude=1.0), "clipped"),
        (tone(250, 4, 16_000), "no_tone"),
        (np.random.default_rng(0).normal(0, 0.05, 64_000).astype(np.float32), "no_tone"),
        (np.zeros(64_000, np.float32), "no_tone"),
        (tone(1_000, 4, 16_000) * np.linspace(0.5, 1.0, 64_000, dtype=np.float32), "unsteady"),
    ],
)
def test_what_is_no_calibrator_is_refused(wave: np.ndarray, code: str) -> None:
    with pytest.raises(CalibrationError) as refusal:
        calibrate(wave, 16_000)
    assert refusal.value.code == code


def test_levels_stay_within_the_range_of_the_wire() -> None:
    assert Calibration(pascal=1e5).db(1e9) == 200.0
    assert Calibration().db(0.0) == -40.0
    assert Calibration().db(math.nan) == -40.0
