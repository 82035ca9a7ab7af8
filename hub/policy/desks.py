"""Two desks: what people ask about their data, and events that were learnt of otherwise and that the hub missed.

Neither holds a name. A request carries the city's own file number and has to be answered within one month (GDPR article
12(3)); a missed event is the error that a system can't count by itself (report FP23-074A of New York's Comptroller).
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.policy.audit import AuditLog, Record
from hub.policy.tables import DATA_REQUEST, MISSED_EVENT
from hub.store.engine import reading

RequestKind = Literal["access", "rectification", "erasure", "objection", "complaint"]
Answer = Literal["no_data", "given", "refused", "forwarded"]
Source = Literal["call", "patrol", "witness", "press", "other"]

MAX_ROWS: Final = 1_000


class DataRequest(Struct, frozen=True):
    """One request: the city's file number, when it came, by when it has to be answered, how it was."""

    number: int
    kind: RequestKind
    reference: str
    received_us: int
    due_us: int
    answered_us: int | None = None
    answer: Answer | None = None

    def late(self, now_us: int) -> bool:
        """True where the month passed before the answer."""
        return (now_us if self.answered_us is None else self.answered_us) > self.due_us


class MissedEvent(Struct, frozen=True):
    """One event that happened and that the hub did not signal."""

    number: int
    event: str
    happened_us: int
    source: Source
    reference: str
    reported_us: int


def one_month_after(received: dt.datetime) -> dt.datetime:
    """The same day of the next month, or its last day where it has no such day (regulation 1182/71 article 3)."""
    year, month = received.year + received.month // 12, received.month % 12 + 1
    day = min(received.day, calendar.monthrange(year, month)[1])
    return received.replace(year=year, month=month, day=day)


class Desks:
    """Both desks; every act is an audit record in the same transaction."""

    def __init__(self, engine: AsyncEngine, audit: AuditLog, zone: dt.tzinfo) -> None:
        self._engine = engine
        self._audit = audit
        self._zone = zone

    async def receive(self, kind: RequestKind, reference: str, person: str, now_us: int) -> DataRequest:
        """Take in a request; its month begins now."""
        due = one_month_after(dt.datetime.fromtimestamp(now_us / 1e6, self._zone))
        values = {"kind": kind, "reference": reference, "received_us": now_us, "due_us": int(due.timestamp() * 1e6)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(DATA_REQUEST).values(**values))

        record = Record(now_us, "request", self._audit.pseudonym(person), reference, kind, {"act": "received"})
        await self._audit.append(record, beside=work)
        return (await self.requests())[0]

    async def answer(self, number: int, answer: Answer, person: str, now_us: int) -> DataRequest | None:
        """Record the answer; None where there is no such request, or it has been answered."""
        known = next((one for one in await self.requests() if one.number == number), None)
        if known is None or known.answered_us is not None:
            return None

        async def work(connection: AsyncConnection) -> None:
            which = (DATA_REQUEST.c.sequence == number) & DATA_REQUEST.c.answered_us.is_(None)
            await connection.execute(update(DATA_REQUEST).where(which).values(answered_us=now_us, answer=answer))

        values: dict[str, str | int | float | bool] = {"act": "answered", "late": now_us > known.due_us}
        record = Record(now_us, "request", self._audit.pseudonym(person), known.reference, answer, values)
        await self._audit.append(record, beside=work)
        return next(one for one in await self.requests() if one.number == number)

    async def requests(self) -> list[DataRequest]:
        """Newest first."""
        query = select(DATA_REQUEST).order_by(DATA_REQUEST.c.sequence.desc()).limit(MAX_ROWS)
        async with reading(self._engine) as connection:
            return [DataRequest(*row) for row in await connection.execute(query)]

    async def report_missed(
        self, event: str, happened_us: int, source: Source, reference: str, person: str, now_us: int
    ) -> MissedEvent:
        """Record an event that the hub did not signal."""
        values = {"event": event, "happened_us": happened_us, "source": source, "reference": reference}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(MISSED_EVENT).values(**values, reported_us=now_us))

        told: dict[str, str | int | float | bool] = {"happened_us": happened_us, "source": source}
        await self._audit.append(
            Record(now_us, "missed", self._audit.pseudonym(person), event, reference, told), beside=work
        )
        return (await self.missed())[0]

    async def missed(self) -> list[MissedEvent]:
        """Newest first."""
        query = select(MISSED_EVENT).order_by(MISSED_EVENT.c.sequence.desc()).limit(MAX_ROWS)
        async with reading(self._engine) as connection:
            return [MissedEvent(*row) for row in await connection.execute(query)]
