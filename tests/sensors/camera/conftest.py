"""Small scenes that the tests draw themselves: a textured street, and boxes that move over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FPS = 10.0
START_US = 1_790_000_000_000_000


class Street:
    """A street drawn from noise of a fixed seed; `frame` puts boxes on it."""

    def __init__(self, width: int = 320, height: int = 180, seed: int = 7) -> None:
        self.random = np.random.default_rng(seed)
        coarse = self.random.integers(70, 150, (height // 6, width // 6, 3), np.uint8)
        self.ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    def frame(
        self, boxes: Sequence[tuple[float, float, float, float]] = (), *, light: float = 1.0, level: int = 225
    ) -> Image:
        """One picture with `boxes` (x, y, w, h normalised) in `level` grey, under `light`, with camera noise."""
        image = self.ground.astype(np.float32) * light
        height, width = image.shape[:2]
        for x, y, w, h in boxes:
            left, top = round(x * width), round(y * height)
            right, bottom = round((x + w) * width), round((y + h) * height)
            patch = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
            patch[:] = level
            patch[::4] *= 0.6
        image += self.random.normal(0, 2.0, image.shape)
        return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture
def street() -> Street:
    """The street of seed 7."""
    return Street()


@pytest.fixture
def write_video(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Write pictures into a real AVI file and give its path."""

    def write(images: list[Image], fps: float = FPS, name: str = "clip.avi") -> Path:
        path = tmp_path / name
        height, width = images[0].shape[:2]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (width, height))
        for image in images:
            writer.write(image)
        writer.release()
        return path

    return write
