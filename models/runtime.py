"""The acoustic model at the edge: a registered TFLite file in LiteRT, one thread, buffers that are used again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from models.frontend import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Floats
from models.litert import interpreter
from models.registry import Entry, ModelRefused, find


class AcousticModel:
    """Calibrated probabilities for one second of sound. Not safe for use from several threads at once."""

    def __init__(self, entry: Entry, content: bytes) -> None:
        """`content` is the checked file of `entry`; use `load`.

        Raises:
            ModelRefused: `model_unusable`: LiteRT cannot run it, or its input and output are not ours.
        """
        try:
            ready = interpreter(content)
            given, gives = ready.get_input_details()[0], ready.get_output_details()[0]
        except (ValueError, RuntimeError) as problem:
            raise ModelRefused("model_unusable", f"{entry.name}: {problem}") from problem
        if tuple(given["shape"]) != (1, WINDOW_SAMPLES) or tuple(gives["shape"]) != (1, len(entry.labels)):
            raise ModelRefused("model_unusable", f"{entry.name}: input {given['shape']}, output {gives['shape']}")
        self._entry = entry
        # The bound methods of the wrapped interpreter skip a dictionary look-up and a copy for each call.
        self._invoke = ready.invoke
        self._set = ready.set_tensor
        self._get = ready.get_tensor
        self._given, self._gives = int(given["index"]), int(gives["index"])
        self._window = np.zeros((1, WINDOW_SAMPLES), np.float32)

    @classmethod
    def load(cls, name_or_path: str | Path | None = None) -> AcousticModel:
        """The registered model of this name or path (None: the default).

        Raises:
            ModelRefused: not registered, no card, another hash, or not usable; see its `code`.
        """
        entry = find(name_or_path)
        return cls(entry, entry.read())

    @property
    def name(self) -> str:
        """`tocsin-acoustic@<sha256 prefix>`, as a detection carries it."""
        return self._entry.full_name

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of `probabilities`."""
        return self._entry.labels

    @property
    def thresholds(self) -> dict[str, float]:
        """Per class the probability above which the card's stated cost favours an alarm; a site may set others."""
        return dict(zip(self._entry.labels, self._entry.thresholds, strict=True))

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of the window."""
        return SAMPLE_RATE_HZ

    @property
    def window_samples(self) -> int:
        """Samples in the window."""
        return WINDOW_SAMPLES

    def probabilities(self, window: Floats) -> Floats:
        """Probabilities float32 [len(labels)] for `window` float32 [window_samples]; beyond [-1, 1] it is clipped.

        Raises:
            ValueError: the window has another length, or holds a value that is not finite.
        """
        if window.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"a window has {WINDOW_SAMPLES} samples at {SAMPLE_RATE_HZ} Hz, this one {window.shape}")
        np.clip(window, -1.0, 1.0, out=self._window[0])
        # One product finds NaN (infinities became ±1 by clipping) at no cost worth naming.
        if not math.isfinite(self._window[0].dot(self._window[0])):
            raise ValueError("the window holds values that are not numbers")
        self._set(self._given, self._window)
        self._invoke()
        return np.asarray(self._get(self._gives)[0], np.float32)

    def scores(self, window: Floats) -> dict[str, float]:
        """As `probabilities`, by label."""
        return dict(zip(self._entry.labels, self.probabilities(window).tolist(), strict=True))
