"""The weather of the moment, for the speed of sound: a file that whatever knows the weather keeps writing.

A city has a station, a forecast service or a thermometer; a line of cron that writes four numbers connects any of them
without the hub asking anybody. Without a file, or while it is old, the configuration's own values count.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct

from hub.fusion.air import Air

OLD_US: Final = 3 * 3_600 * 1_000_000
"""Weather older than this is not of the moment: 10 degrees in three hours is what a front brings."""
LARGEST_BYTES: Final = 4_096

log = structlog.get_logger()


class Observation(Struct, frozen=True, forbid_unknown_fields=True):
    """One observation: degrees C, wind in m/s and where it comes from (degrees clockwise from north), and when, µs."""

    temperature_c: Annotated[float, Meta(ge=-60.0, le=60.0)]
    at_us: int
    wind_mps: Annotated[float, Meta(ge=0.0, le=80.0)] = 0.0
    wind_from_deg: Annotated[float, Meta(ge=0.0, le=360.0)] = 0.0


def air_of(temperature_c: float, wind_mps: float, wind_from_deg: float) -> Air:
    """The air as fusion has it: stations tell where wind comes from, sound cares where it goes."""
    towards = math.radians(wind_from_deg + 180.0)
    return Air(temperature_c, wind_mps * math.sin(towards), wind_mps * math.cos(towards))


class Weather:
    """The air of the moment from a file of one JSON `Observation`, else `fallback`. A fault is logged once."""

    def __init__(self, path: Path | None, fallback: Air) -> None:
        self._path = path
        self._fallback = fallback
        self._fault = ""

    def air(self, now_us: int) -> Air:
        """Read the file (blocking, a few kilobytes at most); never raises for what is in it."""
        if self._path is None:
            return self._fallback
        try:
            with self._path.open("rb") as file:
                seen = msgspec.json.decode(file.read(LARGEST_BYTES), type=Observation)
        except (OSError, msgspec.MsgspecError) as problem:
            return self._without(str(problem))
        if abs(now_us - seen.at_us) > OLD_US:
            return self._without("it is older than three hours, or of the future")
        self._fault = ""
        return air_of(seen.temperature_c, seen.wind_mps, seen.wind_from_deg)

    def _without(self, fault: str) -> Air:
        if fault != self._fault:
            self._fault = fault
            log.warning("weather_unusable", path=str(self._path), fault=fault)
        return self._fallback
