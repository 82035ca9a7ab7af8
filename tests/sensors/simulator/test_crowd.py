"""The simulator's crowd is a crowd to those who listen: the shipped model, and YAMNet, which had no part in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from models.runtime import AcousticModel
from models.teacher import CLASSES, Yamnet
from sensors.microphone.offline import hear
from sensors.simulator.crowd import shouting

RATE = 16_000


def crowd(seed: int, rate: int = RATE) -> np.ndarray:
    wave = shouting(np.random.default_rng(seed), rate, 4.0)
    return np.asarray(wave / np.abs(wave).max() * 0.5, np.float32)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_shipped_model_hears_clamor_in_it(seed: int) -> None:
    model = AcousticModel.load()
    wave = crowd(seed)
    scores = [model.scores(wave[at : at + RATE]) for at in range(0, 3 * RATE + 1, RATE // 2)]
    assert np.mean([score["clamor"] for score in scores]) > 0.5
    assert max(score["siren"] for score in scores) < 0.5


def test_yamnet_hears_a_crowd_in_it(shared_data: Path) -> None:
    yamnet = Yamnet(shared_data / "models" / "yamnet.tflite")
    said = np.concatenate([yamnet.scores(crowd(seed)) for seed in (1, 2, 3)])
    assert said[:, list(CLASSES["clamor"])].max(axis=1).mean() > 0.1


def test_it_is_the_same_for_a_seed_and_finite_at_every_rate() -> None:
    np.testing.assert_array_equal(crowd(5), crowd(5))
    for rate in (8_000, 48_000):
        wave = crowd(5, rate)
        assert np.isfinite(wave).all()
        assert wave.size == 4 * rate


def test_it_has_the_colour_of_voices() -> None:
    wave = np.asarray(soxr.resample(crowd(7, 48_000), 48_000, RATE), np.float32)
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(wave.size, 1.0 / RATE)
    assert power[(hertz > 180.0) & (hertz < 4_500.0)].sum() > 0.9 * power.sum()


def test_a_microphone_in_the_street_tells_the_crowd_as_one_lasting_sound() -> None:
    rng = np.random.default_rng(2)
    street = rng.normal(0.0, 3e-4, 20 * RATE).astype(np.float32)
    street[5 * RATE : 17 * RATE] += 0.01 * shouting(np.random.default_rng(4), RATE, 12.0).astype(np.float32)
    lasting = hear(street, RATE, 1_700_000_000_000_000, model=AcousticModel.load()).lasting
    crowds = [told for told in lasting if told.event == "clamor"]
    assert crowds
    assert 1_700_000_005_000_000 <= crowds[0].onset_us < 1_700_000_012_000_000
    assert crowds[-1].over
    assert len({told.onset_us for told in crowds}) == 1
