"""Real shots on city sensors (a folder laid out as `data/livefire`): where in each recording each shot arrives.

The time of emission is not in the survey. It is the median of (arrival - distance / speed of sound) over the pulses
that the vendor grouped for the shot: within 15 ms for nine in ten pulses. The arrival at a sensor follows from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.recordings import RecordingError

HEARD_WITHIN_S: Final = 0.6
"""A sensor that reported a pulse this soon after the computed arrival has heard the shot or its first echo."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One shot at one sensor: seconds into its recording, metres from the shooter, and whether the vendor heard it."""

    at_s: float
    distance_m: float
    heard: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """One sensor's recording of one test: `busy_s` are the times of all pulses (shots, echoes, anything)."""

    path: Path
    position: str
    arrivals: tuple[Arrival, ...]
    busy_s: tuple[float, ...]


def _seconds(utc: str) -> float:
    return datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp()


def _distance(first: dict[str, float], second: dict[str, float]) -> float:
    return float(np.hypot(first["x"] - second["x"], first["y"] - second["y"]))


def _emissions(pulses: dict[str, Any], groups: list[Any], shooter: dict[str, float], speed: float) -> list[float]:
    """When each shot was fired, s since the epoch."""
    fired = []
    for group in groups:
        known = [pulses[uuid] for uuid in group["pulse_uuids"] if uuid in pulses]
        if known:
            spread = [_seconds(p["arrival_time_utc"]) - _distance(p["location"], shooter) / speed for p in known]
            fired.append(float(np.median(spread)))
    return sorted(fired)


def read_test(folder: Path) -> list[Heard]:
    """Every sensor's recording of one test.

    Raises:
        RecordingError: `test_unreadable` where a file is missing or lacks a field.
    """
    try:
        meta, raw, groups = (
            json.loads((folder / name).read_text()) for name in ("meta.json", "pulses.json", "vendor_groups.json")
        )
        speed = 20.03 * float(np.sqrt(meta["weather"]["temperature"] + 273.15))
        shooter = meta["survey"]["survey_location"]
        fired = _emissions({pulse["pulse_uuid"]: pulse for pulse in raw}, groups, shooter, speed)
        heard = []
        for sensor in meta["sensors"]:
            start, distance = _seconds(sensor["start_utc"]), _distance(sensor["location"], shooter)
            busy = sorted(
                _seconds(pulse["arrival_time_utc"]) - start
                for pulse in raw
                if pulse["serial_number"] == sensor["serial_number"]
            )
            arrivals = [emission + distance / speed - start for emission in fired]
            heard.append(
                Heard(
                    path=folder / sensor["audio"],
                    position=str(meta["firing_position"]),
                    arrivals=tuple(
                        Arrival(at, distance, any(-0.05 <= pulse - at <= HEARD_WITHIN_S for pulse in busy))
                        for at in arrivals
                    ),
                    busy_s=tuple(busy),
                )
            )
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise RecordingError("test_unreadable", folder, f"{type(problem).__name__}: {problem}") from problem
    return heard


def each_test(folder: Path) -> list[Path]:
    """The tests in `folder`, in order."""
    return sorted(file.parent for file in folder.glob("*/*/meta.json"))
