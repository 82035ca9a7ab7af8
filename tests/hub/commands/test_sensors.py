"""`tocsin sensors` and `tocsin enrol`: what they print, what they change, and how they refuse."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.commands import audit, enrol, sensors
from hub.store import migrate

POLYGON = {"type": "Polygon", "coordinates": [[[4.38, 45.44], [4.39, 45.44], [4.39, 45.45], [4.38, 45.44]]]}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sensors.app, list(arguments))


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def test_a_sensor_is_registered_listed_moved_and_revoked(data: str) -> None:
    added = run("add", "mic-3", "--at", "45.4397,4.3872", "--height", "4.5", "--data-dir", data, "--json")
    assert added.exit_code == 0, added.output
    answer = json.loads(added.stdout)
    assert (answer["sensor"], answer["expires_in_s"], len(answer["code"])) == ("mic-3", 900, 14)
    assert run("move", "mic-3", "--at", "45.5,4.4", "--data-dir", data).exit_code == 0
    assert run("revoke", "mic-3", "--reason", "stolen", "--data-dir", data).exit_code == 0
    (listed,) = json.loads(run("list", "--data-dir", data, "--json").stdout)["sensors"]
    assert (listed["latitude"], listed["height_m"], listed["state"], listed["state_reason"]) == (
        45.5,
        4.5,
        "revoked",
        "stolen",
    )
    assert "mic-3" in run("show", "mic-3", "--data-dir", data).stdout


def test_a_camera_is_registered_with_what_it_sees(data: str, tmp_path: Path) -> None:
    field, zones = tmp_path / "field.geojson", tmp_path / "zones.json"
    field.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": POLYGON}))
    zones.write_text('{"gate": [[0, 0], [1, 0], [1, 1]]}')
    added = run(
        "add", "cam-1", "--kind", "camera", "--at", "45.44,4.38", "--field-of-view", str(field), "--zones", str(zones),
        "--data-dir", data,
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert "tocsin enrol --hub" in added.stdout
    shown = json.loads(run("show", "cam-1", "--data-dir", data, "--json").stdout)
    assert shown["field_of_view"][1] == [45.44, 4.39], "latitude comes first here, longitude in GeoJSON"
    assert shown["zones"] == {"gate": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}


def test_a_token_is_printed_once_and_a_code_anew(data: str) -> None:
    run("add", "foreign-1", "--at", "45,4", "--data-dir", data)
    tokens = {run("token", "foreign-1", "--data-dir", data).stdout.strip() for _ in range(2)}
    assert len(tokens) == 2
    assert all(token.startswith("tcs_") for token in tokens)
    assert "good for 30 minutes" in run("code", "foreign-1", "--minutes", "30", "--data-dir", data).stdout


def test_a_command_in_the_wrong_folder_begins_no_second_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("add", "mic-3", "--at", "45.4397,4.3872")
    assert refused.exit_code == 2
    assert "--config" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_register_says_what_to_do(data: str) -> None:
    asyncio.run(migrate(f"sqlite:///{data}/state.sqlite"))
    assert "tocsin sensors add" in run("list", "--data-dir", data).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["add", "MIC 3", "--at", "45,4"], 2, "MIC 3"),
        (["add", "mic-3", "--at", "here"], 2, "LATITUDE,LONGITUDE"),
        (["add", "mic-3", "--at", "4.38,145.44"], 0, ""),
        (["add", "mic-3", "--at", "145.44,4.38"], 2, "latitude comes first"),
        (["add", "mic-3", "--at", "45,4", "--kind", "radar"], 2, "mic-3"),
        (["add", "mic-3", "--at", "45,4", "--zones", "/nowhere"], 2, "--zones"),
        (["show", "nobody"], 1, "nobody"),
        (["revoke", "nobody"], 1, "nobody"),
        (["code", "nobody"], 1, "nobody"),
        (["list", "--config", "/nowhere.toml"], 2, "no such file"),
    ],
)
def test_what_can_not_be_done_is_said_with_its_status(data: str, arguments: list[str], status: int, words: str) -> None:
    run("add", "somebody", "--at", "45,4", "--data-dir", data)
    result = run(*arguments, "--data-dir", data)
    assert result.exit_code == status
    assert words in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hub", "http://127.0.0.1:9", "--code", "X"], "can't be reached"),
        (["--hub", "hub", "--code", "X"], "https://hub.example"),
        (["--hub", "http://127.0.0.1:9", "--code", "X", "--kind", "radar"], "microphone or camera"),
    ],
)
def test_an_enrolment_that_fails_leaves_no_key(tmp_path: Path, arguments: list[str], words: str) -> None:
    key = tmp_path / "k.pem"
    result = CliRunner().invoke(enrol.app, [*arguments, "--key", str(key)])
    assert result.exit_code == 2
    assert words in result.output
    assert not key.exists()


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "mic-3"), ("move", "mic-3", "--at", "45,4")])
def test_a_mistyped_folder_is_told_and_not_made(arguments: tuple[str, ...], tmp_path: Path) -> None:
    refused = run(*arguments, "--data-dir", str(tmp_path / "mistyped"))
    assert refused.exit_code == 2
    assert "There is no hub's state in" in refused.output
    assert not (tmp_path / "mistyped").exists()


def test_what_the_command_line_does_to_a_sensor_stands_in_the_audit_log(data: str, tmp_path: Path) -> None:
    run("add", "mic-3", "--at", "45,4", "--data-dir", data)
    run("move", "mic-3", "--at", "45.1,4", "--data-dir", data)
    run("revoke", "mic-3", "--reason", "stolen", "--data-dir", data)
    exported = tmp_path / "audit.jsonl"
    done = CliRunner().invoke(audit.app, ["export", "--data-dir", data, "--out", str(exported)])
    assert done.exit_code == 0, done.output
    leaves = [json.loads(line) for line in exported.read_text().splitlines() if '"leaf"' in line]
    told = [json.loads(base64.b64decode(leaf["record"])) for leaf in leaves]
    assert [(one["kind"], one["actor"], one["subject"], one["reason"]) for one in told] == [
        ("sensor", "command line", "mic-3", reason) for reason in ("added", "moved", "revoked: stolen")
    ]
