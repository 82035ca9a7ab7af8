"""`tocsin replay` and `tocsin plan` on files, good and bad."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from hub.commands import plan, replay
from hub.commands._city import START_US, Bang, City, Picks, sites_of

RUNNER = CliRunner()


@pytest.fixture
def recorded(tmp_path):
    """A log of three shots as JSON lines, with its sites."""
    draw = np.random.default_rng(3)
    city = City(sensors=16)
    sites = sites_of(city, draw)
    picks = Picks(city, sites, draw)
    told = [d for i in range(3) for d in picks.of(Bang(20.0 * i, 50.0, (START_US + i * 60_000_000,), True))]
    told.sort(key=lambda d: d.sent)
    (tmp_path / "sites.json").write_bytes(msgspec.json.encode(sites))
    lines = [msgspec.json.encode({"received_us": d.sent, "message": d}) for d in told]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    return tmp_path


def run(folder, *more):
    return RUNNER.invoke(
        replay.app, [str(folder / "log.jsonl"), "--sites", str(folder / "sites.json"), "--json", *more]
    )


def test_a_log_replays_to_the_same_incidents_bit_for_bit(recorded) -> None:
    first = run(recorded)
    assert first.exit_code == 0
    assert len(json.loads(first.output)) == 3
    assert run(recorded).output == first.output


def test_other_rules_show_what_they_would_have_changed(recorded) -> None:
    rules = recorded / "rules.toml"
    rules.write_text("min_sensors = 60\nsolo_score = 0.999\n")
    changed = run(recorded, "--compare", str(rules))
    assert changed.exit_code == 1
    assert len(json.loads(changed.output)) == 3
    rules.write_text("min_sensors = 4\n")
    assert run(recorded, "--compare", str(rules)).exit_code == 0


@pytest.mark.parametrize("rules", ["min_sensorz = 4", "min_sensors = 'many'", "not toml"])
def test_unusable_rules_are_refused_with_the_reason(recorded, rules) -> None:
    (recorded / "rules.toml").write_text(rules)
    assert run(recorded, "--compare", str(recorded / "rules.toml")).exit_code == 2


def test_an_unreadable_log_is_refused_with_its_line(recorded) -> None:
    (recorded / "log.jsonl").write_text('{"type": "nonsense"}\n')
    refused = run(recorded)
    assert refused.exit_code == 2
    assert "line 1" in refused.output


def test_a_plan_is_geojson_with_longitude_first(recorded) -> None:
    out = recorded / "map.geojson"
    told = RUNNER.invoke(
        plan.app,
        [str(recorded / "sites.json"), "--out", str(out), "--picture", str(recorded / "map.svg"), "--step-m", "200",
         "--json"],
    )  # fmt: skip
    assert told.exit_code == 0
    summary = json.loads(told.output)["plan"]
    assert 0.0 < summary["placed_within_25m"] <= 1.0
    feature = json.loads(out.read_text())["features"][0]
    longitude, latitude = feature["geometry"]["coordinates"][0][0]
    assert 4.0 < longitude < 5.0 < 45.0 < latitude < 46.0
    picture = ElementTree.fromstring((recorded / "map.svg").read_text())
    said = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"mic-00000", "0 to 10 m", "over 50 m"} <= {str(text) for text in said}


def test_a_map_that_cant_be_written_is_said_and_no_traceback(recorded) -> None:
    told = RUNNER.invoke(
        plan.app, [str(recorded / "sites.json"), "--step-m", "200", "--out", str(recorded / "no" / "map.geojson")]
    )
    assert told.exit_code == 2
    assert "can't be written" in told.output


def test_a_log_without_its_sensors_asks_for_them(recorded) -> None:
    told = RUNNER.invoke(replay.app, [str(recorded / "log.jsonl")])
    assert told.exit_code == 2
    assert "--sites" in told.output


def test_a_plan_with_worse_clocks_of_single_sensors_places_less(recorded) -> None:
    sites, clocks = recorded / "sites.json", recorded / "clocks.json"
    names = [site["id"] for site in json.loads(sites.read_text())]

    def placed(*more: str) -> float:
        told = RUNNER.invoke(plan.app, [str(sites), "--step-m", "200", "--json", *more])
        return float(json.loads(told.output)["plan"]["placed_within_25m"])

    clocks.write_text(json.dumps(dict.fromkeys(names[:4], 60.0)))
    assert placed("--clocks", str(clocks)) < placed()
    clocks.write_text('{"nobody": 1.0}')
    refused = RUNNER.invoke(plan.app, [str(sites), "--clocks", str(clocks)])
    assert refused.exit_code == 2
    assert "nobody" in refused.output
