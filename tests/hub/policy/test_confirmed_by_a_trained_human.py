"""Whatever people, the clock and the law do: a dispatch was confirmed by a named, trained human in that mode."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from hub.incident import Incident, Place
from hub.policy.basis import Operator
from hub.policy.gate import Gate
from hub.policy.scenario import FOLDER, read_scenario
from hub.policy.standing import Standing
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, StaleRevision, Store, TransitionRefused, UnknownIncident, migrate_engine, open_engine
from hub.store.engine import reading
from hub.store.keeping import escalate, expire
from hub.store.tables import OUTBOX

pytestmark = pytest.mark.timeout(600)
T = TypeVar("T")
NAMES: Final = [uuid5(UUID(int=1), str(index)) for index in range(8)]
PEOPLE: Final = {
    "Claire": Operator("Claire", "police municipale", "2026-10-20", "2027-10-20"),
    "Karim": Operator("Karim", "police municipale", "2026-11-25", "2026-11-30"),
    "Untrained": Operator("Untrained", "police municipale", "", "2027-10-20"),
}
DAY_US: Final = 86_400_000_000


class Evening(RuleBasedStateMachine):
    """Random histories of signals under a prefect's order, with suspensions, an order that ends, and any visitor."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.engine = open_engine("sqlite://")
        self.run(migrate_engine(self.engine))
        self.store = Store(self.engine, (Endpoint(name="police", url="https://police.example"),))
        policy = read_scenario(FOLDER / "big_event_2026.toml")[0].policy
        self.gate = Gate(msgspec.structs.replace(policy, operators=tuple(PEOPLE.values())))
        self.now_us = int(dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC).timestamp() * 1e6)
        self.revisions = dict.fromkeys(NAMES, 0)
        self.allowed: set[UUID] = set()
        self.covered, self.stood = True, False
        self.stopped: set[str] = set()
        self.reported_us: int | None = None

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    @rule(name=st.sampled_from(NAMES), probability=st.sampled_from([0.2, 0.99]), late=st.booleans())
    def fusion_says(self, name: UUID, probability: float, late: bool) -> None:
        self.revisions[name] += 1
        incident = Incident(
            id=name, revision=self.revisions[name], event="intrusion", onset_us=self.now_us, end_us=self.now_us,
            updated_us=self.now_us, place=Place("zone", 45.0, 4.0), probability=probability, late=late,
        )  # fmt: skip
        self.run(self.store.save([incident], self.now_us))

    @rule(
        name=st.sampled_from(NAMES),
        person=st.sampled_from([*PEOPLE, "Somebody", "hub", ""]),
        action=st.sampled_from(["confirm", "confirm", "confirm", "acknowledge", "reject", "unsure", "close"]),
    )
    def person_decides(self, name: UUID, person: str, action: Any) -> None:
        """As `POST /api/v1/incidents/{id}/decisions` does it."""
        if action == "confirm" and self.gate.may_confirm(person, self.now_us) is not None:
            return
        dispatch = self.gate.assessment(self.now_us).may_dispatch("intrusion")
        decision = Decision(person, action, "", self.now_us, max(1, self.revisions[name]))
        try:
            stored = self.run(self.store.decide(name, decision, dispatch=dispatch))
        except (TransitionRefused, StaleRevision, UnknownIncident):
            return
        if action == "confirm" and stored.state == "confirmed" and self._open() and self._trained(person):
            self.allowed.add(name)

    @rule(name=st.sampled_from(NAMES), person=st.sampled_from([*PEOPLE, "Somebody"]))
    def a_person_confirms_at_once(self, name: UUID, person: str) -> None:
        """The shortest way to a dispatch, so that most histories try it in every state of the clock and the stop."""
        self.fusion_says(name, 0.99, False)
        self.person_decides(name, person, "confirm")

    def _open(self) -> bool:
        """The dates of the order, the stop, the outcomes and the weekly report, written a second time."""
        now = dt.datetime.fromtimestamp(self.now_us / 1e6, dt.UTC)
        runs = dt.date(2026, 11, 15) <= now.date() <= dt.date(2026, 12, 10)
        start_us = int(dt.datetime(2026, 11, 15, tzinfo=dt.UTC).timestamp() * 1e6)
        told = not self.stood or self.now_us < max(start_us, self.reported_us or 0) + 8 * DAY_US
        return runs and told and self.covered and "*" not in self.stopped

    def _trained(self, person: str) -> bool:
        """The rule written a second time: the days on which each of the two may confirm."""
        day = dt.datetime.fromtimestamp(self.now_us / 1e6, dt.UTC).date()
        first, last = {
            "Claire": (dt.date(2026, 10, 20), dt.date(2027, 10, 20)),
            "Karim": (dt.date(2026, 11, 25), dt.date(2026, 11, 30)),
        }.get(person, (dt.date.max, dt.date.min))
        return first <= day <= last

    @rule(names=st.sets(st.sampled_from(["*", "cam-hotel-de-ville", "intrusion"])))
    def somebody_stops_or_opens(self, names: set[str]) -> None:
        self.stopped = names
        self.gate.suspend(names)

    @rule(told=st.integers(0, 20), reported=st.booleans())
    def the_hub_looks_how_it_stands(self, told: int, reported: bool) -> None:
        """As the follower of the audit log does it, every ten minutes."""
        self.stood, self.covered = True, told >= 18
        coverage = {"intrusion": (told, 20)}
        self.reported_us = self.now_us if reported else self.reported_us
        self.gate.stand(Standing(coverage=coverage, reported_us=self.reported_us))

    @rule(hours=st.integers(0, 24 * 4))
    def time_passes(self, hours: int) -> None:
        self.now_us += hours * 3_600_000_000
        self.run(expire(self.store, self.now_us, after_us=DAY_US))
        self.run(escalate(self.store, self.now_us, after_us=3_600_000_000, times=3))

    @invariant()
    def dispatched_is_a_subset_of_confirmed_by_a_trained_human(self) -> None:
        async def rows() -> list[Any]:
            async with reading(self.engine) as connection:
                return list(await connection.execute(select(OUTBOX)))

        assert {row.incident for row in self.run(rows())} <= self.allowed

    def teardown(self) -> None:
        self.run(self.engine.dispose())
        self.loop.close()


TestEvening = Evening.TestCase
TestEvening.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
