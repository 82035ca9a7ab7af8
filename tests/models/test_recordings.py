"""Folders of recordings are read forgivingly: what is unusable is named, the rest goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from models.recordings import RecordingError, decode, read_manifest, windows


def _code(folder: Path) -> str:
    with pytest.raises(RecordingError) as refused:
        read_manifest(folder)
    return refused.value.code


def test_a_folder_without_a_manifest_says_so(tmp_path: Path) -> None:
    assert _code(tmp_path) == "manifest_missing"


def test_a_manifest_needs_path_and_class(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,kind\na.wav,gunshot\n")
    assert _code(tmp_path) == "manifest_columns"
    (tmp_path / "manifest.csv").write_text("")
    assert _code(tmp_path) == "manifest_columns"


def test_a_manifest_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"path,class\n\xff\xfe\x00,\x81\n")
    assert _code(tmp_path) == "manifest_unreadable"


def test_source_group_and_licence_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("class,path\ngunshot,a.wav\n,b.wav\nrain,\n")
    (row,) = read_manifest(tmp_path)
    assert (row.label, row.source, row.group, row.open_licence) == ("gunshot", "unknown", "a.wav", False)


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_stereo_become_mono_at_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    time = np.arange(rate) / rate
    tone = 0.5 * np.sin(2.0 * np.pi * 440.0 * time)
    soundfile.write(tmp_path / "a.wav", np.stack([tone] * channels, axis=1), rate, subtype="FLOAT")
    samples = decode(tmp_path / "a.wav")
    assert samples.shape == (16_000,)
    assert samples.dtype == np.float32
    assert np.sqrt(np.mean(samples[2_000:14_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2.0), rel=0.01)


def test_values_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    samples = np.full(1_600, np.nan, np.float32)
    samples[::2] = np.inf
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    assert not decode(tmp_path / "a.wav").any()


@pytest.mark.parametrize(
    ("content", "code"), [(None, "sound_missing"), (b"", "sound_unreadable"), (b"RIFF", "sound_unreadable")]
)
def test_what_cannot_be_decoded_is_named(tmp_path: Path, content: bytes | None, code: str) -> None:
    file = tmp_path / "a.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RecordingError) as refused:
        decode(file)
    assert refused.value.code == code
    assert str(file) in str(refused.value)


def test_a_file_without_samples_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    with pytest.raises(RecordingError) as refused:
        decode(tmp_path / "a.wav")
    assert refused.value.code == "sound_empty"


@given(samples=st.integers(1, 400), length=st.integers(1, 60), hop=st.integers(1, 30))
def test_windows_have_one_length_and_reach_the_end(samples: int, length: int, hop: int) -> None:
    sound = np.arange(1, samples + 1, dtype=np.float32)
    parts = list(windows(sound, length, hop))
    assert {len(part) for part in parts} == {length}
    assert any(sound[-1] in part for part in parts[-1:])
    assert parts[0][0] == 1
    if hop <= length:
        assert set(sound) <= set(np.concatenate(parts))
