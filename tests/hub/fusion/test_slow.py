"""Slow events: merged by place and time, with hysteresis; they grow, and they end."""

from __future__ import annotations

import msgspec
import pytest

from hub.fusion.context import Context, Declared
from hub.fusion.engine import FusionEngine
from hub.incident import Site, needs_second_look


def camera(plane, name: str, east: float) -> Site:
    corners = ((east, 0.0), (east + 40.0, 0.0), (east + 40.0, 40.0), (east, 40.0))
    ring = tuple(plane.degrees(x, y) for x, y in corners)
    latitude, longitude = plane.degrees(east, 0.0)
    return Site(id=name, kind="camera", latitude=latitude, longitude=longitude, zones={"depot": ring})


def seen(shoot, site, at_us, seed, score=0.8, event="intrusion"):
    (d,) = shoot([site], 0.0, 0.0, at_us, seed=seed)
    return msgspec.structs.replace(
        d, event=event, onset=at_us, sent=at_us + 100_000, score=score, peak_db=None, zone="depot", duration_s=2.0
    )


def test_an_intrusion_grows_and_ends(plane, shoot, fuse, t0) -> None:
    site = camera(plane, "cam-1", 0.0)
    told = fuse(FusionEngine([site]), [seen(shoot, site, t0 + i * 5_000_000, i) for i in range(4)], then_s=200.0)
    assert len({i.id for i in told}) == 1
    assert [i.revision for i in told] == [1, 2, 3, 4, 5]
    assert told[-1].settled
    assert told[-1].end_us == t0 + 17_000_000
    assert told[-1].place.kind == "zone"
    assert told[-1].place.outline[0] == told[-1].place.outline[-1]


def test_neighbouring_cameras_tell_one_event_and_far_ones_two(plane, shoot, fuse, t0) -> None:
    near, far = camera(plane, "cam-2", 60.0), camera(plane, "cam-3", 900.0)
    site = camera(plane, "cam-1", 0.0)
    told = fuse(
        FusionEngine([site, near, far]),
        [seen(shoot, s, t0 + i * 1_000_000, i) for i, s in enumerate((site, near, far))],
    )
    assert len({i.id for i in told}) == 2


def test_a_weak_detection_opens_nothing_and_keeps_what_is_open(plane, shoot, fuse, t0) -> None:
    site = camera(plane, "cam-1", 0.0)
    assert not fuse(FusionEngine([site]), [seen(shoot, site, t0, 0, score=0.4)])
    told = fuse(FusionEngine([site]), [seen(shoot, site, t0, 0), seen(shoot, site, t0 + 9_000_000, 1, score=0.4)])
    assert told[-1].end_us == t0 + 11_000_000


def test_after_a_gap_it_is_another_event(plane, shoot, fuse, t0) -> None:
    site = camera(plane, "cam-1", 0.0)
    told = fuse(FusionEngine([site]), [seen(shoot, site, t0, 0), seen(shoot, site, t0 + 600_000_000, 1)])
    assert len({i.id for i in told}) == 2


@pytest.mark.parametrize("event", ["abandoned_object", "fire", "person_down"])
def test_what_cameras_are_often_wrong_about_is_never_called_likely_and_says_so(plane, shoot, fuse, t0, event) -> None:
    sites = [camera(plane, f"cam-{i}", 5.0 * i) for i in range(4)]
    engine = FusionEngine(sites)
    told = fuse(engine, [seen(shoot, s, t0 + i * 1_000_000, i, score=0.99, event=event) for i, s in enumerate(sites)])
    assert all(i.probability <= 0.6001 for i in told)
    assert all(any(term.words == "evidence_second_look" for term in i.evidence) for i in told)
    assert all(needs_second_look(i) for i in told)


def test_an_intrusion_needs_no_second_look(plane, shoot, fuse, t0) -> None:
    (incident, *_) = fuse(
        FusionEngine([camera(plane, "cam-1", 0.0)]), [seen(shoot, camera(plane, "cam-1", 0.0), t0, 0)]
    )
    assert not needs_second_look(incident)


def test_a_siren_that_microphones_around_hear_is_one_event_and_a_far_one_another(plane, shoot, fuse, t0) -> None:
    def microphone(name: str, east: float) -> Site:
        latitude, longitude = plane.degrees(east, 0.0)
        return Site(id=name, kind="microphone", latitude=latitude, longitude=longitude)

    sites = [
        microphone("mic-1", 0.0),
        microphone("mic-2", 350.0),
        microphone("mic-3", 700.0),
        microphone("mic-9", 2_500.0),
    ]
    wailing = [
        msgspec.structs.replace(seen(shoot, site, t0 + i * 1_000_000, i, event="siren"), zone=None)
        for i, site in enumerate(sites)
    ]
    told = fuse(FusionEngine(sites), wailing)
    last = {incident.id: incident for incident in told}
    heard = sorted(sorted({arrival.sensor for arrival in incident.arrivals}) for incident in last.values())
    assert heard == [["mic-1", "mic-2", "mic-3"], ["mic-9"]]


@pytest.mark.parametrize(("event", "lowered"), [("crowd_density", True), ("intrusion", False)])
def test_a_declared_match_explains_a_crowd_and_no_intrusion(plane, shoot, fuse, t0, event: str, lowered: bool) -> None:
    site = camera(plane, "cam-1", 0.0)
    match = Context((Declared("match", "Derby", t0 - 1, t0 + 3_600_000_000),))
    usual = fuse(FusionEngine([site]), [seen(shoot, site, t0, 1, event=event)])[-1]
    declared = fuse(FusionEngine([site], context=match), [seen(shoot, site, t0, 1, event=event)])[-1]
    assert (declared.probability < usual.probability) is lowered
    assert any(term.kind == "context" for term in declared.evidence) is lowered
