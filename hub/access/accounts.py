"""Accounts and sessions: Argon2id passwords, lock-out with back-off, one-time code for the first administrator."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.access.tables import PERSON, SESSION, SETUP_CODE
from hub.access.totp import step_of
from hub.problem import Problem
from hub.store.engine import reading, write

Role = Literal["operator", "supervisor", "technician", "auditor", "administrator"]
ROLES: Final[tuple[Role, ...]] = ("operator", "supervisor", "technician", "auditor", "administrator")

SESSION_LIFE_US: Final = 12 * 3_600_000_000
"""One shift: an operator signs in once a shift."""
MIN_PASSWORD: Final = 12
"""Characters; length is what NIST SP 800-63B section 5.1.1 asks for, not classes of characters."""
FREE_FAILURES: Final = 5
"""Wrong passwords before an account has to wait; each further one doubles the wait, up to an hour."""
MAX_LOCK_US: Final = 3_600_000_000
NO_PASSWORD: Final = "!"
"""Instead of a hash: no password fits."""


class Person(Struct, frozen=True):
    """Who is signed in."""

    name: str
    role: Role


def token_hash(token: str) -> bytes:
    """What is stored of a random token: a fast hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


class Accounts:
    """People who may sign in, and their sessions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._hasher = PasswordHasher()
        # Verified for unknown names too, so that the answer's time does not tell which names exist.
        self._decoy: str | None = None

    async def count(self) -> int:
        """How many accounts there are."""
        async with reading(self._engine) as connection:
            return int((await connection.execute(select(func.count()).select_from(PERSON))).scalar_one())

    async def people(self) -> list[Person]:
        """Every enabled account by name."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(PERSON.c.name, PERSON.c.role).where(PERSON.c.disabled_us.is_(None)).order_by(PERSON.c.name)
            )
            return [Person(row.name, row.role) for row in rows]

    async def setup_code(self, now_us: int) -> str | None:
        """A new one-time code for the first administrator; None once an account exists."""
        if await self.count():
            return None
        code = "-".join(secrets.token_hex(2) for _ in range(4))

        async def replace(connection: AsyncConnection) -> None:
            await connection.execute(delete(SETUP_CODE))
            await connection.execute(insert(SETUP_CODE).values(code_hash=token_hash(code), created_us=now_us))

        await write(self._engine, replace)
        return code

    async def create_first(self, code: str, name: str, password: str, now_us: int) -> Person:
        """Make the first administrator with the printed code, which is used up. Raises Problem."""
        hashed = await self._hash(password)

        async def make(connection: AsyncConnection) -> None:
            used = await connection.execute(
                delete(SETUP_CODE).where(SETUP_CODE.c.code_hash == token_hash(code.strip().lower()))
            )
            if used.rowcount != 1:
                raise Problem(
                    403, "setup_code_refused", "This code is not valid; the hub prints one at its first start."
                )
            await connection.execute(
                insert(PERSON).values(name=name, role="administrator", password_hash=hashed, created_us=now_us)
            )

        await write(self._engine, make)
        return Person(name, "administrator")

    async def create(self, name: str, role: Role, password: str, now_us: int) -> Person:
        """Make an account. Raises Problem where the name is taken or the password too short."""
        hashed = await self._hash(password)

        async def make(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(PERSON).values(name=name, role=role, password_hash=hashed, created_us=now_us)
            )

        try:
            await write(self._engine, make)
        except IntegrityError:
            raise Problem(409, "person_exists", f"There is an account named {name!r} already.") from None
        return Person(name, role)

    async def disable(self, name: str, now_us: int) -> bool:
        """Close an account and its sessions at once; False where there is none."""

        async def close(connection: AsyncConnection) -> bool:
            changed = await connection.execute(update(PERSON).where(PERSON.c.name == name).values(disabled_us=now_us))
            await connection.execute(delete(SESSION).where(SESSION.c.person == name))
            return bool(changed.rowcount)

        return await write(self._engine, close)

    async def reset(self, name: str, password: str) -> bool:
        """A new password; sessions, second factor and lock end. False where there is no such account."""
        hashed = await self._hash(password)

        async def change(connection: AsyncConnection) -> bool:
            values = {"password_hash": hashed, "failures": 0, "locked_until_us": 0, "totp_secret": None, "totp_step": 0}
            changed = await connection.execute(
                update(PERSON).where(PERSON.c.name == name).values(**values, disabled_us=None)
            )
            await connection.execute(delete(SESSION).where(SESSION.c.person == name))
            return bool(changed.rowcount)

        return await write(self._engine, change)

    async def set_second_factor(self, name: str, secret: bytes | None) -> bool:
        """Ask for codes of `secret` from now on, or for none; False where there is no such account."""

        async def change(connection: AsyncConnection) -> bool:
            values = {"totp_secret": secret, "totp_step": 0}
            changed = await connection.execute(update(PERSON).where(PERSON.c.name == name).values(**values))
            return bool(changed.rowcount)

        return await write(self._engine, change)

    async def sign_in(self, name: str, password: str, now_us: int, code: str = "") -> str:
        """A new session's token. Raises Problem 401 (`second_factor_needed` where a code is missing), 429 while the
        account waits."""
        async with reading(self._engine) as connection:
            row = (await connection.execute(select(PERSON).where(PERSON.c.name == name))).one_or_none()
        if row is not None and row.locked_until_us > now_us:
            wait_s = (row.locked_until_us - now_us) // 1_000_000 + 1
            raise Problem(
                429,
                "account_locked",
                f"Too many wrong passwords; wait {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
        if row is None or row.disabled_us is not None or not await self._verify(row.password_hash, password):
            if row is None:
                await self._verify(await self._decoy_hash(), password)
            else:
                await self._count_failure(name, row.failures + 1, now_us)
            raise Problem(401, "sign_in_refused", "The name or the password is not right.")
        step = row.totp_step
        if row.totp_secret is not None:
            if not code:
                raise Problem(401, "second_factor_needed", "Give the six digits of your authenticator too.")
            found = step_of(row.totp_secret, code, now_us / 1e6, row.totp_step)
            if found is None:
                await self._count_failure(name, row.failures + 1, now_us)
                raise Problem(401, "second_factor_refused", "This code is not right, or it was used already.")
            step = found
        token = secrets.token_urlsafe(32)

        async def open_session(connection: AsyncConnection) -> None:
            await connection.execute(delete(SESSION).where(SESSION.c.expires_us <= now_us))
            # The step only ever rises, also for two who show the same code at the same moment.
            unused = (PERSON.c.totp_step < step) if row.totp_secret is not None else true()
            cleared = await connection.execute(
                update(PERSON)
                .where(PERSON.c.name == name, unused)
                .values(failures=0, locked_until_us=0, totp_step=step)
            )
            if cleared.rowcount != 1:
                raise Problem(401, "second_factor_refused", "This code is not right, or it was used already.")
            await connection.execute(
                insert(SESSION).values(
                    token_hash=token_hash(token), person=name, created_us=now_us, expires_us=now_us + SESSION_LIFE_US
                )
            )

        await write(self._engine, open_session)
        return token

    async def sign_in_vouched(self, subject: str, name: str, role: Role, now_us: int) -> tuple[str, str]:
        """A session for whom an identity provider vouches for, and what it changed: "opened" for an account made now,
        "role" for another role than before, or nothing. Raises Problem 403."""
        token = secrets.token_urlsafe(32)

        async def work(connection: AsyncConnection) -> str:
            row = (await connection.execute(select(PERSON).where(PERSON.c.subject == subject))).one_or_none()
            change = ""
            if row is None:
                taken = await connection.execute(select(PERSON.c.name).where(PERSON.c.name == name))
                if taken.first() is not None:
                    # Whoever may choose a name at the provider must not become the one who has it here.
                    raise Problem(403, "oidc_name_taken", f"There is another account named {name!r} here.")
                values = {"role": role, "password_hash": NO_PASSWORD, "created_us": now_us, "subject": subject}
                await connection.execute(insert(PERSON).values(name=name, **values))
                change = "opened"
            elif row.disabled_us is not None:
                raise Problem(403, "oidc_account_closed", "This account was closed.")
            elif row.role != role:
                await connection.execute(update(PERSON).where(PERSON.c.subject == subject).values(role=role))
                change = "role"
            await connection.execute(delete(SESSION).where(SESSION.c.expires_us <= now_us))
            await connection.execute(
                insert(SESSION).values(
                    token_hash=token_hash(token),
                    person=name if row is None else row.name,
                    created_us=now_us,
                    expires_us=now_us + SESSION_LIFE_US,
                )
            )
            return change

        return token, await write(self._engine, work)

    async def session(self, token: str, now_us: int) -> Person | None:
        """Who holds this token; None where it is unknown or over."""
        query = (
            select(PERSON.c.name, PERSON.c.role)
            .join(SESSION, SESSION.c.person == PERSON.c.name)
            .where(
                SESSION.c.token_hash == token_hash(token), SESSION.c.expires_us > now_us, PERSON.c.disabled_us.is_(None)
            )
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Person(row.name, row.role)

    async def sign_out(self, token: str) -> None:
        """End the session of this token."""

        async def close(connection: AsyncConnection) -> None:
            await connection.execute(delete(SESSION).where(SESSION.c.token_hash == token_hash(token)))

        await write(self._engine, close)

    async def _count_failure(self, name: str, failures: int, now_us: int) -> None:
        wait_us = 0
        if failures > FREE_FAILURES:
            wait_us = min(1_000_000 << min(failures - FREE_FAILURES, 12), MAX_LOCK_US)
        locked_until_us = now_us + wait_us if wait_us else 0

        async def count(connection: AsyncConnection) -> None:
            await connection.execute(
                update(PERSON).where(PERSON.c.name == name).values(failures=failures, locked_until_us=locked_until_us)
            )

        await write(self._engine, count)

    async def _hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise Problem(422, "password_too_short", f"A password has {MIN_PASSWORD} characters at least.")
        return await asyncio.to_thread(self._hasher.hash, password)

    async def _decoy_hash(self) -> str:
        if self._decoy is None:
            self._decoy = await asyncio.to_thread(self._hasher.hash, secrets.token_hex())
        return self._decoy

    async def _verify(self, hashed: str, password: str) -> bool:
        try:
            return await asyncio.to_thread(self._hasher.verify, hashed, password)
        except (VerificationError, InvalidHashError):
            return False
