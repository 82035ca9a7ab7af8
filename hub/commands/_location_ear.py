"""The microphone agent's ear on recorded sound: FLAC -> picks with their classes -> detections."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import soundfile

from models.runtime import AcousticModel
from sensors.microphone.offline import hear
from sensors.protocol import Detection


class Ear:
    """Picker and classifier as the microphone station runs them."""

    def __init__(self) -> None:
        self._model = AcousticModel.load()

    def hear(self, path: Path, meta: dict[str, Any]) -> list[Detection]:
        """Detections of all recordings of one test."""
        from hub.commands._location_data import PULSE_CLOCK_US, micros

        found = []
        for sensor in meta["sensors"]:
            samples, rate = soundfile.read(path / sensor["audio"], dtype="float32")
            heard = hear(samples, rate, micros(sensor["start_utc"]), model=self._model, clock_sigma_us=PULSE_CLOCK_US)
            for i, impulse in enumerate(heard.impulses):
                name = f"{path.name}/{sensor['serial_number']}/{i}"
                found.append(
                    Detection(
                        id=uuid.uuid5(uuid.NAMESPACE_OID, name),
                        sensor=sensor["serial_number"].lower(),
                        sent=impulse.onset_us + 600_000,
                        event="gunshot",
                        onset=impulse.onset_us,
                        duration_s=impulse.duration_s,
                        score=impulse.score,
                        clock_sigma_us=impulse.clock_sigma_us,
                        model=self._model.name,
                        peak_db=impulse.peak_db,
                        snr_db=impulse.snr_db,
                    )
                )
        return found
