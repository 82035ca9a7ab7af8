"""Made recordings for the tests of the model: bangs, hums and noise, as real files with a manifest."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

RATE = 16_000


def bang(rng: np.random.Generator, seconds: float = 1.5, at_s: float = 0.4) -> NDArray[np.float32]:
    """A burst of noise that dies away, over faint noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    after = np.maximum(0.0, time - at_s)
    sound = np.where(time >= at_s, np.exp(-after / rng.uniform(0.02, 0.08)), 0.0) * rng.normal(0.0, 0.3, len(time))
    return np.asarray(np.clip(sound + rng.normal(0.0, 1e-3, len(time)), -1.0, 1.0), np.float32)


def hum(rng: np.random.Generator, seconds: float = 1.5) -> NDArray[np.float32]:
    """A few steady tones with noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2.0 * np.pi * hertz * time) for hertz in rng.uniform(80.0, 2_000.0, 4))
    return np.asarray(0.05 * tones + rng.normal(0.0, 0.01, len(time)), np.float32)


@dataclass(frozen=True)
class Made:
    """A recording to be written: its class, group and samples."""

    label: str
    group: str
    samples: NDArray[np.float32]


def write_folder(folder: Path, recordings: Sequence[Made], rate: int = RATE) -> Path:
    """Write `recordings` and their manifest, laid out as the real ones are."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "class", "source", "group", "open_licence", "suspicious"])
        for number, made in enumerate(recordings):
            name = f"{made.label}/{number}.flac"
            (folder / made.label).mkdir(exist_ok=True)
            soundfile.write(folder / name, made.samples, rate)
            writer.writerow([name, made.label, "made", made.group, "yes" if number % 2 else "no", ""])
    return folder


@pytest.fixture
def made_folder(tmp_path: Path) -> Path:
    """Four bangs called gunshots, four hums called engines, two of noise called rain."""
    rng = np.random.default_rng(5)
    recordings = [Made("gunshot", f"shot-{i}", bang(rng)) for i in range(4)]
    recordings += [Made("engine", f"engine-{i}", hum(rng)) for i in range(4)]
    recordings += [Made("rain", f"rain-{i}", rng.normal(0.0, 0.05, 24_000).astype(np.float32)) for i in range(2)]
    return write_folder(tmp_path / "audio", recordings)
