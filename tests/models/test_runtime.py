"""The shipped model as the microphone agent uses it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from models.labels import CORPUS_LABELS, truth
from models.registry import ModelRefused
from models.runtime import AcousticModel


@pytest.fixture(scope="module")
def model() -> AcousticModel:
    return AcousticModel.load()


def _noise(model: AcousticModel, seed: int, level: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(0.0, level, model.window_samples).astype(np.float32)


def test_its_name_is_fit_for_the_wire(model: AcousticModel) -> None:
    assert re.fullmatch(r"tocsin-acoustic@[0-9a-f]{8,64}", model.name)


def test_it_reports_classes_of_the_vocabulary_and_never_speech(model: AcousticModel) -> None:
    assert "gunshot" in model.labels
    assert set(model.labels) <= set(CORPUS_LABELS)
    for label in model.labels:
        assert truth(label, "speech") is False


def test_scores_are_probabilities_and_the_same_for_the_same_sound(model: AcousticModel) -> None:
    window = _noise(model, 1, 0.1)
    first = model.scores(window)
    assert set(first) == set(model.labels)
    assert all(0.0 <= score <= 1.0 for score in first.values())
    model.scores(_noise(model, 2, 0.3))
    assert model.scores(window) == first


@pytest.mark.parametrize(
    "level", [0.0, 1e-5, 0.01, 10.0], ids=["digital silence", "a quiet room", "noise", "clipped throughout"]
)
def test_nothing_happening_raises_no_alarm(model: AcousticModel, level: float) -> None:
    for seed in range(5):
        for label, score in model.scores(_noise(model, seed, level)).items():
            assert score < model.thresholds[label], label


def test_a_steady_hum_raises_no_alarm(model: AcousticModel) -> None:
    time = np.arange(model.window_samples) / model.sample_rate_hz
    window = (0.2 * np.sin(2.0 * np.pi * 100.0 * time)).astype(np.float32)
    assert model.scores(window)["gunshot"] < model.thresholds["gunshot"]


def test_gain_changes_little(model: AcousticModel) -> None:
    window = _noise(model, 3, 0.02)
    window[6_000:6_800] += (np.hanning(800) * np.random.default_rng(4).normal(0.0, 0.3, 800)).astype(np.float32)
    loud, soft = model.scores(window), model.scores(window * np.float32(0.1))
    for label in model.labels:
        assert loud[label] == pytest.approx(soft[label], abs=0.1)


def test_it_leaves_the_callers_window_alone(model: AcousticModel) -> None:
    window = _noise(model, 5, 2.0)
    before = window.copy()
    model.scores(window)
    np.testing.assert_array_equal(window, before)


@pytest.mark.parametrize("samples", [0, 1, 15_999, 16_001])
def test_another_length_is_refused(model: AcousticModel, samples: int) -> None:
    with pytest.raises(ValueError, match="16000 samples"):
        model.scores(np.zeros(samples, np.float32))


def test_not_a_number_is_refused(model: AcousticModel) -> None:
    window = _noise(model, 6, 0.1)
    window[100] = np.nan
    with pytest.raises(ValueError, match="not numbers"):
        model.scores(window)
    assert model.scores(_noise(model, 6, 0.1))


def test_infinities_count_as_full_scale(model: AcousticModel) -> None:
    window = _noise(model, 7, 0.1)
    window[100] = np.inf
    assert all(np.isfinite(score) for score in model.scores(window).values())


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelRefused) as refused:
        AcousticModel.load("somebody-elses")
    assert refused.value.code == "model_unknown"


def test_a_file_that_is_no_model_is_refused(model: AcousticModel) -> None:
    from models.registry import find

    with pytest.raises(ModelRefused) as refused:
        AcousticModel(find(), b"not a model at all")
    assert refused.value.code == "model_unusable"


def test_real_shots_in_a_city_are_heard(model: AcousticModel, shared_data: Path) -> None:
    from models.shipped import evaluate_livefire

    outcome = evaluate_livefire(shared_data / "livefire", model, None, most=4)
    assert outcome.figures["recall_gunshot_livefire_400m"].interval.value > 0.9
