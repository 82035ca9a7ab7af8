"""An incident that nobody looks at is called out to those on duty, and no call goes on once somebody came."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.access.tables import PERSON
from hub.incident import Incident
from hub.sinks.cloudevents import cloudevent
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Store
from hub.store.duty import Shift
from hub.store.engine import write
from hub.store.keeping import escalate, expire
from hub.store.outbox import Outbox
from hub.store.records import Delivery, OutboxRow
from hub.store.roster import add_shift, read_roster

Maker = Callable[..., Incident]
NOW = 1_790_000_001_000_000
MINUTE = 60_000_000
PAGER = Endpoint(name="pager", url="https://pager.example", purpose="escalation")
POLICE = Endpoint(name="police", url="https://police.example")


async def _roster(engine: AsyncEngine) -> None:
    """Ana first, Karim second, all day long; Max too, who may no longer sign in."""

    async def work(connection: AsyncConnection) -> None:
        for name, level, disabled in (("Ana", 1, None), ("Karim", 2, None), ("Max", 1, NOW)):
            values = {"role": "operator", "password_hash": "x", "created_us": 1, "disabled_us": disabled}
            await connection.execute(insert(PERSON).values(name=name, **values))
            await add_shift(connection, Shift(0, name, level, (1, 2, 3, 4, 5, 6, 7), 0, 0, date(2026, 1, 1), None))

    await write(engine, work)


async def _calls(outbox: Outbox) -> list[OutboxRow]:
    return [row for row in reversed(await outbox.rows()) if row.state == "pending"]


async def test_the_first_call_goes_to_the_first_level_and_the_second_to_both(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    await _roster(engine)
    store = Store(engine, [PAGER, POLICE])
    outbox = Outbox(engine, store.bell)
    await store.save([make_incident()], NOW)
    told = []
    for minute in (2, 4, 6):
        assert await escalate(store, NOW + minute * MINUTE, 2 * MINUTE, 3) == 1
        (row,) = await _calls(outbox)
        assert (row.endpoint, row.notice.kind) == ("pager", "escalation")
        assert row.notice.call is not None
        told.append((row.notice.call.number, [one.person for one in row.notice.call.on_duty]))
    assert told == [(1, ["Ana"]), (2, ["Ana", "Karim"]), (3, ["Ana", "Karim"])]


async def test_a_call_says_that_an_incident_waits_and_not_where(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [PAGER])
    outbox = Outbox(engine, store.bell)
    await store.save([make_incident()], NOW)
    await escalate(store, NOW + 2 * MINUTE, 2 * MINUTE, 3)
    (row,) = await _calls(outbox)
    event = json.loads(cloudevent(row.notice, "tocsin"))
    assert event["type"] == "org.tocsin.incident.waiting"
    said = {"kind", "sent", "incident", "event", "onset", "exercise", "waiting_since", "call", "calls", "on_duty"}
    assert set(event["data"]) == said
    assert event["data"]["on_duty"] == []  # nobody is on the roster: the call goes out all the same


async def test_whoever_comes_silences_the_call_also_one_that_is_on_its_way(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [PAGER])
    outbox = Outbox(engine, store.bell)
    await store.save([make_incident("waits"), make_incident("flies"), make_incident("expires")], NOW)
    await escalate(store, NOW + 2 * MINUTE, 2 * MINUTE, 3)
    rows = await outbox.claim("pager", "hub", NOW + 2 * MINUTE, 30_000_000, 1)
    (flying,) = rows
    assert flying.notice.incident is not None
    for name in ("waits", "flies"):
        await store.decide(make_incident(name).id, Decision("Ana", "acknowledge", "", NOW + 3 * MINUTE, 1))
    failed = Delivery(
        message_id=flying.notice.message_id, incident=flying.notice.incident.id, endpoint="pager", kind="escalation",
        attempt=1, at_us=NOW, status=500, ok=False, latency_ms=1.0, error="http_500",
    )  # fmt: skip
    await outbox.settle(flying, failed, "pending", NOW + 4 * MINUTE)
    assert await expire(store, NOW + 90_000 * MINUTE, 80_000 * MINUTE) == 3
    assert await _calls(outbox) == []


async def test_who_was_called_is_not_dispatched_and_hears_nothing_of_a_confirmation(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [PAGER, POLICE])
    outbox = Outbox(engine, store.bell)
    await store.save([make_incident()], NOW)
    await escalate(store, NOW + 2 * MINUTE, 2 * MINUTE, 3)
    await store.decide(make_incident().id, Decision("Ana", "confirm", "", NOW, 1))
    await store.save([make_incident(revision=2, rounds=5)], NOW)
    await store.decide(make_incident().id, Decision("Ana", "close", "", NOW, 2))
    assert {row.notice.kind for row in await outbox.rows() if row.endpoint == "pager"} == {"escalation"}
    assert {row.notice.kind for row in await outbox.rows() if row.endpoint == "police"} == {
        "dispatch",
        "update",
        "cancel",
    }


async def test_an_exercise_calls_only_where_exercises_go(engine: AsyncEngine, make_incident: Maker) -> None:
    drill = Endpoint(name="drill", url="https://drill.example", purpose="escalation", exercise=True)
    store = Store(engine, [PAGER, drill])
    await store.save([make_incident(exercise=True)], NOW)
    await escalate(store, NOW + 2 * MINUTE, 2 * MINUTE, 3)
    assert [row.endpoint for row in await Outbox(engine, store.bell).rows()] == ["drill"]


async def test_a_roster_comes_back_as_it_was_entered(engine: AsyncEngine) -> None:
    await _roster(engine)
    roster = await read_roster(engine)
    assert [shift.person for shift in roster.shifts] == ["Ana", "Karim"]
    assert roster.shifts[0].since == date(2026, 1, 1)
