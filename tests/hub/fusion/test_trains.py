"""Shots that follow each other closer than sound crosses a quarter: each is told, in time, as itself."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.fusion.engine import FusionEngine
from hub.fusion.identity import new_id
from hub.incident import Incident

SHOTS = 5
PLACES = ((40.0, -60.0), (-50.0, 30.0), (45.0, -52.0), (120.0, 90.0), (38.0, -66.0))
"""Some of them next to each other: a shot from the same window, five seconds later."""


def train(shoot, microphones, start_us: int, gaps_s: list[float]) -> tuple[list[int], list]:
    """When each shot was fired, and what was heard of all: each front is picked twice, as roofs make it."""
    fired, heard, at_us = [], [], start_us
    for number, (place, gap_s) in enumerate(zip(PLACES, gaps_s, strict=True)):
        at_us += round(gap_s * 1e6)
        fired.append(at_us)
        for d in shoot(microphones, *place, at_us, seed=number):
            again = UUID(int=d.id.int + (1 << 100))
            late = d.onset + 16_000
            heard += [d, msgspec.structs.replace(d, id=again, onset=late, sent=d.sent + 16_000, score=0.85)]
    return fired, sorted(heard, key=lambda d: (d.sent, d.id.int))


def told_of(incidents: list[Incident], fired_us: int) -> list[Incident]:
    """Every revision whose first round is this shot."""
    return [incident for incident in incidents if abs(incident.onset_us - fired_us) < 200_000]


@pytest.mark.parametrize("gap_s", [3.3, 4.2, 4.6, 5.2])
def test_each_shot_of_a_train_is_told_within_two_seconds_of_its_last_arrival(
    microphones, shoot, fuse, t0, gap_s
) -> None:
    fired, heard = train(shoot, microphones, t0, [gap_s] * SHOTS)
    told = fuse(FusionEngine(microphones), heard)
    assert len({incident.id for incident in told}) == SHOTS
    for at_us in fired:
        mine = told_of(told, at_us)
        assert len({incident.id for incident in mine}) == 1
        assert mine[0].updated_us - at_us < 3_500_000
        assert not any(incident.late for incident in mine), "a late incident is never dispatched"
        assert mine[-1].probability > 0.5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(gaps=st.lists(st.floats(3.2, 9.0), min_size=SHOTS, max_size=SHOTS))
def test_what_was_told_of_one_shot_never_comes_to_mean_another(microphones, shoot, fuse, t0, gaps) -> None:
    _, heard = train(shoot, microphones, t0, gaps)
    meant: dict[UUID, int] = {}
    for incident in fuse(FusionEngine(microphones), heard):
        first_us = meant.setdefault(incident.id, incident.onset_us)
        assert abs(incident.onset_us - first_us) < 1_000_000
        assert not any(term.kind == "withdrawn" for term in incident.evidence)


def test_a_second_shooter_within_the_first_ones_echoes_is_told(microphones, shoot, fuse, metres_off, t0) -> None:
    both = shoot(microphones, -150.0, -80.0) + shoot(microphones, 160.0, 60.0, t0 + 700_000, seed=1)
    found = {i.id: i for i in fuse(FusionEngine(microphones), sorted(both, key=lambda d: d.sent))}
    assert len(found) == 2
    assert min(metres_off(i, -150.0, -80.0) for i in found.values()) < 4.0
    assert min(metres_off(i, 160.0, 60.0) for i in found.values()) < 4.0


def test_two_incidents_never_share_an_id(microphones, shoot, fuse, t0) -> None:
    heard = [
        d
        for number, (x, late_s) in enumerate([(-150.0, 0.0), (160.0, 0.7), (20.0, 1.4), (-60.0, 2.2)])
        for d in shoot(microphones, x, 40.0, t0 + round(late_s * 1e6), seed=number)
    ]
    taken = {UUID(int=1)}
    assert new_id(t0, UUID(int=7), taken) == new_id(t0, UUID(int=7), set())
    assert new_id(t0, UUID(int=7), {new_id(t0, UUID(int=7), set())}) != new_id(t0, UUID(int=7), set())
    revisions: dict[UUID, int] = {}
    for incident in fuse(FusionEngine(microphones), sorted(heard, key=lambda d: d.sent)):
        assert incident.revision == revisions.get(incident.id, 0) + 1, "each id counts its own revisions"
        revisions[incident.id] = incident.revision
