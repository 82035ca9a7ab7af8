"""The engine: detections in, incidents out; order, repeats and splits change nothing."""

from __future__ import annotations

import random
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.fusion.engine import FusionEngine
from hub.incident import Incident, Site

AROUND = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None, "max_examples": 12}


def settled(told: list[Incident]) -> list[Incident]:
    """The last revision of each incident."""
    return list({incident.id: incident for incident in told}.values())


def test_a_shot_that_seven_sensors_heard_is_placed_within_a_few_metres(microphones, shoot, fuse, metres_off) -> None:
    (incident,) = settled(fuse(FusionEngine(microphones), shoot(microphones, 40.0, -60.0)))
    assert incident.settled
    assert not incident.late
    assert incident.rounds == 1
    assert incident.place.kind == "ellipse"
    assert metres_off(incident, 40.0, -60.0) < 3.0
    assert incident.probability > 0.8
    assert len(incident.arrivals) == 7


def test_the_first_place_is_told_within_a_second_of_the_last_arrival(microphones, shoot, fuse) -> None:
    detections = shoot(microphones, 40.0, -60.0)
    told = fuse(FusionEngine(microphones), detections)
    assert told[0].updated_us <= max(d.onset for d in detections) + 1_000_000


def test_three_rounds_from_one_place_are_one_incident(microphones, shoot, fuse, t0) -> None:
    burst = [d for i in range(3) for d in shoot(microphones, 40.0, -60.0, t0 + i * 450_000, seed=i)]
    (incident,) = settled(fuse(FusionEngine(microphones), sorted(burst, key=lambda d: d.sent)))
    assert incident.rounds == 3
    assert incident.end_us - incident.onset_us > 800_000


def test_echoes_and_a_lying_sensor_stay_unused(microphones, shoot, fuse, metres_off, t0) -> None:
    direct = shoot(microphones, 40.0, -60.0)
    rng = random.Random(4)
    echoes = [
        msgspec.structs.replace(d, id=UUID(int=i + 1), onset=d.onset + late, sent=d.sent + late, score=0.6)
        for i, d in enumerate(direct * 2)
        for late in [rng.randrange(40_000, 700_000)]
    ]
    liar = msgspec.structs.replace(direct[2], onset=direct[2].onset + 137_000, sent=direct[2].sent + 137_000)
    heard = [liar if d is direct[2] else d for d in direct] + echoes
    (incident,) = settled(fuse(FusionEngine(microphones), sorted(heard, key=lambda d: d.sent)))
    assert metres_off(incident, 40.0, -60.0) < 5.0
    assert liar.id not in {a.detection for a in incident.arrivals}


def test_two_shooters_at_once_are_two_incidents(microphones, shoot, fuse, metres_off, plane, t0) -> None:
    far = []
    for i, site in enumerate(microphones):
        x, y = plane.metres(site.latitude, site.longitude)
        latitude, longitude = plane.degrees(float(x) + 1_500.0, float(y))
        far.append(Site(id=f"far-{i}", kind="microphone", latitude=latitude, longitude=longitude))
    both = shoot(microphones, 30.0, 20.0) + shoot(far, 1_480.0, -40.0, t0 + 30_000, seed=1)
    found = settled(fuse(FusionEngine(microphones + far), sorted(both, key=lambda d: d.sent)))
    assert len(found) == 2
    assert min(metres_off(i, 30.0, 20.0) for i in found) < 4.0
    assert min(metres_off(i, 1_480.0, -40.0) for i in found) < 4.0


def test_a_detection_is_evidence_of_at_most_one_incident(microphones, shoot, fuse, t0) -> None:
    both = shoot(microphones, 30.0, 20.0) + shoot(microphones, -120.0, 140.0, t0 + 90_000, seed=1)
    found = settled(fuse(FusionEngine(microphones), sorted(both, key=lambda d: d.sent)))
    used = [a.detection for incident in found for a in incident.arrivals]
    assert len(used) == len(set(used))


@settings(**AROUND)
@given(order=st.permutations(range(21)), repeats=st.lists(st.integers(0, 20), max_size=8))
def test_order_and_repeats_within_the_allowed_lateness_change_nothing(
    microphones, shoot, fuse, t0, order, repeats
) -> None:
    burst = [d for i in range(3) for d in shoot(microphones, 40.0, -60.0, t0 + i * 450_000, seed=i)]
    now = max(d.sent for d in burst)
    burst = [msgspec.structs.replace(d, sent=now) for d in burst]
    shuffled = [burst[i] for i in [*order, *repeats]]
    expected = settled(fuse(FusionEngine(microphones), burst))
    assert settled(fuse(FusionEngine(microphones), shuffled)) == expected


@settings(**AROUND)
@given(delays=st.lists(st.integers(0, 1_500_000), min_size=7, max_size=7))
def test_late_uplinks_give_the_same_place_and_rounds(microphones, shoot, fuse, delays) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    (expected,) = settled(fuse(FusionEngine(microphones), shot))
    delayed = [msgspec.structs.replace(d, sent=d.sent + late) for d, late in zip(shot, delays, strict=True)]
    (found,) = settled(fuse(FusionEngine(microphones), sorted(delayed, key=lambda d: d.sent)))
    assert abs(found.place.latitude - expected.place.latitude) < 1e-7
    assert abs(found.place.longitude - expected.place.longitude) < 1e-7
    assert found.rounds == expected.rounds
    assert {a.detection for a in found.arrivals} == {a.detection for a in expected.arrivals}


@settings(**AROUND)
@given(ticks=st.lists(st.integers(0, 8_000_000), max_size=20))
def test_looking_more_often_changes_nothing(microphones, shoot, t0, ticks) -> None:
    shot = sorted(shoot(microphones, 40.0, -60.0), key=lambda d: d.sent)

    def run(extra: list[int]) -> list[Incident]:
        engine, told = FusionEngine(microphones), []
        steps = [(d.sent, 1, d) for d in shot] + [(t0 + tick, 0, None) for tick in extra]
        for now, _, d in sorted(steps, key=lambda step: step[:2]):
            told += engine.advance(now) if d is None else engine.offer(d, now)
        return told + engine.advance(t0 + 60_000_000)

    assert run(ticks) == run([])


def test_the_same_log_gives_the_same_incidents_bit_for_bit(microphones, shoot, fuse, t0) -> None:
    burst = [d for i in range(3) for d in shoot(microphones, -90.0, 30.0, t0 + i * 300_000, seed=i)]
    first = msgspec.json.encode(fuse(FusionEngine(microphones), burst))
    assert msgspec.json.encode(fuse(FusionEngine(microphones), burst)) == first


def test_what_comes_after_the_window_corrects_the_incident_and_says_so(microphones, shoot, fuse, t0) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    engine = FusionEngine(microphones)
    before = settled(fuse(engine, shot[:6], then_s=20.0))
    told = engine.offer(shot[6], t0 + 30_000_000) + engine.advance(t0 + 40_000_000)
    assert [i.id for i in told] == [before[0].id]
    assert told[-1].late
    assert told[-1].settled
    assert len(told[-1].arrivals) == 7


def test_an_exercise_never_meets_a_real_shot(microphones, shoot, fuse, t0) -> None:
    half = shoot(microphones[:3], 40.0, -60.0, exercise=True) + shoot(microphones[3:], 40.0, -60.0, seed=1)
    for incident in settled(fuse(FusionEngine(microphones), sorted(half, key=lambda d: d.sent))):
        assert len(incident.arrivals) <= 4
    (exercise,) = settled(fuse(FusionEngine(microphones), shoot(microphones, 0.0, 0.0, exercise=True)))
    assert exercise.exercise


def test_unknown_sensors_and_very_old_detections_are_counted(microphones, shoot, t0) -> None:
    engine = FusionEngine(microphones)
    (d, *_) = shoot(microphones, 0.0, 0.0)
    engine.offer(msgspec.structs.replace(d, sensor="stranger"), t0)
    engine.offer(d, t0 + 600_000_000)
    assert (engine.unknown_sensors, engine.too_late) == (1, 1)


def test_nothing_is_needed_of_the_log_once_all_has_settled(microphones, shoot, fuse) -> None:
    engine = FusionEngine(microphones)
    shot = shoot(microphones, 40.0, -60.0)
    engine.offer(shot[0], shot[0].sent)
    assert engine.open_since_us is not None
    assert engine.open_since_us <= shot[0].onset
    fuse(engine, shot)
    assert engine.open_since_us is None


def test_sites_may_change_while_a_window_is_open(microphones, shoot, fuse, metres_off) -> None:
    engine = FusionEngine(microphones)
    shot = sorted(shoot(microphones, 40.0, -60.0), key=lambda d: d.sent)
    for d in shot[:4]:
        engine.offer(d, d.sent)
    engine.update_sites([*microphones, Site(id="new", kind="microphone", latitude=45.9, longitude=4.9)])
    (incident,) = settled(fuse(engine, shot[4:]))
    assert metres_off(incident, 40.0, -60.0) < 3.0


def test_where_few_sensors_stand_a_far_one_still_counts_for_the_place(
    microphones, shoot, fuse, metres_off, plane
) -> None:
    far = [
        Site(id=f"far-{i}", kind="microphone", latitude=latitude, longitude=longitude)
        for i, (latitude, longitude) in enumerate([plane.degrees(1_350.0, 100.0), plane.degrees(-300.0, -1_300.0)])
    ]
    few = [*microphones[:2], *far]
    (incident,) = settled(fuse(FusionEngine(few), shoot(few, 30.0, 20.0)))
    assert len({a.sensor for a in incident.arrivals}) == 4
    assert metres_off(incident, 30.0, 20.0) < 25.0
