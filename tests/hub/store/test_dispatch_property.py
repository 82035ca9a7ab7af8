"""Whatever fusion, people and the clock do: nothing is dispatched that a person has not confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from hub.incident import Incident, Place
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, StaleRevision, Store, TransitionRefused, UnknownIncident, migrate_engine, open_engine
from hub.store.engine import reading
from hub.store.keeping import escalate, expire
from hub.store.tables import OUTBOX

T = TypeVar("T")
NAMES: Final = [uuid5(UUID(int=0), str(index)) for index in range(3)]
ENDPOINTS: Final = (
    Endpoint(name="police", url="https://police.example"),
    Endpoint(name="drill", url="https://drill.example", exercise=True),
    Endpoint(name="fire", url="https://fire.example", events=("fire",)),
    Endpoint(name="pager", url="https://pager.example", purpose="escalation"),
)


class Dispatch(RuleBasedStateMachine):
    """Random lives of three incidents, with one or two persons asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.engine = open_engine("sqlite://")
        self.run(migrate_engine(self.engine))
        self.store = Store(self.engine, ENDPOINTS)
        self.now_us = 1_790_000_000_000_000
        self.confirmed: set[UUID] = set()
        self.revisions = dict.fromkeys(NAMES, 0)
        self.exercise: dict[UUID, bool] = {}

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    @rule(confirmations=st.sampled_from([1, 2]))
    def ask_for(self, confirmations: int) -> None:
        self.store.confirmations = confirmations

    @rule(
        name=st.sampled_from(NAMES),
        rounds=st.integers(1, 3),
        probability=st.sampled_from([0.2, 0.99]),
        late=st.booleans(),
        exercise=st.booleans(),
        east=st.sampled_from([0.0, 0.01]),
    )
    def fusion_says(self, name: UUID, rounds: int, probability: float, late: bool, exercise: bool, east: float) -> None:
        self.revisions[name] += 1
        incident = Incident(
            id=name,
            revision=self.revisions[name],
            event="gunshot",
            onset_us=self.now_us,
            end_us=self.now_us,
            updated_us=self.now_us,
            place=Place("disc", 45.0, 4.0 + east),
            probability=probability,
            rounds=rounds,
            exercise=self.exercise.setdefault(name, exercise),
            late=late,
        )
        self.run(self.store.save([incident], self.now_us))

    @rule(
        name=st.sampled_from(NAMES),
        person=st.sampled_from(["Claire", "Karim"]),
        action=st.sampled_from(["acknowledge", "confirm", "reject", "unsure", "close"]),
        behind=st.integers(0, 1),
    )
    def person_decides(self, name: UUID, person: str, action: Any, behind: int) -> None:
        decision = Decision(person, action, "", self.now_us, max(1, self.revisions[name] - behind))
        try:
            stored = self.run(self.store.decide(name, decision))
        except (TransitionRefused, StaleRevision, UnknownIncident):
            return
        confirming = {one.person for one in stored.decisions if one.action == "confirm"}
        if stored.state == "confirmed":
            assert confirming
            self.confirmed.add(name)

    @rule(hours=st.integers(0, 30))
    def time_passes(self, hours: int) -> None:
        self.now_us += hours * 3_600_000_000
        self.run(expire(self.store, self.now_us, after_us=86_400_000_000))
        self.run(escalate(self.store, self.now_us, after_us=3_600_000_000, times=3))

    @invariant()
    def dispatched_is_a_subset_of_confirmed(self) -> None:
        async def rows() -> list[Any]:
            async with reading(self.engine) as connection:
                return list(await connection.execute(select(OUTBOX)))

        every = self.run(rows())
        found = [row for row in every if row.kind != "escalation"]
        assert {row.endpoint for row in every if row.kind == "escalation"} <= {"pager"}
        assert "pager" not in {row.endpoint for row in found}, "who is called is never dispatched"
        assert {row.incident for row in found} <= self.confirmed
        dispatches = [(row.incident, row.endpoint) for row in found if row.kind == "dispatch"]
        assert len(dispatches) == len(set(dispatches)), "nobody is dispatched twice to one incident"
        for row in found:
            assert (row.endpoint == "drill") == self.exercise[row.incident]
            assert (row.incident, row.endpoint) in dispatches, "what follows a dispatch follows one"

    def teardown(self) -> None:
        self.run(self.engine.dispose())
        self.loop.close()


TestDispatch = Dispatch.TestCase
TestDispatch.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
