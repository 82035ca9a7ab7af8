"""How sound gets from a source to a microphone: every way it takes, and what is left of it on arrival.

Ways are straight lines: the direct one, its reflection from the ground, and one from each façade that mirrors the
source towards the receiver (image sources, Allen & Berkley 1979). A façade in the way of the direct line costs what
bending over its roof or round its end costs (Maekawa 1968: 10 lg(3 + 20 N), at most 24 dB) and the detour's time.
Level falls with 1/r, air takes its part (ISO 9613-1), and a tail of scattered arrivals decays behind it, as it does
between houses (Wiener 1965). All delays are applied as phases, so an arrival is exact to far below a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import oaconvolve

from sensors.simulator.air import Air, absorption_db_per_m
from sensors.simulator.noise import frequencies
from sensors.simulator.waveforms import Waveform

Vector = tuple[float, float, float]
"""East, north, up in metres from the scenario's origin."""

_GROUND_REFLECTION: Final = 0.85
_FACADE_REFLECTION: Final = 0.8
"""Plaster and glass give back 0.6 to 0.8 of the energy's root below 4 kHz (ISO 354 tables); one value serves."""
_MAX_BARRIER_DB: Final = 24.0
_MARGIN: Final = 32
_TAIL_HZ: Final = 1_800.0
"""Half of the amplitude of the tail is left here: rough walls and leaves scatter high tones away."""


class Wall(Struct, frozen=True):
    """A façade: the ends of its foot (east, north in metres) and its height in metres."""

    start: tuple[float, float]
    end: tuple[float, float]
    height_m: float


class City(Struct, frozen=True):
    """What stands around: air, façades, and how long and how loud a street answers.

    `tail_db` is the energy of the scattered tail against the free direct sound at 100 m in dB, which grows by 10 dB for
    ten times the distance (scattered sound spreads less than direct sound); `decay_s` its time to fall by 60 dB. In the
    live-fire recordings that the project is tested on the tail holds -4 to 10 dB of the direct sound's energy and
    is 30 dB weaker in the octave of 2 to 4 kHz. `ground` False leaves out the reflection from the ground.
    """

    air: Air
    walls: tuple[Wall, ...] = ()
    tail_db: float | None = -4.0
    decay_s: float = 2.2
    ground: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """One way of the sound: its length in metres and the factor by which it is weakened beyond 1/r and air."""

    length_m: float
    gain: float
    barrier_m: float = 0.0
    """Detour over a roof or round a corner in metres; 0 with nothing in the way."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What arrives: float32 samples in Pa, the first of them `start` samples after the scenario's beginning."""

    start: int
    samples: NDArray[np.float32]


def _crossing(a: tuple[float, float], b: tuple[float, float], wall: Wall) -> tuple[float, float] | None:
    """Where the segment a-b meets the wall's foot, as fractions of both; None where it does not."""
    rx, ry = b[0] - a[0], b[1] - a[1]
    sx, sy = wall.end[0] - wall.start[0], wall.end[1] - wall.start[1]
    cross = rx * sy - ry * sx
    if abs(cross) < 1e-9:
        return None
    dx, dy = wall.start[0] - a[0], wall.start[1] - a[1]
    along, on = (dx * sy - dy * sx) / cross, (dx * ry - dy * rx) / cross
    return (along, on) if 0.0 < along < 1.0 and 0.0 <= on <= 1.0 else None


def _detour(source: Vector, receiver: Vector, walls: tuple[Wall, ...]) -> float:
    """Extra metres over the roof or round the end of the worst façade between two points; 0 with a free line."""
    worst = 0.0
    for wall in walls:
        met = _crossing(source[:2], receiver[:2], wall)
        if met is None:
            continue
        flat = float(np.hypot(receiver[0] - source[0], receiver[1] - source[1]))
        line_m = source[2] + met[0] * (receiver[2] - source[2])
        if line_m >= wall.height_m:
            continue
        up = float(np.hypot(met[0] * flat, wall.height_m - source[2]))
        down = float(np.hypot((1.0 - met[0]) * flat, wall.height_m - receiver[2]))
        over = up + down - float(np.hypot(flat, receiver[2] - source[2]))
        round_it = min(_round_corner(source, receiver, corner) for corner in (wall.start, wall.end)) - flat
        worst = max(worst, min(over, round_it))
    return worst


def _round_corner(source: Vector, receiver: Vector, corner: tuple[float, float]) -> float:
    before = np.hypot(corner[0] - source[0], corner[1] - source[1])
    return float(before + np.hypot(receiver[0] - corner[0], receiver[1] - corner[1]))


def ways(source: Vector, receiver: Vector, city: City) -> list[Way]:
    """Every way from source to receiver, the direct one first."""
    flat = float(np.hypot(receiver[0] - source[0], receiver[1] - source[1]))
    barrier = _detour(source, receiver, city.walls)
    found = [Way(max(0.1, float(np.hypot(flat, receiver[2] - source[2]))), 1.0, barrier)]
    if city.ground:
        found.append(Way(max(0.1, float(np.hypot(flat, receiver[2] + source[2]))), _GROUND_REFLECTION, barrier))
    for wall in city.walls:
        sx, sy = wall.end[0] - wall.start[0], wall.end[1] - wall.start[1]
        length = float(np.hypot(sx, sy))
        side = ((source[0] - wall.start[0]) * sy - (source[1] - wall.start[1]) * sx) / length
        image = (source[0] - 2.0 * side * sy / length, source[1] + 2.0 * side * sx / length)
        met = _crossing(image, receiver[:2], wall)
        if met is None or image[:2] == source[:2]:
            continue
        up = source[2] + met[0] * (receiver[2] - source[2])
        if up > wall.height_m:
            continue
        others = tuple(other for other in city.walls if other is not wall)
        foot = (image[0] + met[0] * (receiver[0] - image[0]), image[1] + met[0] * (receiver[1] - image[1]), up)
        hidden = _detour(source, foot, others) + _detour(foot, receiver, others)
        far = float(np.hypot(np.hypot(receiver[0] - image[0], receiver[1] - image[1]), receiver[2] - source[2]))
        found.append(Way(far, _FACADE_REFLECTION, hidden))
    return found


def _transfer(hz: NDArray[np.float64], way: Way, city: City) -> NDArray[np.float64]:
    """Amplitude left at each frequency after `way`."""
    loss_db = absorption_db_per_m(hz, city.air) * way.length_m
    if way.barrier_m > 0.0:
        fresnel = 2.0 * way.barrier_m * hz / city.air.speed_m_s
        loss_db = loss_db + np.minimum(10.0 * np.log10(3.0 + 20.0 * fresnel), _MAX_BARRIER_DB)
    return np.asarray(way.gain / way.length_m * 10.0 ** (-loss_db / 20.0), dtype=np.float64)


def barrier_db(way: Way, city: City, hz: float = 500.0) -> float:
    """What the house in a way takes at one frequency, in dB (Maekawa 1968); 0 with a free line."""
    if way.barrier_m <= 0.0:
        return 0.0
    return float(min(10.0 * np.log10(3.0 + 40.0 * way.barrier_m * hz / city.air.speed_m_s), _MAX_BARRIER_DB))


def _tail(
    rng: np.random.Generator, direct: NDArray[np.float64], rate_hz: int, city: City, size: int, tail_db: float
) -> NDArray[np.complex128]:
    """Spectrum factor of the scattered tail: noise that begins 15 ms after the sound and decays, dull as its air."""
    time = np.arange(size) / rate_hz
    decay = np.exp(-6.91 * np.maximum(time - 0.015, 0.0) / city.decay_s) * (time >= 0.015)
    noise = rng.standard_normal(size) * decay
    # Strong single scatterers (balconies, cars) stand out of the first tenth of a second.
    spikes = rng.integers(round(0.015 * rate_hz), max(round(0.16 * rate_hz), round(0.015 * rate_hz) + 1), 12) % size
    noise[spikes] += rng.choice([-1.0, 1.0], 12) * rng.uniform(3.0, 9.0, 12) * decay[spikes]
    noise *= 10.0 ** (tail_db / 20.0) / max(1e-12, float(np.sqrt(np.sum(noise**2))))
    hz = frequencies(size, rate_hz)
    dull = 1.0 / (1.0 + (hz / _TAIL_HZ) ** 2)
    return np.asarray(np.fft.rfft(noise) * direct * dull, dtype=np.complex128)


def carry(
    wave: Waveform, source: Vector, receiver: Vector, city: City, emitted_s: float, rng: np.random.Generator
) -> Heard:
    """What `receiver` hears of `wave`, emitted at `emitted_s` seconds by a source that stands still.

    The emission begins `wave.lead_s` into the samples: that instant arrives distance / speed of sound later.
    """
    rate = wave.rate_hz
    found = ways(source, receiver, city)
    arrivals = [emitted_s - wave.lead_s + (way.length_m + way.barrier_m) / city.air.speed_m_s for way in found]
    start = int(np.floor(min(arrivals) * rate)) - _MARGIN
    tail_n = round(city.decay_s * 0.8 * rate) if city.tail_db is not None else 0
    spread = round((max(arrivals) - min(arrivals)) * rate)
    # The city's answer to one impulse is short; a long sound is folded with it piece by piece.
    size = next_fast_len(spread + tail_n + 8 * _MARGIN, real=True)
    hz = frequencies(size, rate)
    response = np.zeros(hz.size, dtype=np.complex128)
    for way, arrival in zip(found, arrivals, strict=True):
        response += _transfer(hz, way, city) * np.exp(-2j * np.pi * hz * (arrival - start / rate))
    if city.tail_db is not None:
        # The tail comes over the roofs: it does not know of the wall that hides the direct line.
        open_way = Way(found[0].length_m, 1.0)
        tail_db = city.tail_db + 10.0 * np.log10(found[0].length_m / 100.0)
        scattered = _tail(rng, _transfer(hz, open_way, city), rate, city, size, tail_db)
        response += scattered * np.exp(-2j * np.pi * hz * (arrivals[0] - start / rate))
    answer = np.fft.irfft(response, size).astype(np.float32)
    return Heard(start, np.asarray(oaconvolve(wave.samples, answer), dtype=np.float32))


def carry_moving(
    wave: Waveform, path: NDArray[np.float64], speed_m_s: float, receiver: Vector, city: City, emitted_s: float
) -> Heard:
    """What `receiver` hears of a source that drives along `path` (float64[k, 3], metres) at `speed_m_s`.

    Distance, delay and so the Doppler shift follow the drive; the air's absorption is that of the nearest distance. The
    source stays at the end of its path once it is there.
    """
    rate = wave.rate_hz
    lengths = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))))
    travelled = np.minimum(np.arange(wave.samples.size) / rate * speed_m_s, lengths[-1])
    places = np.stack([np.interp(travelled, lengths, path[:, axis]) for axis in range(3)], axis=1)
    distance = np.maximum(1.0, np.linalg.norm(places - np.asarray(receiver), axis=1))
    size = next_fast_len(wave.samples.size, real=True)
    hz = frequencies(size, rate)
    nearest = float(np.min(distance))
    dulled = np.fft.irfft(np.fft.rfft(wave.samples, size) * _transfer(hz, Way(nearest, nearest), city), size)
    arrival = emitted_s + np.arange(wave.samples.size) / rate + distance / city.air.speed_m_s
    start = int(np.ceil(arrival[0] * rate))
    grid = np.arange(start, int(np.floor(arrival[-1] * rate)) + 1) / rate
    received = np.interp(grid, arrival, dulled[: wave.samples.size] / distance)
    return Heard(start, received.astype(np.float32))
