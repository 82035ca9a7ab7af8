"""Evidence: signed terms with words in both languages; silence, cameras, clocks and the calendar count."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hub.fusion.calibration import CALIBRATION
from hub.fusion.context import Context, Declared
from hub.fusion.engine import FusionEngine
from hub.fusion.evidence import capped, probability_of
from hub.incident import Evidence, Incident, Site
from hub.words import LANGUAGES, say


def last(told: list[Incident]) -> Incident:
    return told[-1]


@given(st.lists(st.floats(-1e6, 1e6)))
def test_probability_stays_inside_its_bounds(terms: list[float]) -> None:
    p = probability_of([Evidence(kind="x", log_odds=t, words="x") for t in terms])
    assert 0.0 < p < 1.0


def test_capped_terms_keep_their_proportions() -> None:
    terms = [Evidence(kind="x", log_odds=v, words="x") for v in (-3.0, -6.0)]
    assert [round(t.log_odds, 6) for t in capped(terms, -3.0)] == [-1.0, -2.0]
    assert capped(terms, -20.0) == terms


def test_probability_falls_when_a_near_sensor_heard_nothing(microphones, shoot, fuse, plane) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    latitude, longitude = plane.degrees(60.0, -50.0)
    deaf = Site(id="near", kind="microphone", latitude=latitude, longitude=longitude, noise_db=50.0)
    heard = last(fuse(FusionEngine(microphones), shot))
    silent = last(fuse(FusionEngine([*microphones, deaf]), shot))
    broken = last(fuse(FusionEngine([*microphones, msgspec.structs.replace(deaf, capture_ok=False)]), shot))
    loud = last(fuse(FusionEngine([*microphones, msgspec.structs.replace(deaf, noise_db=118.0)]), shot))
    assert silent.probability < heard.probability
    assert broken.probability == heard.probability
    assert silent.probability < loud.probability <= heard.probability
    assert any(t.kind == "silence" and t.sensor == "near" and t.log_odds < 0 for t in silent.evidence)


def test_every_term_has_a_sentence_in_both_languages(microphones, shoot, fuse, plane, t0) -> None:
    latitude, longitude = plane.degrees(60.0, -50.0)
    deaf = Site(id="near", kind="microphone", latitude=latitude, longitude=longitude, noise_db=71.0)
    camera = Site(
        id="cam-place", kind="camera", latitude=latitude, longitude=longitude,
        field_of_view=tuple(plane.degrees(x, y) for x, y in ((0, -100), (100, -100), (100, 0), (0, 0))),
    )  # fmt: skip
    run = msgspec.structs.replace(
        shoot([camera], 60.0, -50.0, t0 + 900_000)[0], event="crowd_movement", peak_db=None, onset=t0 + 900_000
    )
    context = Context((Declared("match", "final", t0 - 1_000_000, t0 + 10_000_000),))
    burst = [d for i in range(3) for d in shoot(microphones, 40.0, -60.0, t0 + i * 450_000, seed=i)]
    engine = FusionEngine([*microphones, deaf, camera], context=context)
    told = fuse(engine, sorted([*burst, run], key=lambda d: d.sent))
    incident = next(i for i in reversed(told) if i.event == "gunshot")
    kinds = {t.kind for t in incident.evidence}
    assert {"agreement", "rounds", "sound", "silence", "camera", "context"} <= kinds
    for term in incident.evidence:
        for language in LANGUAGES:
            sentence = say(term.words, term.values, language)
            assert sentence != term.words
            assert "{" not in sentence
    text = " ".join(say(t.words, t.values, "en") for t in incident.evidence)
    assert "7 of 8 sensors in range heard it" in text
    assert "its noise was 71 dB(A)" in text
    assert "saw people run 0.9 s later" in text


def test_a_camera_that_looks_elsewhere_says_nothing(microphones, shoot, fuse, plane, t0) -> None:
    latitude, longitude = plane.degrees(900.0, 900.0)
    camera = Site(id="cam", kind="camera", latitude=latitude, longitude=longitude)
    run = msgspec.structs.replace(
        shoot([camera], 900.0, 900.0, t0 + 900_000)[0], event="crowd_movement", peak_db=None, onset=t0 + 900_000
    )
    told = fuse(
        FusionEngine([*microphones, camera]), sorted([*shoot(microphones, 40.0, -60.0), run], key=lambda d: d.sent)
    )
    incident = next(i for i in reversed(told) if i.event == "gunshot")
    assert not any(t.kind == "camera" for t in incident.evidence)


def test_a_declared_firework_lowers_belief_and_deletes_nothing(microphones, shoot, fuse, t0) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    quiet = last(fuse(FusionEngine(microphones), shot))
    context = Context((Declared("firework", "14 July", t0 - 1_000_000, t0 + 1_000_000),))
    night = last(fuse(FusionEngine(microphones, context=context), shot))
    assert night.probability < quiet.probability
    assert {a.detection for a in night.arrivals} == {a.detection for a in quiet.arrivals}
    over = Context((Declared("firework", "13 July", t0 - 2_000_000, t0 - 1_000_000),))
    assert last(fuse(FusionEngine(microphones, context=over), shot)).probability == quiet.probability


def test_a_sensor_with_a_bad_clock_is_left_out_and_named(microphones, shoot, fuse, metres_off) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    shot[3] = msgspec.structs.replace(shot[3], clock_sigma_us=200_000, onset=shot[3].onset + 150_000)
    incident = last(fuse(FusionEngine(microphones), sorted(shot, key=lambda d: d.sent)))
    assert metres_off(incident, 40.0, -60.0) < 4.0
    assert shot[3].id not in {a.detection for a in incident.arrivals}
    assert any(t.kind == "clock" and t.sensor == "mic-3" for t in incident.evidence)


def test_one_sensor_gives_a_disc_and_two_give_a_strip(microphones, shoot, fuse) -> None:
    shot = shoot(microphones, 40.0, -60.0)
    one = last(fuse(FusionEngine(microphones[:1]), shot[:1]))
    two = last(fuse(FusionEngine(microphones[:2]), shot[:2]))
    assert (one.place.kind, two.place.kind) == ("disc", "strip")
    assert one.place.outline[0] == one.place.outline[-1]
    assert two.place.outline[0] == two.place.outline[-1]
    assert one.probability < two.probability < last(fuse(FusionEngine(microphones), shot)).probability


def test_a_place_in_the_strip_of_two_sensors_is_inside_its_outline(microphones, shoot, fuse, plane) -> None:
    from hub.fusion.geometry import inside

    two = last(fuse(FusionEngine(microphones[:2]), shoot(microphones, 40.0, 60.0)[:2]))
    assert inside(two.place.outline, *plane.degrees(40.0, 60.0))


def test_a_place_that_few_sensors_or_two_places_leave_open_is_never_called_next_to_certain(
    microphones, shoot, fuse
) -> None:
    all_seven = fuse(FusionEngine(microphones), shoot(microphones, 30.0, 20.0, score=0.98))[-1]
    three = fuse(FusionEngine(microphones[:3]), shoot(microphones[:3], 30.0, 20.0, score=0.98))[-1]
    assert three.place.kind == "ellipse"
    assert all_seven.probability > 0.97 > three.probability
    (term,) = [t for t in three.evidence if t.kind == "place"]
    assert term.log_odds < 0.0
    assert not [t for t in all_seven.evidence if t.kind == "place"]


@given(
    st.integers(3, 40),
    st.floats(0.1, 5_000.0),
    st.booleans(),
)
def test_a_place_is_less_certain_with_fewer_sensors_a_longer_ellipse_or_a_second_place(
    sensors: int, semi_major_m: float, second: bool
) -> None:
    here = CALIBRATION.place_right(sensors, semi_major_m, second)
    assert 0.0 < here < 1.0
    assert CALIBRATION.place_right(sensors + 1, semi_major_m, second) >= here
    assert CALIBRATION.place_right(sensors, semi_major_m * 2.0, second) <= here
    assert CALIBRATION.place_right(sensors, semi_major_m, True) <= here


def test_where_every_clock_is_bad_a_wide_ellipse_is_told(microphones, shoot, fuse, metres_off) -> None:
    good = fuse(FusionEngine(microphones), shoot(microphones, 30.0, 20.0))[-1]
    told = fuse(FusionEngine(microphones), shoot(microphones, 30.0, 20.0, clock_sigma_us=60_000))[-1]
    assert told.place.kind == "ellipse"
    assert metres_off(told, 30.0, 20.0) < 10.0
    assert told.place.ellipse.semi_major_m > 3.0 * good.place.ellipse.semi_major_m
