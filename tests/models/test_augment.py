"""Training situations: physical where physics is known, repeatable, and labelled as what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.augment import Mixer, air_absorption_db_per_m
from models.corpus import Recording, load, marks_of
from models.frontend import BANDS, FRAMES, mel_power
from models.labels import LABELS

BANDS_HZ = np.array([250.0, 500.0, 1e3, 2e3, 4e3, 8e3])


@pytest.mark.parametrize(
    ("celsius", "humidity", "db_per_km"),
    [(10.0, 70.0, [1.0, 1.9, 3.7, 9.7, 32.8, 117.0]), (20.0, 70.0, [1.1, 2.8, 5.0, 9.0, 22.9, 76.6])],
)
def test_air_takes_what_the_standard_says(celsius: float, humidity: float, db_per_km: list[float]) -> None:
    """Table 2 of ISO 9613-2, which is computed by ISO 9613-1."""
    found = 1_000.0 * air_absorption_db_per_m(BANDS_HZ, celsius, humidity)
    np.testing.assert_allclose(found, db_per_km, rtol=0.05, atol=0.06)


@pytest.fixture
def recordings(made_folder: Path, tmp_path: Path) -> list[Recording]:
    found, failed = load(made_folder, None, tmp_path / "cache", seed=1)
    assert not failed
    return found


def test_the_same_seed_draws_the_same_situations(recordings: list[Recording]) -> None:
    first, again, other = (Mixer(recordings, seed, {}).batch(16) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.power, again.power)
    assert not np.array_equal(first.power, other.power)


def test_situations_are_finite_and_labelled(recordings: list[Recording]) -> None:
    mixer = Mixer(recordings, 3, {"gunshot": 2.0})
    batch = mixer.batch(200)
    assert batch.power.shape == (200, FRAMES, BANDS)
    assert np.isfinite(batch.power).all()
    assert (batch.power > 0.0).all()
    shots = np.array([mixer.kinds[kind] == "gunshot" for kind in batch.kinds])
    np.testing.assert_array_equal(batch.truths[:, LABELS.index("gunshot")] == 1.0, shots)
    assert shots.any()
    assert not shots.all()


def test_the_corpus_is_read_once_and_kept(made_folder: Path, tmp_path: Path) -> None:
    first, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    for file in made_folder.rglob("*.flac"):
        file.unlink()
    again, failed = load(made_folder, None, tmp_path / "cache", seed=1)
    assert not failed
    np.testing.assert_array_equal(first[0].powers[0], again[0].powers[0])


def test_an_unreadable_recording_is_left_out_by_name(made_folder: Path, tmp_path: Path) -> None:
    (made_folder / "gunshot" / "0.flac").write_bytes(b"no sound")
    found, failed = load(made_folder, None, tmp_path / "cache", seed=1)
    assert len(found) == 9
    assert [(problem.code, problem.path.name) for problem in failed] == [("sound_unreadable", "0.flac")]
    _, kept = load(made_folder, None, tmp_path / "cache", seed=1)
    assert [(problem.code, str(problem)) for problem in kept] == [(problem.code, str(problem)) for problem in failed]


def test_marks_stand_where_the_bangs_are() -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0.0, 1e-3, 48_000).astype(np.float32)
    for at in (8_000, 30_000):
        sound[at : at + 400] += rng.normal(0.0, 0.5, 400).astype(np.float32)
    found = marks_of(mel_power(sound))
    for at in (40, 150):
        assert np.abs(found - at).min() <= 2
    assert all(min(abs(mark - 40), abs(mark - 150)) <= 4 for mark in found)
