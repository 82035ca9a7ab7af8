"""Sensors, sites, enrolment, credentials, health."""

from hub.registry.record import Health, Kind, SensorRecord, SensorView, health_of
from hub.registry.registry import CodeRefused, Registry, SensorExists, SensorUnknown

__all__ = [
    "CodeRefused",
    "Health",
    "Kind",
    "Registry",
    "SensorExists",
    "SensorRecord",
    "SensorUnknown",
    "SensorView",
    "health_of",
]
