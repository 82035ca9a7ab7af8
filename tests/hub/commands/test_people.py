"""`tocsin people` as an administrator without a browser runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.commands.people import app


@pytest.fixture
def people(tmp_path: Path) -> Any:
    config = tmp_path / "tocsin.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"\n')

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--config", str(config), "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if code == 0 else done.output

    return run


def test_an_account_is_made_reset_secured_and_closed(people: Any) -> None:
    made = people("add", "Claire", "--role", "operator")
    assert len(made["password"]) >= 12
    assert people("list")["people"] == [{"name": "Claire", "role": "operator"}]
    assert people("reset", "Claire")["password"] != made["password"]
    assert people("totp", "Claire")["totp"].startswith("otpauth://totp/Tocsin")
    assert people("totp", "Claire", "--off")["totp"] is None
    people("disable", "Claire")
    assert people("list")["people"] == []


def test_what_can_not_be_is_refused_with_its_code(people: Any) -> None:
    people("add", "Claire", "--role", "operator")
    assert "person_exists" in people("add", "Claire", "--role", "operator", code=1)
    assert "person_invalid" in people("add", "Eve", "--role", "queen", code=2)
    assert "person_unknown" in people("reset", "Nobody", code=1)
    assert "token_invalid" in people("token", "grafana", "--scope", "decide", code=2)


def test_a_token_is_shown_once_and_can_be_closed(people: Any) -> None:
    assert people("token", "grafana", "--scope", "read")["token"].startswith("tct_")
    assert people("token", "grafana", "--drop") == {"dropped": "grafana"}
    assert "token_unknown" in people("token", "grafana", "--drop", code=1)
