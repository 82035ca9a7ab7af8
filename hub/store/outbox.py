"""The queue of outgoing messages in the database: claim, settle, dead letters, replay.

A row is claimed for a while, so that a worker that dies gives it back by itself. Messages about one incident go to one
endpoint strictly in order: a cancel never overtakes its dispatch, and behind a dead letter its followers wait for the
replay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.store.changes import Bell, record_changes
from hub.store.engine import reading, write
from hub.store.messages import notice_decoder
from hub.store.reading import delivery_of
from hub.store.records import Delivery, OutboxRow, OutboxState
from hub.store.tables import DELIVERY, ENDPOINT_STATE, OUTBOX

_headers: Final = msgspec.json.Encoder()
_earlier: Final = OUTBOX.alias("earlier")

_unblocked: Final = and_(
    OUTBOX.c.state == "pending",
    ~exists().where(
        _earlier.c.endpoint == OUTBOX.c.endpoint,
        _earlier.c.incident == OUTBOX.c.incident,
        _earlier.c.sequence < OUTBOX.c.sequence,
        _earlier.c.state.in_(("pending", "dead")),
    ),
    ~exists().where(ENDPOINT_STATE.c.endpoint == OUTBOX.c.endpoint),
)


class Outbox:
    """Outgoing messages of all endpoints; `bell` rings when one may have become due."""

    def __init__(self, engine: AsyncEngine, bell: Bell) -> None:
        self._engine = engine
        self.bell = bell

    async def claim(self, endpoint: str, owner: str, now_us: int, lease_us: int, limit: int) -> list[OutboxRow]:
        """Take up to `limit` due messages for `lease_us`; each claim counts as an attempt, even if the worker dies."""
        free = or_(OUTBOX.c.claimed_until_us.is_(None), OUTBOX.c.claimed_until_us <= now_us)
        query = (
            select(OUTBOX)
            .where(OUTBOX.c.endpoint == endpoint, _unblocked, OUTBOX.c.due_us <= now_us, free)
            .order_by(OUTBOX.c.sequence)
            .limit(limit)
            .with_for_update(skip_locked=True, of=OUTBOX)
        )

        async def work(connection: AsyncConnection) -> list[OutboxRow]:
            rows = (await connection.execute(query)).all()
            if rows:
                await connection.execute(
                    update(OUTBOX)
                    .where(OUTBOX.c.sequence.in_([row.sequence for row in rows]))
                    .values(claimed_by=owner, claimed_until_us=now_us + lease_us, attempts=OUTBOX.c.attempts + 1)
                )
            return [_row(row, attempts=row.attempts + 1) for row in rows]

        return await write(self._engine, work)

    async def settle(
        self, row: OutboxRow, delivery: Delivery, state: OutboxState, due_us: int, disable: bool = False
    ) -> None:
        """Log one attempt and say what becomes of the message; `disable` also closes the endpoint (410 Gone)."""

        which = OUTBOX.c.sequence == row.sequence
        if state in ("pending", "dead"):
            # What was superseded while it was on its way is not sent again because this attempt failed.
            which &= OUTBOX.c.state == "pending"

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                update(OUTBOX)
                .where(which)
                .values(state=state, due_us=due_us, claimed_by=None, claimed_until_us=None, error=delivery.error)
            )
            sequence = (
                await connection.execute(insert(DELIVERY).values(**_columns(delivery)).returning(DELIVERY.c.sequence))
            ).scalar_one()
            if delivery.incident is not None:
                await record_changes(connection, [("delivery", delivery.incident, sequence)], delivery.at_us)
            if disable and not await self._is_disabled(connection, row.endpoint):
                await connection.execute(
                    insert(ENDPOINT_STATE).values(
                        endpoint=row.endpoint, disabled_us=delivery.at_us, reason=delivery.error or ""
                    )
                )

        await write(self._engine, work)
        self.bell.ring()

    async def next_due_us(self, endpoint: str) -> int | None:
        """When the next message may be claimed; None while nothing waits."""
        leased = case((OUTBOX.c.claimed_until_us > OUTBOX.c.due_us, OUTBOX.c.claimed_until_us), else_=OUTBOX.c.due_us)
        query = select(func.min(leased)).where(OUTBOX.c.endpoint == endpoint, _unblocked)
        async with reading(self._engine) as connection:
            found: int | None = (await connection.execute(query)).scalar()
        return found

    async def release(self, owner: str | None) -> None:
        """Give back what `owner` had claimed, or anybody where it is None: at its start, after it died.

        The attempt in which it died does not count: a hub that is killed often must not use up a message's schedule.
        """
        given = {"claimed_by": None, "claimed_until_us": None, "attempts": OUTBOX.c.attempts - 1}
        claimed = OUTBOX.c.claimed_by.is_not(None) if owner is None else OUTBOX.c.claimed_by == owner
        await self._change(claimed, **given)

    async def shift(self, by_us: int) -> None:
        """The clock was set by `by_us`: what waits, waits as long as it would have."""
        claimed = OUTBOX.c.claimed_until_us + by_us
        await self._change(OUTBOX.c.state == "pending", due_us=OUTBOX.c.due_us + by_us, claimed_until_us=claimed)

    async def newest_us(self) -> int:
        """The latest moment that anything here was made or tried; 0 where nothing was."""
        made = select(func.coalesce(func.max(OUTBOX.c.created_us), 0))
        tried = select(func.coalesce(func.max(DELIVERY.c.at_us), 0))
        async with reading(self._engine) as connection:
            found = [(await connection.execute(query)).scalar_one() for query in (made, tried)]
        return int(max(found))

    async def hurry(self, endpoint: str, now_us: int) -> None:
        """Make everything that waits for `endpoint` due now: it answers again."""
        waiting = and_(OUTBOX.c.endpoint == endpoint, OUTBOX.c.state == "pending", OUTBOX.c.due_us > now_us)
        await self._change(waiting, due_us=now_us)

    async def rows(self, state: OutboxState | None = None, limit: int = 100) -> list[OutboxRow]:
        """Messages, newest first; the dead letters with `state="dead"`."""
        query = select(OUTBOX).order_by(OUTBOX.c.sequence.desc()).limit(limit)
        if state is not None:
            query = query.where(OUTBOX.c.state == state)
        async with reading(self._engine) as connection:
            return [_row(row) for row in await connection.execute(query)]

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many messages there are by endpoint and state."""
        query = select(OUTBOX.c.endpoint, OUTBOX.c.state, func.count()).group_by(OUTBOX.c.endpoint, OUTBOX.c.state)
        async with reading(self._engine) as connection:
            return {(row[0], row[1]): int(row[2]) for row in await connection.execute(query)}

    async def replay(self, sequences: Sequence[int], now_us: int) -> int:
        """Put dead letters back into the queue under their old ids, with a fresh schedule; how many there were."""
        dead = and_(OUTBOX.c.sequence.in_(sequences), OUTBOX.c.state == "dead")
        return await self._change(dead, state="pending", due_us=now_us, attempts=0, error=None)

    async def enable(self, endpoint: str) -> bool:
        """Open an endpoint that answered 410 again; False where it was not closed."""

        async def work(connection: AsyncConnection) -> bool:
            closed = ENDPOINT_STATE.c.endpoint == endpoint
            return bool((await connection.execute(ENDPOINT_STATE.delete().where(closed))).rowcount)

        opened = await write(self._engine, work)
        self.bell.ring()
        return opened

    async def disabled(self) -> dict[str, str]:
        """Closed endpoints with the reason."""
        async with reading(self._engine) as connection:
            return {row.endpoint: row.reason for row in await connection.execute(select(ENDPOINT_STATE))}

    async def bury_orphans(self, endpoints: Collection[str]) -> int:
        """Make dead letters of what waits for an endpoint that is no longer configured; how many."""
        lost = and_(OUTBOX.c.state == "pending", OUTBOX.c.endpoint.not_in(endpoints))
        return await self._change(lost, state="dead", error="endpoint_removed")

    async def deliveries(self, message_id: str | None = None, limit: int = 100) -> list[Delivery]:
        """The delivery log, newest first."""
        query = select(DELIVERY).order_by(DELIVERY.c.sequence.desc()).limit(limit)
        if message_id is not None:
            query = query.where(DELIVERY.c.message_id == message_id)
        async with reading(self._engine) as connection:
            return [delivery_of(row) for row in await connection.execute(query)]

    async def _change(self, which: ColumnElement[bool], **values: Any) -> int:
        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(update(OUTBOX).where(which).values(**values))).rowcount

        changed = await write(self._engine, work)
        if changed:
            self.bell.ring()
        return changed

    @staticmethod
    async def _is_disabled(connection: AsyncConnection, endpoint: str) -> bool:
        query = select(ENDPOINT_STATE.c.endpoint).where(ENDPOINT_STATE.c.endpoint == endpoint)
        return (await connection.execute(query)).first() is not None


def _columns(delivery: Delivery) -> dict[str, Any]:
    columns = {name: getattr(delivery, name) for name in delivery.__struct_fields__}
    columns["request"] = _headers.encode(delivery.request)
    return columns


def _row(row: Any, attempts: int | None = None) -> OutboxRow:
    return OutboxRow(
        sequence=row.sequence,
        endpoint=row.endpoint,
        state=row.state,
        attempts=row.attempts if attempts is None else attempts,
        created_us=row.created_us,
        due_us=row.due_us,
        notice=notice_decoder.decode(row.body),
        error=row.error,
    )
