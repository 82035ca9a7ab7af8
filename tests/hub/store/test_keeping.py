"""What time does: calls again, expiry, purge with its proof."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.incident import Incident
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Store, TransitionRefused
from hub.store.keeping import escalate, expire
from hub.store.outbox import Outbox
from hub.store.records import Delivery
from hub.store.retention import DAY_US, Retention, purge, purges

Maker = Callable[..., Incident]
NOW = 1_790_000_001_000_000
MINUTE = 60_000_000
POLICE = Endpoint(name="police", url="https://police.example/hook")


async def test_what_nobody_looked_at_is_called_out_again_a_few_times(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine)
    await store.save([make_incident(), make_incident("seen")], NOW)
    await store.decide(make_incident("seen").id, Decision("Claire", "acknowledge", "", NOW, 1))
    called = [await escalate(store, NOW + minute * MINUTE, 2 * MINUTE, 3) for minute in range(12)]
    assert called == [0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    assert [change.kind for change in await store.changes(3)] == ["escalated"] * 3
    stored = await store.incident(make_incident().id)
    assert stored is not None
    assert (stored.state, stored.escalated) == ("open", 3)


async def test_what_nobody_judged_expires_and_can_then_not_be_dispatched(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident("open"), make_incident("seen"), make_incident("judged")], NOW)
    await store.decide(make_incident("seen").id, Decision("Claire", "acknowledge", "", NOW, 1))
    await store.decide(make_incident("judged").id, Decision("Claire", "unsure", "", NOW, 1))
    assert await expire(store, NOW + DAY_US - 1, DAY_US) == 0
    assert await expire(store, NOW + DAY_US, DAY_US) == 2
    assert await expire(store, NOW + DAY_US, DAY_US) == 0
    for name in ("open", "seen"):
        with pytest.raises(TransitionRefused):
            await store.decide(make_incident(name).id, Decision("Claire", "confirm", "", NOW + DAY_US, 1))
    assert await Outbox(engine, store.bell).rows() == []


async def test_a_purge_deletes_what_is_over_its_time_and_leaves_a_proof(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    outbox = Outbox(engine, store.bell)
    names = ("open", "rejected", "confirmed", "waiting")
    await store.save([make_incident(name) for name in names], NOW)
    await store.send_test("police", make_incident().id, NOW)
    await store.decide(make_incident("rejected").id, Decision("Claire", "reject", "a drum", NOW, 1))
    await store.decide(make_incident("confirmed").id, Decision("Claire", "confirm", "", NOW, 1))
    for row in await outbox.claim("police", "hub", NOW, 1, 9):
        await outbox.settle(row, _delivered(row.notice.message_id), "delivered", NOW)
    await store.decide(make_incident("waiting").id, Decision("Claire", "confirm", "", NOW, 1))

    keep = Retention(confirmed_days=300, unconfirmed_days=30, delivery_days=100, change_days=10)
    assert await purge(engine, keep, NOW + 5 * DAY_US) == []
    first = await purge(engine, keep, NOW + 31 * DAY_US)
    assert {one.kind: one.rows for one in first} == {"unconfirmed": 1, "change": 7}
    assert await store.incident(make_incident("rejected").id) is None
    second = await purge(engine, keep, NOW + 301 * DAY_US)
    assert {one.kind: one.rows for one in second} == {"confirmed": 1, "delivery": 2}
    left = {stored.incident.id for stored in await store.incidents()}
    assert left == {make_incident("open").id, make_incident("waiting").id}
    assert await purges(engine) == [*first, *second]


def _delivered(message_id: str) -> Delivery:
    return Delivery(
        message_id=message_id,
        incident=None,
        endpoint="police",
        kind="dispatch",
        attempt=1,
        at_us=NOW,
        status=200,
        ok=True,
        latency_ms=1.0,
    )
