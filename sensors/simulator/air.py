"""What air does to sound on its way: how fast it goes, and how much of each frequency is left.

Absorption follows ISO 9613-1:1993, equations (3) to (5) and annex B: viscous and thermal losses plus the relaxation of
oxygen and of nitrogen, whose frequencies depend on humidity. At 15 °C and 50 % a city's 300 m take 1.3 dB at 1 kHz and
11 dB at 4 kHz: a distant shot is dull, and that is why.
"""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

_ZERO_C: Final = 273.15
_REFERENCE_K: Final = 293.15
_TRIPLE_POINT_K: Final = 273.16
_REFERENCE_KPA: Final = 101.325


class Air(Struct, frozen=True, forbid_unknown_fields=True):
    """The weather that sound meets: degrees Celsius, relative humidity in percent, pressure in kilopascals."""

    temperature_c: Annotated[float, Meta(ge=-30.0, le=50.0)] = 15.0
    humidity_percent: Annotated[float, Meta(ge=1.0, le=100.0)] = 60.0
    pressure_kpa: Annotated[float, Meta(ge=60.0, le=110.0)] = 101.325

    @property
    def speed_m_s(self) -> float:
        """Speed of sound in m/s: 343.2 m/s at 20 °C, with the square root of the temperature (ISO 9613-1, annex A)."""
        return float(343.2 * np.sqrt((self.temperature_c + _ZERO_C) / _REFERENCE_K))


def absorption_db_per_m(frequency_hz: NDArray[np.float64], air: Air) -> NDArray[np.float64]:
    """Pure-tone attenuation by the atmosphere in dB/m at each frequency in Hz (ISO 9613-1, equation (5))."""
    kelvin = air.temperature_c + _ZERO_C
    pressure = air.pressure_kpa / _REFERENCE_KPA
    warmth = kelvin / _REFERENCE_K
    saturation = 10.0 ** (-6.8346 * (_TRIPLE_POINT_K / kelvin) ** 1.261 + 4.6151)
    molar_percent = air.humidity_percent * saturation / pressure
    oxygen_hz = pressure * (24.0 + 4.04e4 * molar_percent * (0.02 + molar_percent) / (0.391 + molar_percent))
    nitrogen_hz = (
        pressure * warmth**-0.5 * (9.0 + 280.0 * molar_percent * np.exp(-4.170 * (warmth ** (-1.0 / 3.0) - 1.0)))
    )
    square = np.asarray(frequency_hz, dtype=np.float64) ** 2
    classical = 1.84e-11 / pressure * np.sqrt(warmth)
    oxygen = 0.01275 * np.exp(-2239.1 / kelvin) / (oxygen_hz + square / oxygen_hz)
    nitrogen = 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen_hz + square / nitrogen_hz)
    return np.asarray(8.686 * square * (classical + warmth**-2.5 * (oxygen + nitrogen)), dtype=np.float64)
