"""Small scenes that the tests draw themselves: a textured street, and boxes that move over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.camera.analyser import Analyser
from sensors.camera.frames import StillFrame
from sensors.camera.moment import Finding
from sensors.camera.settings import CameraSettings

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]
START_US = 1_790_000_000_000_000


class Street:
    """A street drawn from noise of a fixed seed; `frame` puts boxes on it."""

    def __init__(self, width: int = 320, height: int = 180, seed: int = 7) -> None:
        self.random = np.random.default_rng(seed)
        coarse = self.random.integers(70, 150, (height // 6, width // 6, 3), np.uint8)
        self.ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    def frame(self, boxes: Sequence[Box] = (), *, light: float = 1.0, level: int = 225) -> Image:
        """One picture with `boxes` (x, y, w, h normalised) in `level` grey, under `light`, with camera noise."""
        image = self.ground.astype(np.float32) * light
        height, width = image.shape[:2]
        for x, y, w, h in boxes:
            left, top = max(0, round(x * width)), max(0, round(y * height))
            right, bottom = max(0, round((x + w) * width)), max(0, round((y + h) * height))
            image[top:bottom, left:right] = level
            image[top:bottom:4, left:right] = 0.6 * level
        image += self.random.normal(0, 2.0, image.shape)
        return np.clip(image, 0, 255).astype(np.uint8)


def play(settings: CameraSettings, images: Iterable[Image], fps: float = 10.0) -> list[tuple[float, Finding]]:
    """What the analysis says of `images`, with the second at which it said it."""
    analyser = Analyser(settings)
    said = []
    for index, image in enumerate(images):
        at = index / fps
        analysis = analyser.step(StillFrame(image, START_US + round(at * 1e6), index))
        said += [(at, finding) for finding in analysis.findings]
    return said


@pytest.fixture
def street() -> Street:
    """The street of seed 7."""
    return Street()


@pytest.fixture(name="play")
def _play() -> Callable[..., list[tuple[float, Finding]]]:
    """Play pictures through an analyser."""
    return play


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures into a real AVI file and give its path."""

    def write(images: Sequence[Image], fps: float = 10.0, name: str = "clip.avi") -> Path:
        path = tmp_path / name
        height, width = images[0].shape[:2]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (width, height))
        for image in images:
            writer.write(image)
        writer.release()
        return path

    return write
