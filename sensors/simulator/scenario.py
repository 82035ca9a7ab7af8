"""A scenario: where sensors, walls and events are, as a TOML file with its truth.

Positions are WGS 84 in the file and metres east and north of the place's centre inside. What is wrong is named by its
key, with the mend.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
import pymap3d
from msgspec import Meta, Struct

from sensors.protocol import SensorId, ZoneName
from sensors.simulator.air import Air
from sensors.simulator.propagation import City, Vector, Wall
from sensors.simulator.waveforms import USUAL_LEVEL_DB, SoundKind

FOLDER: Final = Path(__file__).with_name("scenarios")
MAX_REACH_M: Final = 5_000.0

Latitude = Annotated[float, Meta(ge=-85.0, le=85.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Point = tuple[Latitude, Longitude]
Corner = tuple[Annotated[float, Meta(ge=0.0, le=1.0)], Annotated[float, Meta(ge=0.0, le=1.0)]]


class ScenarioError(ValueError):
    """A scenario that can't be used: `key` says where, `mend` what to do."""

    def __init__(self, path: str, key: str, problem: str, mend: str) -> None:
        self.path, self.key, self.problem, self.mend = path, key, problem, mend
        super().__init__(f"{path}: {key}: {problem}. {mend}")


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """The centre of the scenario and its name."""

    name: str
    latitude: Latitude
    longitude: Longitude


Fault = Literal["none", "clipped", "dead"]


class MicrophonePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One simulated microphone: place, street noise, calibration, and what is wrong with it.

    `full_scale_db` is the sound pressure level (dB re 20 µPa) of an amplitude of 1.0; louder sound clips. The clock
    says true time + offset + drift + jitter, and claims `clock_sigma_ms`.
    """

    id: SensorId
    latitude: Latitude
    longitude: Longitude
    label: str = ""
    height_m: Annotated[float, Meta(ge=0.5, le=100.0)] = 5.0
    noise_db: Annotated[float, Meta(ge=20.0, le=100.0)] = 52.0
    full_scale_db: Annotated[float, Meta(ge=90.0, le=170.0)] = 136.0
    clock_offset_ms: Annotated[float, Meta(ge=-10_000.0, le=10_000.0)] = 0.0
    clock_drift_ppm: Annotated[float, Meta(ge=-200.0, le=200.0)] = 0.0
    clock_jitter_ms: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0
    clock_sigma_ms: Annotated[float, Meta(ge=0.001, le=1_000.0)] = 0.5
    fault: Fault = "none"


class CameraPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One simulated camera: place, look, size, its closed zones, and how busy its street is."""

    id: SensorId
    latitude: Latitude
    longitude: Longitude
    heading_deg: Annotated[float, Meta(ge=0.0, lt=360.0)]
    label: str = ""
    height_m: Annotated[float, Meta(ge=2.0, le=60.0)] = 6.0
    tilt_deg: Annotated[float, Meta(ge=5.0, le=60.0)] = 18.0
    view_deg: Annotated[float, Meta(ge=20.0, le=110.0)] = 68.0
    range_m: Annotated[float, Meta(ge=10.0, le=150.0)] = 45.0
    width: Annotated[int, Meta(ge=160, le=640)] = 480
    height: Annotated[int, Meta(ge=90, le=360)] = 270
    fps: Annotated[float, Meta(ge=2.0, le=15.0)] = 10.0
    people: Annotated[int, Meta(ge=0, le=40)] = 9
    cycles_per_minute: Annotated[float, Meta(ge=0.0, le=20.0)] = 1.5
    cars_per_minute: Annotated[float, Meta(ge=0.0, le=30.0)] = 4.0
    light: Literal["day", "dusk", "night"] = "dusk"
    zones: dict[ZoneName, Annotated[tuple[Corner, ...], Meta(min_length=3, max_length=24)]] = {}


class WallPlan(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A façade between two points on the ground."""

    start: Point
    end: Point
    height_m: Annotated[float, Meta(ge=2.0, le=150.0)] = 14.0


class StreetPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """How the streets answer: energy of the scattered tail against the direct sound at 100 m, and its decay."""

    tail_db: Annotated[float, Meta(ge=-40.0, le=12.0)] = -4.0
    decay_s: Annotated[float, Meta(ge=0.1, le=4.0)] = 2.2


class SoundPlan(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sound"):
    """A sound: `sound` at a point, or along `path` at `speed_m_s`, `rounds` of it `interval_s` apart.

    `level_db` is at 1 m: a peak for bangs, an LAeq for what lasts. `scatter_m` moves it by up to that much in
    every later turn.
    """

    sound: SoundKind
    at_s: Annotated[float, Meta(ge=0.0, le=86_400.0)]
    latitude: Latitude
    longitude: Longitude
    height_m: Annotated[float, Meta(ge=0.1, le=3_000.0)] = 1.5
    label: str = ""
    level_db: Annotated[float, Meta(ge=40.0, le=190.0)] | None = None
    duration_s: Annotated[float, Meta(ge=0.2, le=120.0)] = 8.0
    rounds: Annotated[int, Meta(ge=1, le=60)] = 1
    interval_s: Annotated[float, Meta(ge=0.05, le=60.0)] = 0.35
    scatter_m: Annotated[float, Meta(ge=0.0, le=500.0)] = 0.0
    path: tuple[Point, ...] = ()
    speed_m_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 12.0

    @property
    def level(self) -> float:
        """The level in dB at 1 m, the usual one where none is given."""
        return USUAL_LEVEL_DB[self.sound] if self.level_db is None else self.level_db


class ScenePlan(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="scene"):
    """Something that one camera sees: people who run apart, or a person who enters a closed zone."""

    scene: Literal["crowd_movement", "intrusion"]
    at_s: Annotated[float, Meta(ge=0.0, le=86_400.0)]
    camera: SensorId
    zone: ZoneName | None = None
    duration_s: Annotated[float, Meta(ge=2.0, le=120.0)] = 8.0


Event = SoundPlan | ScenePlan


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; `duration_s` is one turn, which begins again where `repeat` says so.

    A file may say `base = "places/NAME"`: what it does not say itself is then taken from that file beside it.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    about: dict[Literal["en", "fr"], str]
    place: Place
    duration_s: Annotated[float, Meta(ge=1.0, le=86_400.0)]
    microphone: Annotated[tuple[MicrophonePlan, ...], Meta(min_length=1, max_length=2_000)]
    event: tuple[Event, ...] = ()
    camera: tuple[CameraPlan, ...] = ()
    wall: tuple[WallPlan, ...] = ()
    air: Air = Air()
    street: StreetPlan = StreetPlan()
    rate_hz: Literal[8_000, 12_000, 16_000, 48_000] = 16_000
    repeat: bool = False
    light: Literal["day", "dusk", "night"] | None = None
    """Light at every camera, where it differs from the place's own."""
    louder_db: Annotated[float, Meta(ge=-20.0, le=40.0)] = 0.0
    """Added to the noise of every microphone: wind, rain, a match."""
    faults: dict[SensorId, Fault] = {}
    """What is wrong with a microphone this time."""

    def metres(self, latitude: float, longitude: float, height_m: float) -> Vector:
        """East, north of the place's centre, and height, in metres."""
        east, north, _ = pymap3d.geodetic2enu(latitude, longitude, 0.0, self.place.latitude, self.place.longitude, 0.0)
        return float(east), float(north), height_m

    def degrees(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Latitude and longitude of a point given in metres from the centre."""
        latitude, longitude, _ = pymap3d.enu2geodetic(
            east_m, north_m, 0.0, self.place.latitude, self.place.longitude, 0.0
        )
        return float(latitude), float(longitude)

    def city(self) -> City:
        """What sound meets here."""
        walls = tuple(
            Wall(self.metres(*wall.start, 0.0)[:2], self.metres(*wall.end, 0.0)[:2], wall.height_m)
            for wall in self.wall
        )
        return City(self.air, walls, self.street.tail_db, self.street.decay_s)


def names() -> list[str]:
    """The scenarios that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of that name, or in that file; raises `ScenarioError`."""
    path = Path(name_or_path)
    if path.suffix != ".toml" and str(name_or_path) in names():
        path = FOLDER / f"{name_or_path}.toml"
    try:
        text = path.read_bytes()
    except OSError as error:
        mend = f"Give a file, or one of: {', '.join(names())}"
        raise ScenarioError(str(name_or_path), "file", f"it can't be read ({error.strerror})", mend) from error
    return parse(text, str(path))


def parse(text: bytes, path: str) -> Scenario:
    """A scenario from TOML; `path` names it in errors."""
    try:
        tree = tomllib.loads(text.decode("utf-8"))
        if "base" in tree:
            tree = _base(path, str(tree.pop("base"))) | tree
        return _adapted(_checked(msgspec.convert(tree, Scenario, strict=False), path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(path, "file", f"it is not TOML ({error})", "Mend the line that is named") from error
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at ")
        mend = "Compare with a scenario that comes with the project (tocsin simulate --list)"
        raise ScenarioError(path, where.strip("`").removeprefix("$.") or "file", problem, mend) from error


def _base(path: str, name: str) -> dict[str, Any]:
    """The tables of the file that a scenario stands on: beside the scenario, or one that comes with the project."""
    for folder in (Path(path).parent, FOLDER):
        file = folder / f"{name}.toml"
        if file.is_file():
            return tomllib.loads(file.read_text(encoding="utf-8"))
    raise ScenarioError(
        path, "base", f"there is no {name}.toml", 'Use "places/saint_etienne", or a file beside this one'
    )


def _adapted(scenario: Scenario) -> Scenario:
    """The scenario with its own light, noise and faults put into its sensors."""
    replace = msgspec.structs.replace
    microphones = tuple(
        replace(m, noise_db=m.noise_db + scenario.louder_db, fault=scenario.faults.get(m.id, m.fault))
        for m in scenario.microphone
    )
    cameras = tuple(replace(c, light=scenario.light or c.light) for c in scenario.camera)
    return replace(scenario, microphone=microphones, camera=cameras)


def _checked(scenario: Scenario, path: str) -> Scenario:
    """Refuse what types alone can't."""
    seen: set[str] = set()
    sensors = [("microphone", m) for m in scenario.microphone] + [("camera", c) for c in scenario.camera]
    for index, (kind, sensor) in enumerate(sensors):
        key = f"{kind}[{index if kind == 'microphone' else index - len(scenario.microphone)}]"
        if sensor.id in seen:
            raise ScenarioError(path, f"{key}.id", f"{sensor.id!r} is taken", "Give every sensor its own id")
        seen.add(sensor.id)
        _near(scenario, path, key, sensor.latitude, sensor.longitude)
    for name in scenario.faults:
        if name not in {microphone.id for microphone in scenario.microphone}:
            raise ScenarioError(path, f"faults.{name}", "there is no such microphone", "Name one of the scenario's own")
    cameras = {camera.id: camera for camera in scenario.camera}
    for index, event in enumerate(scenario.event):
        key = f"event[{index}]"
        if event.at_s > scenario.duration_s:
            mend = f"Move it before duration_s = {scenario.duration_s:g}, or make the scenario longer"
            raise ScenarioError(path, f"{key}.at_s", f"{event.at_s:g} s is after the end", mend)
        if isinstance(event, ScenePlan):
            if event.camera not in cameras:
                mend = f"Use one of: {', '.join(cameras) or '(the scenario has no camera)'}"
                raise ScenarioError(path, f"{key}.camera", f"there is no camera {event.camera!r}", mend)
            zones = cameras[event.camera].zones
            if event.scene == "intrusion" and event.zone not in zones:
                mend = f"Use a zone of {event.camera}: {', '.join(zones) or '(it has none: draw one)'}"
                raise ScenarioError(path, f"{key}.zone", f"there is no zone {event.zone!r}", mend)
        else:
            _near(scenario, path, key, event.latitude, event.longitude)
            if len(event.path) == 1:
                raise ScenarioError(path, f"{key}.path", "one point is no way", "Give two points or more, or none")
    return scenario


def _near(scenario: Scenario, path: str, key: str, latitude: float, longitude: float) -> None:
    east, north, _ = scenario.metres(latitude, longitude, 0.0)
    if float(np.hypot(east, north)) > MAX_REACH_M:
        problem = f"({latitude:g}, {longitude:g}) is {np.hypot(east, north) / 1000:.0f} km from the place's centre"
        mend = f"Keep within {MAX_REACH_M / 1000:g} km; latitude comes first"
        raise ScenarioError(path, f"{key}.latitude", problem, mend)
