"""A folder laid out as `data/livefire`, as detections: from the vendor's raw pulses, or from raw sound."""

from __future__ import annotations

import functools
import json
import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from hub.fusion.air import Air
from hub.fusion.plane import Plane
from hub.incident import Site
from sensors.protocol import Detection

ORIGIN: Final = Plane.at(40.44, -79.99)
"""The recordings have a plane of their own; here it gets an origin on the ellipsoid, as the hub has places."""
PULSE_SCORE: Final = 0.65
"""The vendor's pulses carry no class; its sensors send what may be a shot. So each counts as likely one, and as too
unsure to make an incident of one or two sensors alone (`FusionSettings.solo_score`)."""
CHOSEN_ON: Final = ("FP2", "FP3")
"""Firing positions that parameters of fusion may be chosen on; figures are told of the others, apart."""
UNRELATED_PER_S: Final = 0.075
"""Today's rate of unrelated impulses of one sensor: the vendor's pulses that came before the direct path of the shot
could have (303 in 4,061 sensor-seconds of the five positions given)."""
PULSE_CLOCK_US: Final = 500
"""Pulses are told in whole milliseconds by clocks that GPS disciplines."""
VENDOR_MODEL: Final = "vendor-pulses@00000000"


@dataclass(frozen=True, slots=True)
class Burst:
    """One test: what was fired and where (metres in the plane of ORIGIN), and what the sensors told."""

    name: str
    position: str
    rounds: int
    east: float
    north: float
    sites: tuple[Site, ...]
    detections: tuple[Detection, ...]
    air: Air
    direct: frozenset[str]
    """Sensors that the vendor's own grouping counts: a direct path came to them. Fusion isn't told."""


class UnusableFolder(ValueError):
    """The folder isn't laid out as `data/livefire`."""


def tests_of(folder: Path) -> list[Path]:
    """The folders of the tests; raises UnusableFolder where there is none."""
    found = sorted(path.parent for path in folder.glob("*/test_*/meta.json"))
    if not found:
        raise UnusableFolder(
            f"{folder} holds no POSITION/test_NNN/meta.json; give the folder laid out as data/livefire"
        )
    return found


def bursts(folder: Path, source: str) -> Iterator[Burst]:
    """Every test of `folder`, from "pulses" or "sound"."""
    ear = None
    if source == "sound":
        from hub.commands._location_ear import Ear

        ear = Ear()
    for path in tests_of(folder):
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        rounds = int(meta["survey"]["num_rounds"])
        # Of a recording without a shot only what is wrongly told counts.
        survey = meta["survey"]["survey_location"] if rounds else {"x": math.nan, "y": math.nan}
        weather = meta["weather"]
        speed, towards = (
            float(weather.get("speed") or 0.0),
            math.radians(float(weather.get("direction") or 0.0) + 180.0),
        )
        # Weather stations tell where the wind comes from.
        air = Air(float(weather["temperature"]), speed * math.sin(towards), speed * math.cos(towards))
        if ear is None:
            places, detections = _pulses(path)
        else:
            known = registered(path.parent)
            places = {name: known[name] for name in (s["serial_number"].lower() for s in meta["sensors"])}
            detections = ear.hear(path, meta)
        if not places:
            continue
        middle = {axis: float(np.mean([p[axis] for p in places.values()])) for axis in "xyz"}
        sites = tuple(_site(name, place, middle) for name, place in sorted(places.items()))
        yield Burst(
            name=path.name,
            position=meta.get("firing_position", path.parent.name),
            rounds=rounds,
            east=survey["x"] - middle["x"],
            north=survey["y"] - middle["y"],
            sites=sites,
            detections=tuple(sorted(detections, key=lambda d: (d.onset, d.id.int))),
            air=air,
            direct=_grouped(path),
        )


@functools.cache
def registered(position: Path) -> dict[str, dict[str, float]]:
    """Where each sensor of a firing position is, as a registry would hold it: its averaged position.

    A recording's `meta.json` holds one GPS fix of that moment (3 to 5 m off, 5 to 10 m in height); `pulses.json` holds
    the average that the vendor's sensor had made (`location_error` of centimetres). The mean over the folder of the
    second, else of the first.
    """
    fixes: dict[str, list[dict[str, float]]] = {}
    averages: dict[str, list[dict[str, float]]] = {}
    for path in sorted(position.glob("test_*")):
        for sensor in json.loads((path / "meta.json").read_text(encoding="utf-8"))["sensors"]:
            fixes.setdefault(sensor["serial_number"].lower(), []).append(sensor["location"])
        for pulse in json.loads((path / "pulses.json").read_text(encoding="utf-8")):
            averages.setdefault(pulse["serial_number"].lower(), []).append(pulse["location"])
    return {
        name: {axis: float(np.mean([place[axis] for place in places])) for axis in "xyz"}
        for name, places in (fixes | averages).items()
    }


def _site(name: str, place: dict[str, float], middle: dict[str, float]) -> Site:
    latitude, longitude = ORIGIN.degrees(place["x"] - middle["x"], place["y"] - middle["y"])
    height = place["z"] - middle["z"] + 4.0
    return Site(id=name, kind="microphone", latitude=latitude, longitude=longitude, height_m=height)


def micros(utc: str) -> int:
    """Microseconds since the epoch of an ISO 8601 time."""
    return round(datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp() * 1e6)


def _pulses(path: Path) -> tuple[dict[str, Any], list[Detection]]:
    places: dict[str, Any] = {}
    found = []
    for pulse in json.loads((path / "pulses.json").read_text(encoding="utf-8")):
        name = pulse["serial_number"].lower()
        places[name] = pulse["location"]
        onset = micros(pulse["arrival_time_utc"])
        found.append(
            Detection(
                id=uuid.UUID(pulse["pulse_uuid"]),
                sensor=name,
                sent=onset + 200_000,
                event="gunshot",
                onset=onset,
                duration_s=0.0,
                score=PULSE_SCORE,
                clock_sigma_us=PULSE_CLOCK_US,
                model=VENDOR_MODEL,
                peak_db=pulse["power_dB_SPL"],
                snr_db=pulse["signal_to_noise_dB"],
            )
        )
    return places, found


def _grouped(path: Path) -> frozenset[str]:
    """Sensors whose pulses the vendor grouped as the shots of this test; all of them where it grouped none."""
    sensor = {
        pulse["pulse_uuid"]: pulse["serial_number"].lower()
        for pulse in json.loads((path / "pulses.json").read_text(encoding="utf-8"))
    }
    groups = path / "vendor_groups.json"
    if not groups.is_file():
        return frozenset(sensor.values())
    # The grouping names a few pulses that the folder lacks.
    named = [name for group in json.loads(groups.read_text(encoding="utf-8")) for name in group["pulse_uuids"]]
    return frozenset(sensor[name] for name in named if name in sensor) or frozenset(sensor.values())


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is done to the data on purpose: fewer sensors, worse clocks, unrelated bangs.

    Fewer sensors are drawn from those that a direct path came to, as the measured references with the vendor's grouping
    were; their echoes and unrelated pulses stay. `noise` is a multiple of `UNRELATED_PER_S`; each impulse is as loud as
    one that was heard.
    """

    sensors: int | None = None
    clock_ms: float = 0.0
    noise: float = 0.0
    seed: int = 1

    def worsen(self, burst: Burst, number: int) -> Burst:
        """The same test with this trouble, drawn anew for each `number`."""
        draw = np.random.default_rng((self.seed, number))
        sites = burst.sites
        if self.sensors is not None and self.sensors < len(sites):
            reached = tuple(site for site in sites if site.id in burst.direct)
            sites = reached if len(reached) >= self.sensors else sites
            chosen = draw.choice(len(sites), self.sensors, replace=False)
            sites = tuple(sites[i] for i in sorted(chosen.tolist()))
        names = {site.id for site in sites}
        wrong = {site.id: round(draw.normal(0.0, self.clock_ms * 1e3)) for site in sites}
        sigma = round(math.hypot(PULSE_CLOCK_US, self.clock_ms * 1e3))
        found = [
            _moved(d, d.onset + wrong[d.sensor], max(sigma, d.clock_sigma_us) if self.clock_ms else d.clock_sigma_us)
            for d in burst.detections
            if d.sensor in names
        ]
        if found and self.noise:
            first, last = min(d.onset for d in found), max(d.onset for d in found)
            seconds = (last - first) * 1e-6 + 2.0
            for i in range(int(draw.poisson(self.noise * UNRELATED_PER_S * seconds * len(sites)))):
                like = found[int(draw.integers(len(found)))]
                at = int(draw.integers(first - 1_000_000, last + 1_000_000))
                site = sites[int(draw.integers(len(sites)))]
                found.append(_moved(like, at, like.clock_sigma_us, uuid.UUID(int=(number << 32) + i + 1), site.id))
        found.sort(key=lambda d: (d.onset, d.id.int))
        return replace(burst, sites=sites, detections=tuple(found))


def _moved(
    d: Detection, onset: int, sigma_us: int, identity: uuid.UUID | None = None, sensor: str | None = None
) -> Detection:
    return Detection(
        id=identity or d.id, sensor=sensor or d.sensor, sent=onset + 200_000, event=d.event, onset=onset,
        duration_s=d.duration_s, score=d.score, clock_sigma_us=sigma_us, model=d.model, peak_db=d.peak_db,
        snr_db=d.snr_db,
    )  # fmt: skip
