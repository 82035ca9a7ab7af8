"""Tables of the audit log (salted leaves, the frontier, signed heads), of the stop, and of the two desks."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from hub.store.metadata import METADATA

_Sequence: Final = BigInteger().with_variant(Integer, "sqlite")

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    # Both go when a record is erased; the leaf stays, so the root does.
    Column("salt", LargeBinary(16)),
    Column("record", LargeBinary),
    Column("leaf", LargeBinary(32), nullable=False),
)

AUDIT_FRONTIER: Final = Table(
    "audit_frontier",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("roots", LargeBinary, nullable=False),
)

AUDIT_HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

SUSPENSION: Final = Table(
    "suspension",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("reason", String(2000), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

DATA_REQUEST: Final = Table(
    "data_request",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    # The city's own file number: the hub holds no name of who asked.
    Column("reference", String(80), nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("answered_us", BigInteger),
    Column("answer", String(20)),
)

MISSED_EVENT: Final = Table(
    "missed_event",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("event", String(40), nullable=False),
    Column("happened_us", BigInteger, nullable=False),
    Column("source", String(20), nullable=False),
    Column("reference", String(80), nullable=False),
    Column("reported_us", BigInteger, nullable=False),
)

SENSOR_HOURS: Final = Table(
    "sensor_hours",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("sensor", String(80), primary_key=True),
    Column("state", String(12), primary_key=True),
    Column("seconds", Integer, nullable=False),
)
