"""What the store promises: revisions, the life-cycle, and a dispatch for a person's confirmation only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.incident import Incident, Place
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, SecondPersonNeeded, StaleRevision, Store, TransitionRefused, UnknownIncident
from hub.store.engine import reading
from hub.store.messages import notice_decoder
from hub.store.tables import OUTBOX

Maker = Callable[..., Incident]
NOW = 1_790_000_001_000_000
POLICE = Endpoint(name="police", url="https://police.example/hook")


def decision(action: Any, person: str = "Claire", revision: int = 1, at_us: int = NOW, reason: str = "") -> Decision:
    return Decision(person, action, reason, at_us, revision)


async def messages(engine: AsyncEngine) -> list[tuple[str, str, str]]:
    async with reading(engine) as connection:
        rows = await connection.execute(
            select(OUTBOX.c.endpoint, OUTBOX.c.kind, OUTBOX.c.state).order_by(OUTBOX.c.sequence)
        )
        return [(row.endpoint, row.kind, row.state) for row in rows]


async def test_an_incident_is_kept_with_every_revision(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine)
    first, second = make_incident(), make_incident(revision=2, rounds=3)
    await store.save([first], NOW)
    (stored,) = await store.save([second], NOW + 1)
    assert (stored.incident, stored.state, stored.created_us) == (second, "open", NOW)
    assert await store.revisions(first.id) == [first, second]


async def test_a_repeated_or_older_revision_changes_nothing(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine)
    await store.save([make_incident(revision=2)], NOW)
    changes = await store.changes(0)
    await store.save([make_incident(revision=2), make_incident(revision=1, rounds=9)], NOW + 1)
    assert await store.changes(0) == changes
    assert [one.revision for one in await store.revisions(make_incident().id)] == [2]


async def test_incidents_are_listed_newest_first_in_pages(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine)
    made = [make_incident(f"n{index}", onset_us=NOW + index) for index in range(5)]
    await store.save(made, NOW)
    page = await store.incidents(limit=2)
    assert [one.incident for one in page] == [made[4], made[3]]
    following = await store.incidents(limit=9, before=page[-1].incident.onset_us)
    assert [one.incident for one in following] == [made[2], made[1], made[0]]
    assert [one.incident for one in await store.incidents(since_us=NOW + 4)] == [made[4]]
    assert await store.incidents(state="confirmed") == []
    assert len(await store.incidents(event="gunshot")) == 5


async def test_only_a_confirmation_makes_a_message(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    incident = make_incident()
    await store.save([incident], NOW)
    await store.decide(incident.id, decision("acknowledge"))
    await store.decide(incident.id, decision("unsure"))
    assert await messages(engine) == []
    stored = await store.decide(incident.id, decision("confirm", reason="seen on camera 3"))
    assert (stored.state, stored.decided_by, stored.decided_us) == ("confirmed", "Claire", NOW)
    assert [one.action for one in stored.decisions] == ["acknowledge", "unsure", "confirm"]
    assert await messages(engine) == [("police", "dispatch", "pending")]


async def test_a_repeated_confirmation_dispatches_once(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    results = await asyncio.gather(*(store.decide(make_incident().id, decision("confirm")) for _ in range(5)))
    assert {one.state for one in results} == {"confirmed"}
    assert len(results[0].decisions) == 1
    assert await messages(engine) == [("police", "dispatch", "pending")]


async def test_of_two_people_at_once_one_wins_and_the_other_hears_why(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    results = await asyncio.gather(
        store.decide(make_incident().id, decision("confirm", "Claire")),
        store.decide(make_incident().id, decision("reject", "Karim")),
        return_exceptions=True,
    )
    refused = [one for one in results if isinstance(one, TransitionRefused)]
    assert len(refused) == 1
    stored = await store.incident(make_incident().id)
    assert stored is not None
    assert len(stored.decisions) == 1
    assert len(await messages(engine)) == (1 if stored.state == "confirmed" else 0)


async def test_the_life_cycle_refuses_what_it_does_not_allow(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    with pytest.raises(TransitionRefused, match="cannot be closed"):
        await store.decide(make_incident().id, decision("close"))
    await store.decide(make_incident().id, decision("reject"))
    with pytest.raises(TransitionRefused):
        await store.decide(make_incident().id, decision("confirm", "Karim"))
    with pytest.raises(UnknownIncident):
        await store.decide(uuid4(), decision("confirm"))
    assert await messages(engine) == []


async def test_what_changed_in_substance_has_to_be_looked_at_again(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    await store.save([make_incident(revision=2)], NOW)
    await store.save([make_incident(revision=3, place=Place("ellipse", 45.4497, 4.3872))], NOW)
    with pytest.raises(StaleRevision) as refusal:
        await store.decide(make_incident().id, decision("confirm", revision=2))
    assert (refusal.value.seen, refusal.value.current) == (2, 3)
    assert await messages(engine) == []
    await store.decide(make_incident().id, decision("confirm", revision=3))
    assert len(await messages(engine)) == 1


async def test_a_newer_revision_that_says_the_same_does_not_stand_in_the_way(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    await store.save([make_incident(revision=2, settled=True)], NOW)
    assert (await store.decide(make_incident().id, decision("confirm", revision=1))).state == "confirmed"


async def test_exercises_go_to_exercise_endpoints_only(engine: AsyncEngine, make_incident: Maker) -> None:
    drill = Endpoint(name="drill", url="https://drill.example", exercise=True)
    store = Store(engine, [POLICE, drill])
    await store.save([make_incident("real"), make_incident("drill", exercise=True)], NOW)
    await store.decide(make_incident("drill").id, decision("confirm"))
    assert await messages(engine) == [("drill", "dispatch", "pending")]
    await store.decide(make_incident("real").id, decision("confirm"))
    assert await messages(engine) == [("drill", "dispatch", "pending"), ("police", "dispatch", "pending")]


async def test_a_dispatched_incident_that_changes_is_updated_and_closing_it_cancels(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident()], NOW)
    await store.decide(make_incident().id, decision("confirm"))
    await store.save([make_incident(revision=2, settled=True)], NOW + 1)
    assert len(await messages(engine)) == 1, "the same in substance is not said twice"
    await store.save([make_incident(revision=3, rounds=4)], NOW + 2)
    await store.save([make_incident(revision=4, rounds=5)], NOW + 3)
    await store.decide(make_incident().id, decision("close", reason="over", revision=4, at_us=NOW + 4))
    assert await messages(engine) == [
        ("police", "dispatch", "pending"),
        ("police", "update", "superseded"),
        ("police", "update", "superseded"),
        ("police", "cancel", "pending"),
    ]
    async with reading(engine) as connection:
        body = (await connection.execute(select(OUTBOX.c.body).where(OUTBOX.c.kind == "cancel"))).scalar_one()
    notice = notice_decoder.decode(body)
    assert notice.reason == "over"
    assert len(notice.references) == 1


async def test_what_was_known_only_too_late_is_confirmed_but_never_dispatched(
    engine: AsyncEngine, make_incident: Maker
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident("late", late=True), make_incident("corrected")], NOW)
    await store.save([make_incident("corrected", revision=2, late=True)], NOW)
    assert (await store.decide(make_incident("late").id, decision("confirm"))).state == "confirmed"
    assert await messages(engine) == []
    await store.decide(make_incident("corrected").id, decision("confirm", revision=2))
    assert len(await messages(engine)) == 1


@pytest.mark.parametrize("event", ["abandoned_object", "fire", "person_down"])
async def test_what_only_cameras_guess_is_confirmed_but_sends_nobody(
    engine: AsyncEngine, make_incident: Maker, event: str
) -> None:
    store = Store(engine, [POLICE])
    await store.save([make_incident(event, event=event, evidence=())], NOW)
    assert (await store.decide(make_incident(event).id, decision("confirm"))).state == "confirmed"
    assert await messages(engine) == []


async def test_two_persons_confirm_where_two_are_asked_for(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE], confirmations=2)
    await store.save([make_incident()], NOW)
    assert (await store.decide(make_incident().id, decision("confirm", "Claire"))).state == "acknowledged"
    assert (await store.decide(make_incident().id, decision("confirm", "Claire"))).state == "acknowledged"
    assert await messages(engine) == []
    assert (await store.decide(make_incident().id, decision("confirm", "Karim"))).state == "confirmed"
    assert len(await messages(engine)) == 1


async def test_a_confirmation_does_not_stand_after_a_doubt(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE], confirmations=2)
    await store.save([make_incident()], NOW)
    await store.decide(make_incident().id, decision("confirm", "Claire"))
    await store.decide(make_incident().id, decision("unsure", "Karim"))
    assert (await store.decide(make_incident().id, decision("confirm", "Karim"))).state == "unsure"
    assert await messages(engine) == []
    await store.decide(make_incident().id, decision("confirm", "Claire", at_us=NOW + 1))
    assert len(await messages(engine)) == 1


async def test_one_person_cannot_confirm_twice_by_looking_again(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE], confirmations=2)
    await store.save([make_incident()], NOW)
    await store.decide(make_incident().id, decision("confirm", "Claire"))
    await store.save([make_incident(revision=2, settled=True)], NOW)
    with pytest.raises(SecondPersonNeeded, match="a second person"):
        await store.decide(make_incident().id, decision("confirm", "Claire", revision=2))
    assert await messages(engine) == []


async def test_changes_are_numbered_without_gaps_whoever_writes(engine: AsyncEngine, make_incident: Maker) -> None:
    store = Store(engine, [POLICE])
    await asyncio.gather(*(store.save([make_incident(f"n{index}")], NOW) for index in range(10)))
    await asyncio.gather(*(store.decide(make_incident(f"n{index}").id, decision("confirm")) for index in range(10)))
    found = await store.changes(0)
    assert [one.sequence for one in found] == list(range(1, 21))
    assert await store.newest_change() == 20
    assert await store.changes(18) == found[18:]
