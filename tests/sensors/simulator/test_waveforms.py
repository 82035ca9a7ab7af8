"""Sources are as loud as they say, the same for the same seed, and bangs have the shape of a blast."""

import numpy as np
import pytest

from sensors.simulator.noise import a_weighting_db, frequencies, pascals, street_loop
from sensors.simulator.waveforms import BANG_LEAD_S, MAKERS, SOUND_KINDS, USUAL_LEVEL_DB, blast, gunshot

RATE = 16_000


def laeq_db(samples: np.ndarray) -> float:
    spectrum = np.fft.rfft(samples.astype(np.float64))
    weight = 10.0 ** (a_weighting_db(frequencies(samples.size, RATE)) / 20.0)
    return float(10.0 * np.log10(2.0 * np.sum(np.abs(spectrum * weight) ** 2) / samples.size**2 / 4e-10))


def test_every_kind_of_sound_has_a_maker_and_a_usual_level() -> None:
    assert set(MAKERS) == set(USUAL_LEVEL_DB) == SOUND_KINDS


@pytest.mark.parametrize("kind", sorted(SOUND_KINDS))
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(kind: str) -> None:
    first, again, other = (MAKERS[kind](np.random.default_rng(seed), RATE, 100.0, 2.0) for seed in (4, 4, 5))
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)


@pytest.mark.parametrize("kind", ["clamor", "siren", "traffic", "thunder"])
def test_what_lasts_has_its_a_weighted_level(kind: str) -> None:
    wave = MAKERS[kind](np.random.default_rng(1), RATE, 90.0, 4.0)
    assert laeq_db(wave.samples) == pytest.approx(90.0, abs=0.1)


def test_a_gunshots_peak_is_its_level_wherever_its_front_falls_between_samples() -> None:
    wave = gunshot(np.random.default_rng(3), RATE, 158.0)
    fine = np.fft.irfft(np.fft.rfft(wave.samples), wave.samples.size * 16) * 16
    assert 20.0 * np.log10(np.max(np.abs(fine)) / 20e-6) == pytest.approx(158.0, abs=0.1)


def test_a_blast_rises_at_once_and_swings_below_zero_after_its_positive_phase() -> None:
    samples = blast(RATE, 0.06, 150.0, 0.6e-3)
    front = round(BANG_LEAD_S * RATE)
    assert np.max(np.abs(samples[: front - 4])) < 0.01 * pascals(150.0)
    assert abs(int(np.argmax(samples)) - front) <= 3
    after = samples[front + round(1.0e-3 * RATE) : front + round(4e-3 * RATE)]
    assert np.all(after < 0.0)
    # Friedlander's wave has no net impulse: what it pushes it pulls.
    assert abs(float(np.sum(samples))) < 0.02 * float(np.sum(np.abs(samples)))


def test_street_noise_has_its_level_and_no_seam() -> None:
    loop = street_loop(np.random.default_rng(2), 4.0, RATE, 52.0)
    assert laeq_db(loop) == pytest.approx(52.0, abs=0.5)
    steps = np.abs(np.diff(np.concatenate([loop[-200:], loop[:200]])))
    assert steps[199] <= np.max(np.abs(np.diff(loop)))
