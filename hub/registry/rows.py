"""Between a sensor's record and its row."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.registry.record import Polygon, SensorRecord
from sensors.protocol import Heartbeat, SoundLevel

_zones: Final = msgspec.json.Decoder(dict[str, Polygon])
_polygon: Final = msgspec.json.Decoder(Polygon)
_heartbeat: Final = msgspec.msgpack.Decoder(Heartbeat)
_sound_level: Final = msgspec.msgpack.Decoder(SoundLevel)


def row_of(sensor: SensorRecord) -> dict[str, Any]:
    """The columns of `sensor`."""
    row: dict[str, Any] = msgspec.structs.asdict(sensor)
    row["field_of_view"] = msgspec.json.encode(sensor.field_of_view)
    row["zones"] = msgspec.json.encode(sensor.zones)
    row["heartbeat"] = None if sensor.heartbeat is None else msgspec.msgpack.encode(sensor.heartbeat)
    row["sound_level"] = None if sensor.sound_level is None else msgspec.msgpack.encode(sensor.sound_level)
    return row


def record_of(row: Any) -> SensorRecord:
    """The sensor in one row of the table (a mapping by column name)."""
    values = dict(row)
    values["field_of_view"] = _polygon.decode(values["field_of_view"])
    values["zones"] = _zones.decode(values["zones"])
    values["heartbeat"] = None if values["heartbeat"] is None else _heartbeat.decode(values["heartbeat"])
    values["sound_level"] = None if values["sound_level"] is None else _sound_level.decode(values["sound_level"])
    return SensorRecord(**values)
