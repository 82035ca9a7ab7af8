"""The calibration of one microphone, kept as two numbers in the agent's folder."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from sensors.microphone.levels import Calibration, CalibrationError, calibrate
from sensors.microphone.sources import Samples, Source

FILE: Final = "calibration.json"
LISTEN_S: Final = 5.0
SETTLE_S: Final = 1.0
PASCAL_RANGE: Final = (1e-3, 1e5)
"""From a microphone that clips at 34 dB to one that clips at 194 dB, the atmosphere itself; outside, a mistake."""


def load_calibration(folder: Path | None) -> Calibration:
    """The calibration in `folder`, or the uncalibrated default. CalibrationError for a bad file."""
    if folder is None or not (folder / FILE).exists():
        return Calibration()
    path = folder / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError) as error:
        raise CalibrationError("calibration_unusable", f"{path}: {error}. Calibrate again, or remove it.") from None
    if not PASCAL_RANGE[0] <= found.pascal <= PASCAL_RANGE[1] or not 0.0 < found.sigma_db <= 60.0:
        raise CalibrationError(
            "calibration_unusable", f"{path} holds no possible values. Calibrate again, or remove it."
        )
    return found


def save_calibration(folder: Path, calibration: Calibration) -> None:
    """Write `calibration` into `folder`, whole or not at all."""
    path = folder / FILE
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(calibration))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


async def listen_to_calibrator(source: Source) -> Calibration:
    """Hear the tone for 5 s and forget it. Raises CalibrationError, SourceError."""
    heard: list[Samples] = []
    seconds = 0.0
    rate = 0
    async with aclosing(source.blocks()) as blocks:  # type: ignore[type-var]
        async for block in blocks:
            rate = block.sample_rate_hz
            seconds += block.samples.size / rate
            if seconds > SETTLE_S:
                heard.append(block.samples)
            if seconds >= SETTLE_S + LISTEN_S:
                break
    if not heard:
        raise CalibrationError("too_short", "Record at least 3 s of the calibrator's tone.")
    return calibrate(np.concatenate(heard), rate)
