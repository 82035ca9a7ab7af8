"""Tables of the audit log: salted leaves, the tree's frontier, signed heads."""

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
