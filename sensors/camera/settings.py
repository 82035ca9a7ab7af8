"""The settings of one camera: zones, masks, directions, ground points, as one TOML file.

Polygons are normalised: x runs right and y down, both 0 to 1. An error names the key and the mend.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from sensors.protocol import ZONE_PATTERN

RuleName = Literal[
    "intrusion",
    "crowd_movement",
    "wrong_way",
    "stopped_vehicle",
    "crowd_density",
    "person_down",
    "fire",
    "abandoned_object",
    "dumping",
    "tagging",
    "occupancy",
]

Point = tuple[float, float]
"""Normalised image coordinates (x, y), or (latitude, longitude) on the ground."""
Corners = Annotated[tuple[Point, ...], Meta(min_length=3, max_length=64)]

EXAMPLE: Final = """\
# x runs right, y runs down, both from 0 to 1.
masks = [[[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]]   # windows of dwellings: painted over before any analysis

[[zones]]
name = "pavement"
rules = ["occupancy"]   # anonymous counts of twenty minutes: all that a bare hub takes in
polygon = [[0.5, 0.3], [1.0, 0.3], [1.0, 1.0], [0.5, 1.0]]

[[zones]]
name = "lawn"
rules = ["intrusion"]
polygon = [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]

[ground]   # four points of the picture and where they lie, so that events have a place
image = [[0.1, 0.9], [0.9, 0.9], [0.7, 0.3], [0.3, 0.3]]
latitude_longitude = [[45.4301, 4.3790], [45.4301, 4.3793], [45.4304, 4.3793], [45.4304, 4.3790]]
"""


class SettingsError(ValueError):
    """Settings that can't be used; `key` is where, `mend` what to do."""

    def __init__(self, key: str, what: str, mend: str) -> None:
        super().__init__(f"{key}: {what}. {mend}")
        self.key = key
        self.what = what
        self.mend = mend


class Zone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the picture and the rules that watch it; `occupancy` among them counts passages by kind.

    `direction` is the legal direction of travel in the picture, as (right, down), for `wrong_way`. `stopped_s` is how
    long a vehicle may stand; larger: fewer buses and deliveries, later alarms. `unattended_s` is how long a thing may
    stand alone; larger: fewer alarms for people who come back. `dense_share` is the share of the zone
    that people may cover; larger: fewer alarms in a queue, later ones in a crush.
    """

    name: Annotated[str, Meta(pattern=ZONE_PATTERN, max_length=63)]
    polygon: Corners
    rules: tuple[RuleName, ...] = ()
    direction: Point | None = None
    stopped_s: Annotated[float, Meta(ge=2.0, le=3_600.0)] = 10.0
    unattended_s: Annotated[float, Meta(ge=5.0, le=3_600.0)] = 30.0
    dense_share: Annotated[float, Meta(ge=0.1, le=0.95)] = 0.6


COUNTED: Final = Zone(name="picture", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), rules=("occupancy",))
"""What a camera without settings watches: the whole picture, and only its statistics."""


class Ground(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Four or more points of the picture and their places in WGS 84; `sigma_m` is how well those are known."""

    image: Annotated[tuple[Point, ...], Meta(min_length=4, max_length=64)]
    latitude_longitude: Annotated[tuple[Point, ...], Meta(min_length=4, max_length=64)]
    sigma_m: Annotated[float, Meta(gt=0.0, le=100.0)] = 1.0


class CameraSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a technician sets for one camera."""

    zones: Annotated[tuple[Zone, ...], Meta(max_length=32)] = ()
    masks: Annotated[tuple[Corners, ...], Meta(max_length=64)] = ()
    ground: Ground | None = None
    max_fps: Annotated[float, Meta(gt=0.0, le=30.0)] = 12.5
    width: Annotated[int, Meta(ge=64, le=640)] = 320

    def watching(self, rule: str) -> tuple[Zone, ...]:
        """The zones that `rule` watches."""
        return tuple(zone for zone in self.zones if rule in zone.rules)


def load_settings(path: Path) -> CameraSettings:
    """Read and check a settings file; SettingsError names the key and the mend."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"can't be read ({error.__class__.__name__})", "Give a TOML file") from None
    return parse_settings(text)


def parse_settings(text: str) -> CameraSettings:
    """Decode and check settings written in TOML."""
    try:
        settings = msgspec.toml.decode(text, type=CameraSettings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        key = where.rstrip("`").removeprefix("$").lstrip(".") or "settings"
        raise SettingsError(key, what, "See `tocsin camera --example` for the form") from None
    except msgspec.DecodeError as error:
        raise SettingsError("settings", f"not TOML: {error}", "Correct the line it names") from None
    return checked(settings)


def checked(settings: CameraSettings) -> CameraSettings:
    """`settings` themselves when they make sense; SettingsError otherwise."""
    names = [zone.name for zone in settings.zones]
    for index, zone in enumerate(settings.zones):
        key = f"zones[{index}]"
        if names.count(zone.name) > 1:
            raise SettingsError(f"{key}.name", f"{zone.name!r} is used twice", "Give each zone its own name")
        _check_polygon(f"{key}.polygon", zone.polygon)
        if "wrong_way" in zone.rules and not (zone.direction and math.hypot(*zone.direction) > 0):
            raise SettingsError(
                f"{key}.direction",
                "missing for wrong_way",
                "Add direction = [right, down], the legal way in the picture",
            )
    for index, mask in enumerate(settings.masks):
        _check_polygon(f"masks[{index}]", mask)
    if settings.ground is not None:
        _check_ground(settings.ground)
    return settings


def _check_polygon(key: str, polygon: tuple[Point, ...]) -> None:
    if any(not (0.0 <= value <= 1.0) for point in polygon for value in point):
        raise SettingsError(key, "a corner lies outside the picture", "Use numbers from 0 to 1, not pixels")
    area = 0.5 * abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True)))
    if area < 1e-5:
        raise SettingsError(key, "the polygon encloses nothing", "Give its corners in order round the zone")


def _check_ground(ground: Ground) -> None:
    if len(ground.image) != len(ground.latitude_longitude):
        raise SettingsError(
            "ground", f"{len(ground.image)} image points but {len(ground.latitude_longitude)} places", "Give pairs"
        )
    if any(not (-90 <= lat <= 90 and -180 <= lon <= 180) for lat, lon in ground.latitude_longitude):
        raise SettingsError(
            "ground.latitude_longitude", "not a place on Earth", "Write [latitude, longitude] in degrees"
        )
