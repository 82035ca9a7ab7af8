"""The audit log: who did what and why, in a Merkle tree that shows any later change.

A leaf is the hash of a random salt and the record, so that a record can be erased (salt and text go) while the root and
every proof stay. A tree head is signed with the hub's own Ed25519 key; whoever keeps an old head can prove that the log
only grew since.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.policy.merkle import Frontier, leaf_hash
from hub.policy.tables import AUDIT, AUDIT_FRONTIER, AUDIT_HEAD
from hub.store.engine import reading, write

Kind = Literal[
    "start",
    "stop",
    "decision",
    "refusal",
    "configuration",
    "person",
    "sensor",
    "read",
    "suspension",
    "erasure",
    "request",
    "missed",
    "report",
    "desk",
    "mended",
]
Beside = Callable[[AsyncConnection], Awaitable[object]]
SALT_BYTES: Final = 16
_FRONTIER_ROW: Final = 1
_FIRST: Final = 7_067_001
"""Number of the lock that the maker of the first record takes."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that was done: `actor` did it to `subject`, for `reason`; `values` are its particulars."""

    at_us: int
    kind: Kind
    actor: str
    subject: str
    reason: str = ""
    values: dict[str, str | int | float | bool] = {}


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed tree head: after `size` leaves the root was `root`."""

    size: int
    at_us: int
    root: bytes
    public_key: bytes
    signature: bytes

    def holds(self) -> bool:
        """True where the signature is that of `public_key` over this head."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(
                self.signature, head_bytes(self.size, self.at_us, self.root)
            )
        except (InvalidSignature, ValueError):
            return False
        return True


class Leaf(Struct, frozen=True, forbid_unknown_fields=True):
    """One row as it is kept and exported; `salt` and `record` are None once it was erased."""

    sequence: int
    at_us: int
    kind: str
    salt: bytes | None
    record: bytes | None
    leaf: bytes


def head_bytes(size: int, at_us: int, root: bytes) -> bytes:
    """What is signed: domain, time, size and root, each of fixed length (after RFC 6962 section 3.5)."""
    return b"tocsin-tree-head-1" + at_us.to_bytes(8, "big") + size.to_bytes(8, "big") + root


def load_audit_key(path: Path) -> Ed25519PrivateKey:
    """The hub's audit key, made at the first start and readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and moved whole: a hub killed in this moment must not find half a key at its next start.
        beside = path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


class AuditLog:
    """Appends records and signs heads."""

    def __init__(self, engine: AsyncEngine, key: Ed25519PrivateKey) -> None:
        self._engine = engine
        self._key = key
        self._lock = asyncio.Lock()

    def pseudonym(self, person: str) -> str:
        """How a person is named in the log: the same each time, and told to nobody who has not the hub's key."""
        return "p-" + hmac.new(self._key.private_bytes_raw(), person.encode(), hashlib.sha256).hexdigest()[:12]

    async def append(self, *records: Record, beside: Beside | None = None) -> int:
        """Keep `records`; returns the size of the log behind them. `beside` is written in the same transaction."""
        salted = [(record, secrets.token_bytes(SALT_BYTES), _encoder.encode(record)) for record in records]

        async def work(connection: AsyncConnection) -> int:
            frontier = await _frontier(connection)
            rows = []
            for record, salt, body in salted:
                leaf = leaf_hash(salt + body)
                row = {"sequence": frontier.size, "at_us": record.at_us, "kind": record.kind}
                rows.append({**row, "salt": salt, "record": body, "leaf": leaf})
                frontier.append(leaf)
            if rows:
                await connection.execute(insert(AUDIT), rows)
            values = {"size": frontier.size, "roots": b"".join(frontier.roots)}
            changed = await connection.execute(
                update(AUDIT_FRONTIER).where(AUDIT_FRONTIER.c.id == _FRONTIER_ROW).values(**values)
            )
            if changed.rowcount == 0:
                await connection.execute(insert(AUDIT_FRONTIER).values(id=_FRONTIER_ROW, **values))
            if beside is not None:
                await beside(connection)
            return frontier.size

        async with self._lock:
            return await write(self._engine, work)

    async def sign_head(self, at_us: int) -> Head:
        """Sign the tree as it is; the head of the same size is signed once."""

        async def work(connection: AsyncConnection) -> Head:
            frontier = await _frontier(connection)
            known = await connection.execute(select(AUDIT_HEAD).where(AUDIT_HEAD.c.size == frontier.size))
            if (row := known.one_or_none()) is not None:
                return Head(*row)
            root = frontier.root()
            signature = self._key.sign(head_bytes(frontier.size, at_us, root))
            head = Head(frontier.size, at_us, root, self._key.public_key().public_bytes_raw(), signature)
            await connection.execute(insert(AUDIT_HEAD).values(**msgspec.structs.asdict(head)))
            return head

        return await write(self._engine, work)

    async def erase(self, sequences: Sequence[int]) -> int:
        """Forget the text of records whose time is over; the root stays. How many were erased."""

        async def work(connection: AsyncConnection) -> int:
            gone = update(AUDIT).where(AUDIT.c.sequence.in_(sequences), AUDIT.c.record.is_not(None))
            return int((await connection.execute(gone.values(salt=None, record=None))).rowcount)

        return await write(self._engine, work)

    async def erase_older(self, before_us: int) -> int:
        """Forget the text of everything done before `before_us`; how many. The root stays, and so does every proof."""

        async def work(connection: AsyncConnection) -> int:
            gone = update(AUDIT).where(AUDIT.c.at_us < before_us, AUDIT.c.record.is_not(None))
            return int((await connection.execute(gone.values(salt=None, record=None))).rowcount)

        return await write(self._engine, work)

    async def leaves(self, after: int = -1, limit: int = 10_000) -> list[Leaf]:
        """Rows behind `after`, in order."""
        query = select(AUDIT).where(AUDIT.c.sequence > after).order_by(AUDIT.c.sequence).limit(limit)
        async with reading(self._engine) as connection:
            return [Leaf(*row) for row in await connection.execute(query)]

    async def heads(self) -> list[Head]:
        """Every signed head, oldest first."""
        async with reading(self._engine) as connection:
            return [Head(*row) for row in await connection.execute(select(AUDIT_HEAD).order_by(AUDIT_HEAD.c.size))]


async def _frontier(connection: AsyncConnection) -> Frontier:
    query = select(AUDIT_FRONTIER.c.size, AUDIT_FRONTIER.c.roots).where(AUDIT_FRONTIER.c.id == _FRONTIER_ROW)
    row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is None and connection.dialect.name == "postgresql":
        # No row to lock yet: of several hubs that start at once, the first to come makes it.
        await connection.execute(func.pg_advisory_xact_lock(_FIRST).select())
        row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is None:
        return Frontier()
    return Frontier(row.size, [row.roots[start : start + 32] for start in range(0, len(row.roots), 32)])
