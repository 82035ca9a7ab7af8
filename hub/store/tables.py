"""The tables of incidents, of what goes out, and of who is on duty.

Times are microseconds since the epoch, bodies the JSON of structs.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Uuid,
)
from sqlalchemy.sql import text

from hub.store.metadata import METADATA

# SQLite numbers rows by itself only for a column that is plainly INTEGER, which there holds 64 bits.
_Sequence: Final = BigInteger().with_variant(Integer, "sqlite")

INCIDENT: Final = Table(
    "incident",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("event", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("onset_us", BigInteger, nullable=False),
    Column("exercise", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("decided_us", BigInteger),
    Column("decided_by", String(200)),
    Column("escalated", Integer, nullable=False, server_default=text("0")),
    Index(None, "state", "onset_us"),
    Index(None, "onset_us", "id"),
)

INCIDENT_REVISION: Final = Table(
    "incident_revision",
    METADATA,
    Column("incident", Uuid, ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

DECISION: Final = Table(
    "decision",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("incident", Uuid, ForeignKey("incident.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", String(2000), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)

CHANGE: Final = Table(
    "change",
    METADATA,
    # Given by the counter, not by the database: a reader must never see 8 before 7 is there.
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("id", String(64), nullable=False),
    Column("reference", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

COUNTER: Final = Table(
    "counter",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("endpoint", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("message_id", String(80), nullable=False, unique=True),
    Column("incident", Uuid, ForeignKey("incident.id", ondelete="CASCADE")),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_until_us", BigInteger),
    Column("error", String(400)),
    Index(None, "endpoint", "state", "due_us"),
    Index(None, "incident", "endpoint"),
)

DELIVERY: Final = Table(
    "delivery",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("message_id", String(80), nullable=False, index=True),
    Column("incident", Uuid, ForeignKey("incident.id", ondelete="CASCADE"), index=True),
    Column("endpoint", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("status", Integer),
    Column("ok", Boolean, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("error", String(400)),
    Column("request", LargeBinary, nullable=False),
    Column("answer", String(1024), nullable=False),
)

ENDPOINT_STATE: Final = Table(
    "endpoint_state",
    METADATA,
    Column("endpoint", String(64), primary_key=True),
    Column("disabled_us", BigInteger, nullable=False),
    Column("reason", String(200), nullable=False),
)

OUTCOME: Final = Table(
    "outcome",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("incident", Uuid, ForeignKey("incident.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("endpoint", String(64), nullable=False),
    Column("message_id", String(256), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("minutes", Float),
    Column("reference", String(200), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index(None, "endpoint", "message_id", unique=True),
)

PURGE: Final = Table(
    "purge",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("before_us", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

DUTY_SHIFT: Final = Table(
    "duty_shift",
    METADATA,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("person", String(80), nullable=False),
    Column("level", Integer, nullable=False),
    # ISO weekdays as digits: "12345" is Monday to Friday.
    Column("weekdays", String(7), nullable=False),
    # Minutes of the local day: the clock on the wall counts, also in the nights in which it is changed.
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date),
)

DUTY_EXCEPTION: Final = Table(
    "duty_exception",
    METADATA,
    Column("number", _Sequence, primary_key=True, autoincrement=True),
    Column("person", String(80), nullable=False),
    Column("level", Integer, nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Column("on", Boolean, nullable=False),
)
