"""The front end against librosa, and the graph against the front end."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import frontend


def _noise(seed: int, samples: int = frontend.WINDOW_SAMPLES) -> frontend.Floats:
    sound = np.random.default_rng(seed).normal(0.0, 0.1, samples).astype(np.float32)
    sound[samples // 3 : samples // 3 + 40] += 0.8
    return sound


def test_mel_power_is_what_librosa_computes() -> None:
    sound = _noise(1)
    expected = librosa.feature.melspectrogram(
        y=sound,
        sr=frontend.SAMPLE_RATE_HZ,
        n_fft=frontend.FRAME_SAMPLES,
        hop_length=frontend.HOP_SAMPLES,
        window=frontend.window(),
        center=False,
        n_mels=frontend.BANDS,
        fmin=frontend.LOWEST_HZ,
        fmax=frontend.HIGHEST_HZ,
        norm=None,
    ).T[: frontend.FRAMES]
    found = frontend.mel_power(sound)
    assert found.shape == (frontend.FRAMES, frontend.BANDS)
    assert np.abs(10.0 * np.log10(found / expected)).max() < 1e-3


def test_the_graph_computes_what_the_front_end_does() -> None:
    tf = pytest.importorskip("tensorflow")
    from models.network import mel_graph

    sound = _noise(2)
    found = mel_graph(tf.constant(sound[None]))[0].numpy()
    assert np.abs(10.0 * np.log10(found / frontend.mel_power(sound))).max() < 1e-3


def test_every_band_hears_its_own_centre() -> None:
    time = np.arange(frontend.WINDOW_SAMPLES) / frontend.SAMPLE_RATE_HZ
    for band, hertz in enumerate(frontend.band_edges_hz()[1:-1]):
        tone = np.sin(2.0 * np.pi * hertz * time).astype(np.float32)
        assert abs(int(frontend.mel_power(tone).mean(axis=0).argmax()) - band) <= 1


@settings(deadline=None, max_examples=30)
@given(samples=st.integers(0, 5_000))
def test_any_length_gives_as_many_frames_as_fit(samples: int) -> None:
    power = frontend.mel_power(np.ones(samples, np.float32))
    assert power.shape == (max(0, samples // frontend.HOP_SAMPLES - 1), frontend.BANDS)
    assert np.isfinite(power).all()
