"""How soon something is told: as soon as enough sensors agree, and a bang without a place waits for company."""

from __future__ import annotations

from hub.fusion.engine import FusionEngine
from hub.fusion.settings import FusionSettings

SOON_US = 60_000
"""A look at new picks, and no more."""


def test_a_clear_shot_is_told_as_soon_as_enough_sensors_have_spoken(microphones, shoot, fuse) -> None:
    heard = sorted(shoot(microphones, 40.0, -60.0), key=lambda d: d.sent)
    told = fuse(FusionEngine(microphones), heard)
    assert told[0].place.kind == "ellipse"
    assert told[0].updated_us - heard[4].sent <= SOON_US


def test_fusion_says_when_it_wants_to_look_again(microphones, shoot) -> None:
    engine = FusionEngine(microphones)
    assert engine.due_us is None
    (first, *_) = shoot(microphones, 40.0, -60.0)
    engine.offer(first, first.sent)
    assert engine.due_us is not None
    assert first.sent < engine.due_us <= first.sent + SOON_US
    while (due_us := engine.due_us) is not None:
        engine.advance(due_us)
        assert engine.due_us is None or engine.due_us > due_us


def test_a_shot_that_one_sensor_heard_waits_for_the_others_before_a_disc_is_told(microphones, shoot, fuse) -> None:
    (first, *_) = shoot(microphones, 40.0, -60.0, score=0.97)
    told = fuse(FusionEngine(microphones), [first])
    assert told[0].place.kind == "disc"
    waited_us = told[0].updated_us - first.sent
    assert waited_us >= FusionSettings().company_s * 1e6
    assert all(i.place.kind == "ellipse" for i in fuse(FusionEngine(microphones), shoot(microphones, 40.0, -60.0)))


def test_what_is_called_unlikely_waits_until_its_window_closes(microphones, shoot, fuse) -> None:
    least = FusionSettings().early_probability
    for score in (0.2, 0.25, 0.3, 0.35):
        for incident in fuse(FusionEngine(microphones), shoot(microphones, 30.0, 20.0, score=score))[:1]:
            assert incident.settled or incident.probability >= least
