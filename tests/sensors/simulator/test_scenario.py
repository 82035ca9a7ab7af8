"""A scenario is checked before it is played, and what is wrong is named with its mend."""

import tomllib
from pathlib import Path

import pytest

from sensors.simulator.scenario import FOLDER, ScenarioError, load, names, parse

SMALL = """
name = "small"
duration_s = 10.0
about = { en = "small", fr = "petit" }
place = { name = "here", latitude = 45.4362, longitude = 4.3782 }
[[microphone]]
id = "mic-1"
latitude = 45.4362
longitude = 4.3790
[[camera]]
id = "cam-1"
latitude = 45.4362
longitude = 4.3782
heading_deg = 90.0
zones = { yard = [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9]] }
[[event]]
kind = "sound"
sound = "gunshot"
at_s = 2.0
latitude = 45.4364
longitude = 4.3785
"""


def test_those_that_come_with_it_are_sound_and_named_in_both_languages() -> None:
    assert {"evening", "single_shot", "burst", "two_shooters", "firework_night", "match_night"} <= set(names())
    assert {"building_site", "storm", "everything"} <= set(names())
    for name in names():
        scenario = load(name)
        assert set(scenario.about) == {"en", "fr"}
        assert len(scenario.microphone) >= 12
        assert len(scenario.camera) >= 3


def test_the_quarter_is_around_the_place_it_is_named_after() -> None:
    scenario = load("evening")
    assert scenario.place.latitude == pytest.approx(45.436, abs=0.002)
    assert scenario.place.longitude == pytest.approx(4.378, abs=0.002)
    places = [scenario.metres(m.latitude, m.longitude, 0.0) for m in scenario.microphone]
    assert all(max(abs(east), abs(north)) < 600.0 for east, north, _ in places)


def test_metres_and_degrees_are_each_others_inverse() -> None:
    scenario = load("evening")
    latitude, longitude = scenario.degrees(212.5, -87.25)
    assert scenario.metres(latitude, longitude, 3.0) == pytest.approx((212.5, -87.25, 3.0), abs=0.01)


def test_a_scenario_takes_what_it_does_not_say_from_its_base() -> None:
    base = tomllib.loads((FOLDER / "places" / "saint_etienne.toml").read_text(encoding="utf-8"))
    calm, storm = load("single_shot"), load("storm")
    assert [m.id for m in calm.microphone] == [m["id"] for m in base["microphone"]]
    assert [m.noise_db for m in storm.microphone] == [m.noise_db + 12 for m in calm.microphone]
    assert {c.light for c in storm.camera} == {"night"}
    faults = {m.id: m.fault for m in load("everything").microphone if m.fault != "none"}
    assert sorted(faults.values()) == ["clipped", "dead"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('sound = "gunshot"', 'sound = "gunshoot"', "event[0].sound"),
        ("heading_deg = 90.0", "heading_deg = 400.0", "camera[0].heading_deg"),
        ('id = "cam-1"', 'id = "mic-1"', "camera[0].id"),
        ("longitude = 4.3790", "longitude = 45.4", "microphone[0].latitude"),
        ("at_s = 2.0", "at_s = 20.0", "event[0].at_s"),
        ("duration_s = 10.0", "duration = 10.0", "file"),
        ('name = "small"\n', 'name = "small"\nfaults = { mic-7 = "dead" }\n', "faults.mic-7"),
        ('name = "small"\n', 'name = "small"\nbase = "nowhere"\n', "base"),
        ('kind = "sound"\nsound = "gunshot"', 'kind = "scene"\nscene = "intrusion"\ncamera = "cam-9"', "event[0]"),
        ('name = "small"', 'name = "sma', "file"),
    ],
)
def test_what_is_wrong_is_named_by_its_key_with_a_mend(old: str, new: str, key: str) -> None:
    assert old in SMALL
    with pytest.raises(ScenarioError) as caught:
        parse(SMALL.replace(old, new).encode(), "mine.toml")
    assert caught.value.key == key
    assert caught.value.mend
    assert str(caught.value).startswith(f"mine.toml: {key}: ")


def test_a_scene_names_a_camera_and_a_zone_that_are_there() -> None:
    scene = '[[event]]\nkind = "scene"\nscene = "intrusion"\nat_s = 1.0\ncamera = "cam-1"\nzone = "{}"\n'
    parse((SMALL + scene.format("yard")).encode(), "mine.toml")
    with pytest.raises(ScenarioError, match=r"event\[1\]\.zone: there is no zone 'attic'. Use a zone of cam-1: yard"):
        parse((SMALL + scene.format("attic")).encode(), "mine.toml")


def test_a_file_that_is_not_there_is_told_with_the_names_that_are(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="evening"):
        load(tmp_path / "nothing.toml")
