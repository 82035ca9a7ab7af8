"""YAMNet as a baseline and a teacher: what it says of a recording, where its file is at hand. It is never shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from models.frontend import SAMPLE_RATE_HZ, Floats
from models.litert import interpreter
from models.recordings import windows

WINDOW_SAMPLES: Final = 15_600
HOP_SAMPLES: Final = 4_000
"""A quarter of a second: twice as dense as its customary 0.48 s, so that a shot never falls between two windows."""
CLASSES: Final[dict[str, tuple[int, ...]]] = {
    "gunshot": (421,),
    "clamor": (61, 64),
    "siren": (390, 317, 318, 319, 391),
    "horn": (302, 303, 312),
    "glass_break": (437, 436, 435),
    "scream": (11,),
    "explosion": (420,),
    "firework": (426,),
}
"""Indices in `yamnet_class_map.csv` that say one of our classes; the highest of them counts."""


class Yamnet:
    """The tagging model in LiteRT, one thread."""

    def __init__(self, file: Path) -> None:
        """Raises ValueError where `file` is no such model."""
        self._interpreter: Any = interpreter(file)
        self._given = self._interpreter.get_input_details()[0]
        self._gives = int(self._interpreter.get_output_details()[0]["index"])
        if int(np.prod(self._given["shape"])) != WINDOW_SAMPLES:
            raise ValueError(f"{file}: takes {self._given['shape']}, not {WINDOW_SAMPLES} samples")

    def window(self, samples: Floats) -> Floats:
        """Scores [521] of one window [15600] at 16 kHz."""
        self._interpreter.set_tensor(self._given["index"], samples.reshape(self._given["shape"]).astype(np.float32))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._gives), np.float32).reshape(-1)

    def scores(self, samples: Floats, hop: int = HOP_SAMPLES) -> Floats:
        """Scores [windows, 521] over a recording at 16 kHz."""
        return np.stack([self.window(part) for part in windows(samples, WINDOW_SAMPLES, hop)])


def seconds_per_row() -> float:
    """Time between two rows of `Yamnet.scores`."""
    return HOP_SAMPLES / SAMPLE_RATE_HZ
