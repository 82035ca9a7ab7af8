"""What the registry knows of a sensor, and what that says about its health."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from hub.incident import Site
from sensors.protocol import Heartbeat, SensorId, SoundLevel, ZoneName

Kind = Literal["microphone", "camera"]
HealthState = Literal["ok", "degraded", "lost", "never", "revoked"]

Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Height = Annotated[float, Meta(ge=-100.0, le=1_000.0)]
Polygon = Annotated[tuple[tuple[float, float], ...], Meta(max_length=200)]

LOST_AFTER_US: Final = 35_000_000
"""Three heartbeats of ten seconds and a little: one lost packet is no lost sensor."""
CLOCK_POOR_US: Final = 20_000
"""One sigma of 20 ms is 7 m of sound: above it a microphone no longer helps to place."""
CLOCK_OFF_US: Final = 1_000_000
QUEUE_LONG: Final = 5_000


class SensorRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One registered sensor: WGS 84 degrees, `height_m` above ground.

    `zones` are polygons in the camera's picture, normalised to 0..1; `field_of_view` is the polygon on the ground
    that a camera sees,
    as (latitude, longitude). Keys are the raw 32 bytes of Ed25519; `next_key` waits for its first use.
    """

    id: SensorId
    kind: Kind
    latitude: Latitude
    longitude: Longitude
    height_m: Height = 4.0
    field_of_view: Polygon = ()
    zones: dict[ZoneName, Polygon] = {}
    public_key: bytes | None = None
    next_key: bytes | None = None
    token_hash: bytes | None = None
    software: str = ""
    created_us: int = 0
    enrolled_us: int | None = None
    revoked_us: int | None = None
    revoked_reason: str = ""
    last_seen_us: int | None = None
    heartbeat: Heartbeat | None = None
    sound_level: SoundLevel | None = None

    @property
    def enrolled(self) -> bool:
        """True where there is a key or a token to know the sensor by."""
        return self.public_key is not None or self.token_hash is not None


class Health(Struct, frozen=True):
    """The state with its reason: a stable code, empty where all is well."""

    state: HealthState
    reason: str = ""


class SensorView(Struct, frozen=True):
    """One sensor as people and pages see it: nothing secret is in it."""

    id: str
    kind: Kind
    latitude: float
    longitude: float
    height_m: float
    field_of_view: Polygon
    zones: dict[str, Polygon]
    state: HealthState
    state_reason: str
    last_seen_us: int | None
    clock_sigma_us: int | None
    laeq_db: float | None
    software: str
    enrolled: bool
    queue_depth: int | None
    dropped: int | None
    battery: float | None
    temperature_c: float | None
    uptime_s: float | None
    lcpeak_db: float | None


def health_of(sensor: SensorRecord, now_us: int) -> Health:
    """The sensor's health at `now_us` (the hub's clock) from what it last said."""
    if sensor.revoked_us is not None:
        return Health("revoked", sensor.revoked_reason)
    if sensor.last_seen_us is None:
        return Health("never", "not_heard_yet" if sensor.enrolled else "not_enrolled")
    if now_us - sensor.last_seen_us > LOST_AFTER_US:
        return Health("lost", "silent")
    beat = sensor.heartbeat
    if beat is None:
        return Health("ok")
    if beat.capture == "lost":
        return Health("lost", beat.capture_reason or "capture_lost")
    if beat.capture == "suspended":
        return Health("degraded", "suspended")
    for wrong, reason in (
        (beat.capture != "ok", beat.capture_reason or f"capture_{beat.capture}"),
        (abs(beat.clock_offset_us) > CLOCK_OFF_US, "clock_off"),
        (sensor.kind == "microphone" and beat.clock_sigma_us > CLOCK_POOR_US, "clock_poor"),
        (beat.queue_depth > QUEUE_LONG, "backlog"),
    ):
        if wrong:
            return Health("degraded", reason)
    return Health("ok")


def view_of(sensor: SensorRecord, now_us: int) -> SensorView:
    """What may be shown of `sensor` at `now_us`."""
    health = health_of(sensor, now_us)
    beat = sensor.heartbeat
    return SensorView(
        id=sensor.id,
        kind=sensor.kind,
        latitude=sensor.latitude,
        longitude=sensor.longitude,
        height_m=sensor.height_m,
        field_of_view=sensor.field_of_view,
        zones=dict(sensor.zones),
        state=health.state,
        state_reason=health.reason,
        last_seen_us=sensor.last_seen_us,
        clock_sigma_us=None if beat is None else beat.clock_sigma_us,
        laeq_db=None if sensor.sound_level is None else sensor.sound_level.laeq,
        software=sensor.software,
        enrolled=sensor.enrolled,
        queue_depth=None if beat is None else beat.queue_depth,
        dropped=None if beat is None else beat.dropped,
        battery=None if beat is None else beat.battery,
        temperature_c=None if beat is None else beat.temperature_c,
        uptime_s=None if beat is None else beat.uptime_s,
        lcpeak_db=None if sensor.sound_level is None else sensor.sound_level.lcpeak,
    )


def site_of(sensor: SensorRecord, now_us: int) -> Site:
    """What fusion needs of `sensor`; the background noise is the level that is exceeded nine tenths of the time."""
    return Site(
        id=sensor.id,
        kind=sensor.kind,
        latitude=sensor.latitude,
        longitude=sensor.longitude,
        height_m=sensor.height_m,
        field_of_view=sensor.field_of_view,
        zones=dict(sensor.zones),
        noise_db=None if sensor.sound_level is None else sensor.sound_level.l90,
        capture_ok=health_of(sensor, now_us).state not in {"lost", "never"} and not _suspended(sensor),
    )


def _suspended(sensor: SensorRecord) -> bool:
    """True where the sensor says that it hears nothing because it was stopped: its silence tells nothing."""
    return sensor.heartbeat is not None and sensor.heartbeat.capture == "suspended"
