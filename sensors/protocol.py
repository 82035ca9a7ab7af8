"""The wire contract: every type that may leave a sensor, and nothing else.

The vocabulary is closed and unknown fields are refused, so that there is no place on the wire for sound, an image or an
identity. All times are integer microseconds since the Unix epoch, UTC; levels are dB re 20 µPa; scores are calibrated
probabilities. Messages travel as JSON or MessagePack; `id` is a UUIDv7 made at the sensor, so a repeat changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

PROTOCOL_VERSION: Final = 1
MAX_BATCH: Final = 1_000
"""Messages in one ingest batch (DESIGN.md section 7)."""

SENSOR_ID_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
ZONE_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$"

# A class is listed here only while a tested detector for it exists in the tree.
SoundEvent = Literal["gunshot", "clamor", "siren", "loud_unknown"]
VideoEvent = Literal[
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
]
Event = Literal[SoundEvent, VideoEvent]

SOUND_EVENTS: Final[frozenset[str]] = frozenset(get_args(SoundEvent))
VIDEO_EVENTS: Final[frozenset[str]] = frozenset(get_args(VideoEvent))

# 2017-07-14 to 2100-01-01: a sensor without a clock fails loudly instead of writing 1970 into the log.
Micros = Annotated[int, Meta(ge=1_500_000_000_000_000, lt=4_102_444_800_000_000)]
SensorId = Annotated[str, Meta(pattern=SENSOR_ID_PATTERN, max_length=63)]
ZoneName = Annotated[str, Meta(pattern=ZONE_PATTERN, max_length=63)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0, le=3_600.0)]
SigmaMicros = Annotated[int, Meta(ge=0, le=3_600_000_000)]
Decibels = Annotated[float, Meta(ge=-40.0, le=200.0)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
ModelName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}@[0-9a-f]{8,64}$", max_length=128)]
"""`name@sha256 prefix` of the model or rule set that spoke."""


class Position(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A place on the ground in WGS 84, with its one-sigma error in metres."""

    latitude: Annotated[float, Meta(ge=-90.0, le=90.0)]
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0)]
    sigma_m: Annotated[float, Meta(ge=0.0, le=100_000.0)]


class Message(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False, tag_field="type"):
    """What every message carries: its own id, the sensor that speaks, and when it was sent.

    `gc=False`: a message can't be part of a cycle, and tracking thousands of them doubled the cost of intake.
    """

    id: UUID
    sensor: SensorId
    sent: Micros


class Detection(Message, tag="detection", frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One statement by one sensor: this class, at this onset, with this score; never sound, never an image.

    `peak_db` (C-weighted peak, dB SPL) and `snr_db` are for sound; `zone` and `position` are for video.
    `clock_sigma_us` is the one-sigma uncertainty of `onset` against UTC.
    """

    event: Event
    onset: Micros
    duration_s: Seconds
    score: Probability
    clock_sigma_us: SigmaMicros
    model: ModelName
    peak_db: Decibels | None = None
    snr_db: Decibels | None = None
    zone: ZoneName | None = None
    position: Position | None = None
    exercise: bool = False


class SoundLevel(Message, tag="sound_level", frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Sound pressure levels of one period (IEC 61672-1): equivalent, maximum, peak and percentiles."""

    start: Micros
    period_s: Annotated[float, Meta(ge=1.0, le=3_600.0)]
    laeq: Decibels
    lafmax: Decibels
    lcpeak: Decibels
    l10: Decibels
    l50: Decibels
    l90: Decibels


class Counts(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Passages by kind; None where the count is too small to be told (k-suppressed at the source)."""

    person: Count | None = None
    cycle: Count | None = None
    car: Count | None = None
    heavy: Count | None = None


class Occupancy(Message, tag="occupancy", frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Anonymous counts of one zone and one closed bin (20 minutes at least: decree 2021-269's precedent)."""

    start: Micros
    period_s: Annotated[float, Meta(ge=1_200.0, le=86_400.0)]
    zone: ZoneName
    counts: Counts


CaptureState = Literal["ok", "starting", "degraded", "lost", "suspended"]
"""`suspended`: nothing is captured, because the sensor holds no lease of its hub."""


class Heartbeat(Message, tag="heartbeat", frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """How the agent is: clock, queue, drops, capture; what the fleet page and the clock gate read."""

    uptime_s: Annotated[float, Meta(ge=0.0)]
    clock_offset_us: Annotated[int, Meta(ge=-(2**53), le=2**53)]
    clock_sigma_us: SigmaMicros
    queue_depth: Count
    dropped: Count
    capture: CaptureState
    capture_reason: Annotated[str, Meta(pattern=r"^[a-z0-9_]{0,40}$")] = ""
    software: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{1,40}$")]
    models: Annotated[tuple[ModelName, ...], Meta(max_length=8)] = ()
    temperature_c: Annotated[float, Meta(ge=-60.0, le=100.0)] | None = None
    battery: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    """Charge of the box that runs the agent; None on the mains."""
    audio_tracks_dropped: Count = 0
    refused: Count = 0
    """Messages that the hub refused for good."""
    withheld: Count = 0
    """Messages that the lease did not allow to tell: what a stop, or a hub that was away, kept from being told."""
    exercise: bool = False


AnyMessage = Detection | SoundLevel | Occupancy | Heartbeat


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent sends in one request."""

    messages: Annotated[list[AnyMessage], Meta(min_length=1, max_length=MAX_BATCH)]


json_encoder: Final = msgspec.json.Encoder()
batch_json_decoder: Final = msgspec.json.Decoder(Batch)
batch_msgpack_decoder: Final = msgspec.msgpack.Decoder(Batch)
message_json_decoder: Final = msgspec.json.Decoder(AnyMessage)


def is_sound(event: str) -> bool:
    """True for a class that microphones report."""
    return event in SOUND_EVENTS
