"""Claims: two hubs never hold the same message, and what a dead hub held comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.incident import Incident
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Store, open_engine
from hub.store.outbox import Outbox

Maker = Callable[..., Incident]
NOW = 1_790_000_001_000_000
POLICE = Endpoint(name="police", url="https://police.example/hook")


async def confirmed(store: Store, make_incident: Maker, count: int) -> None:
    made = [make_incident(f"n{index}") for index in range(count)]
    await store.save(made, NOW)
    for incident in made:
        await store.decide(incident.id, Decision("Claire", "confirm", "", NOW, 1))


async def test_two_hubs_never_hold_the_same_message(
    engine: AsyncEngine, database_url: str, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await confirmed(store, make_incident, 20)
    other = open_engine(database_url)
    outboxes = [Outbox(engine, store.bell), Outbox(other, store.bell)]
    claims = await asyncio.gather(
        *(outboxes[index % 2].claim("police", f"hub-{index % 2}", NOW, 60_000_000, 3) for index in range(12))
    )
    taken = [row.sequence for rows in claims for row in rows]
    assert len(taken) == len(set(taken)) == 20
    await other.dispose()


async def test_what_a_dead_hub_held_comes_back_after_its_lease(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    outbox = Outbox(engine, store.bell)
    await confirmed(store, make_incident, 1)
    (held,) = await outbox.claim("police", "hub-1", NOW, 60_000_000, 9)
    assert await outbox.claim("police", "hub-2", NOW + 59_999_999, 60_000_000, 9) == []
    assert await outbox.next_due_us("police") == NOW + 60_000_000
    (again,) = await outbox.claim("police", "hub-2", NOW + 60_000_000, 60_000_000, 9)
    assert again.notice == held.notice
    assert (held.attempts, again.attempts) == (1, 2)


async def test_a_hub_that_starts_takes_back_its_own_claims_only(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    outbox = Outbox(engine, store.bell)
    await confirmed(store, make_incident, 2)
    await outbox.claim("police", "hub-1", NOW, 60_000_000, 1)
    await outbox.claim("police", "hub-2", NOW, 60_000_000, 1)
    await outbox.release("hub-1")
    assert len(await outbox.claim("police", "hub-1", NOW, 60_000_000, 9)) == 1
