"""The tables of the control room's own papers. Times are microseconds since the epoch."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, String, Table

from hub.store.metadata import METADATA

_Sequence: Final = BigInteger().with_variant(Integer, "sqlite")

HANDOVER: Final = Table(
    "handover",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("shift_us", BigInteger, nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("text", String(4000), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("taken_by", String(200)),
    Column("taken_us", BigInteger),
)

DECLARED: Final = Table(
    "declared",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("body", LargeBinary, nullable=False),
    Column("person", String(200), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("ended_by", String(200)),
    Column("ended_why", String(400)),
)

DRILL: Final = Table(
    "drill",
    METADATA,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("person", String(200), nullable=False),
    Column("purpose", String(400), nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("ended_by", String(200)),
)

NOISE_HOUR: Final = Table(
    "noise_hour",
    METADATA,
    Column("sensor", String(63), primary_key=True),
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
    Column("energy", Float, nullable=False),
    Column("seconds", Float, nullable=False),
)
