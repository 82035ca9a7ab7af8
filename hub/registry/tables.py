"""The tables of sensors and of how they get in; codes and tokens are kept as hashes only."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table

from hub.store.metadata import METADATA

SENSOR: Final = Table(
    "sensor",
    METADATA,
    Column("id", String(63), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("height_m", Float, nullable=False),
    Column("field_of_view", LargeBinary, nullable=False),
    Column("zones", LargeBinary, nullable=False),
    Column("public_key", LargeBinary(32)),
    # The key that replaces `public_key` at its first use, so that a lost answer to a rotation locks nobody out.
    Column("next_key", LargeBinary(32)),
    Column("token_hash", LargeBinary(32), unique=True),
    Column("software", String(40), nullable=False, server_default=""),
    Column("created_us", BigInteger, nullable=False),
    Column("enrolled_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("revoked_reason", String(400), nullable=False, server_default=""),
    Column("last_seen_us", BigInteger),
    Column("heartbeat", LargeBinary),
    Column("sound_level", LargeBinary),
)

ENROLMENT_CODE: Final = Table(
    "enrolment_code",
    METADATA,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("sensor", String(63), ForeignKey("sensor.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
)

REGISTRY_VERSION: Final = Table(
    "registry_version",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Raised by every change: another process sees by one row whether what it remembers still holds.
    Column("value", BigInteger, nullable=False),
)

HEALTH_CHANGE: Final = Table(
    "health_change",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # No foreign key: how a sensor was outlives its being taken out.
    Column("sensor", String(63), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(80), nullable=False),
    Index(None, "sensor", "at_us"),
)
