"""Tokens of programs that read: each with a scope, an end and a name, kept as a hash. None of them can decide."""

from __future__ import annotations

import secrets
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.access.accounts import token_hash
from hub.access.tables import API_TOKEN
from hub.store.engine import reading, write

Scope = Literal["read", "metrics"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "metrics")
"""`read`: whatever every signed-in person may look at. `metrics`: `/metrics` alone."""
PREFIX: Final = "tct_"
DAY_US: Final = 86_400_000_000


class ApiToken(Struct, frozen=True):
    """One token, without its secret."""

    name: str
    scope: str
    created_us: int
    expires_us: int


async def new_token(engine: AsyncEngine, name: str, scope: Scope, days: int, now_us: int) -> str:
    """A token that is shown once; one of the same name no longer works."""
    token = PREFIX + secrets.token_urlsafe(32)

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(API_TOKEN).where(API_TOKEN.c.name == name))
        await connection.execute(
            insert(API_TOKEN).values(
                name=name,
                scope=scope,
                token_hash=token_hash(token),
                created_us=now_us,
                expires_us=now_us + days * DAY_US,
            )
        )

    await write(engine, work)
    return token


async def drop_token(engine: AsyncEngine, name: str) -> bool:
    """Close a token at once; False where there is none."""

    async def work(connection: AsyncConnection) -> bool:
        return bool((await connection.execute(delete(API_TOKEN).where(API_TOKEN.c.name == name))).rowcount)

    return await write(engine, work)


async def tokens(engine: AsyncEngine) -> list[ApiToken]:
    """Every token by name."""
    columns = (API_TOKEN.c.name, API_TOKEN.c.scope, API_TOKEN.c.created_us, API_TOKEN.c.expires_us)
    async with reading(engine) as connection:
        return [ApiToken(*row) for row in await connection.execute(select(*columns).order_by(API_TOKEN.c.name))]


async def token_of(engine: AsyncEngine, secret: str, now_us: int) -> ApiToken | None:
    """The token of this secret; None where it is unknown or over."""
    if not secret.startswith(PREFIX):
        return None
    query = select(API_TOKEN.c.name, API_TOKEN.c.scope, API_TOKEN.c.created_us, API_TOKEN.c.expires_us).where(
        API_TOKEN.c.token_hash == token_hash(secret), API_TOKEN.c.expires_us > now_us
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    return None if row is None else ApiToken(*row)
