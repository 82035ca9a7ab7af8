"""Tables of people and their sessions; secrets are stored as hashes only."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from hub.store.metadata import METADATA

PERSON: Final = Table(
    "person",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("disabled_us", BigInteger),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until_us", BigInteger, nullable=False, server_default="0"),
    Column("totp_secret", LargeBinary(32)),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    # Hash of issuer and subject of whom an identity provider vouches for; such an account has no password.
    Column("subject", String(64), index=True, unique=True),
)

SESSION: Final = Table(
    "session",
    METADATA,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("person", String(80), ForeignKey("person.name", ondelete="CASCADE"), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

API_TOKEN: Final = Table(
    "api_token",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("scope", String(20), nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

SETUP_CODE: Final = Table(
    "setup_code",
    METADATA,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("created_us", BigInteger, nullable=False),
)
