"""`tocsin dashboards` as a person runs it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner, Result

from hub.commands.dashboards import app

from .conftest import Influx
from .recorder import TOKEN, RecordedGrafana


@pytest.fixture
def recorded() -> RecordedGrafana:
    return RecordedGrafana()


@pytest.fixture
async def grafana(recorded: RecordedGrafana) -> AsyncIterator[str]:
    server = TestServer(recorded.application())
    await server.start_server()
    yield str(server.make_url("/"))
    await server.close()


async def run(*words: str, **environment: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)


async def test_build_writes_the_files(tmp_path: Path) -> None:
    first = await run("build", "--out", str(tmp_path), "--hub", "https://hub.example", "--json")
    assert first.exit_code == 0
    assert len(json.loads(first.output)["changed"]) == 12
    assert "https://hub.example/api/v1/layers/zones.geojson" in (tmp_path / "fr/tocsin-control-room.json").read_text()
    assert "0 changed" in (await run("build", "--out", str(tmp_path), "--hub", "https://hub.example")).output


async def test_build_says_where_it_can_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = await run("build", "--out", str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "--out" in result.output


async def test_push_shows_makes_and_keeps(recorded: RecordedGrafana, grafana: str, tmp_path: Path) -> None:
    key = tmp_path / "token"
    key.write_text(TOKEN + "\n")
    words = ("push", "--url", grafana, "--token-file", str(key), "--language", "fr")
    shown = await run(*words, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "+ dashboard: Tocsin · Salle de contrôle" in shown.output
    assert recorded.writes == []
    made = await run(*words)
    assert made.exit_code == 0
    assert "16 made" in made.output
    assert "no contact point" in made.output
    mine: dict[str, Any] = recorded.dashboards["tocsin-noise"][-1]["dashboard"]
    recorded.save({**mine, "title": "Lärm"})
    kept = await run(*words)
    assert kept.exit_code == 1
    assert "! dashboard: Tocsin · Observatoire du bruit" in kept.output
    assert "--force" in kept.output
    forced = await run(*words, "--force", "--json")
    assert forced.exit_code == 0
    assert {change["act"] for change in json.loads(forced.output)["changes"]} == {"same", "update"}


async def test_push_with_a_configuration_makes_the_storage_and_the_contact_point(
    recorded: RecordedGrafana, grafana: str, tmp_path: Path, influx: Influx
) -> None:
    (tmp_path / "alerts").write_text("alerts-token")
    (tmp_path / "tocsin.toml").write_text(
        f"""
        [http]
        public_url = "https://hub.example/"
        [grafana]
        url = "{grafana}"
        token = "{TOKEN}"
        alerts_token_file = "{tmp_path}/alerts"
        [influxdb]
        url = "{influx.url}"
        bucket = "pushed"
        """
    )
    result = await run("push", "--config", str(tmp_path / "tocsin.toml"), "--storage", "--json")
    assert result.exit_code == 0, result.output
    said = {(change["kind"], change["name"]): change["act"] for change in json.loads(result.output)["changes"]}
    assert said["roll-up", "sound_level_hour"] == said["contact point", "Tocsin hub"] == "create"
    (contact,) = recorded.contacts.values()
    assert contact["settings"]["url"] == "https://hub.example/api/v1/alerts/grafana"
    assert contact["settings"]["authorization_credentials"] == "alerts-token"
    assert "alerts-token" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "http://127.0.0.1:9"), "--token-file"),
        (("--url", "http://127.0.0.1:9", "--token", "x"), "does not answer"),
        (("--url", "nonsense", "--token", "x"), "no http or https address"),
        (("--url", "http://127.0.0.1:9", "--token", "x", "--language", "de"), "en or fr"),
        (("--url", "http://127.0.0.1:9", "--token-file", "/nowhere/token"), "/nowhere/token"),
        (("--config", "/nowhere/tocsin.toml"), "no such file"),
    ],
)
async def test_what_can_not_be_used_is_told_in_words(words: tuple[str, ...], said: str) -> None:
    result = await run("push", *words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


async def test_a_wrong_token_is_told_with_its_mend(grafana: str) -> None:
    result = await run("push", "--url", grafana, TOCSIN_GRAFANA_TOKEN="wrong")
    assert result.exit_code == 2
    assert "service account" in result.output
