"""Deployments that the CNIL or a court refused are refused here, with the reason; a lawful one is accepted and ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.commands.main import app
from hub.policy.mode import assess
from hub.policy.scenario import FOLDER, read_scenario
from hub.words import say

FILES = sorted(FOLDER.glob("*.toml"))
NOON = dt.datetime.fromisoformat("2026-11-22T12:00:00+01:00")


def test_every_case_of_the_law_page_is_here() -> None:
    assert len(FILES) >= 11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_gets_its_codes_and_a_sentence_in_french(path: Path) -> None:
    config, expected = read_scenario(path)
    assert expected is not None
    found = assess(config.policy, expected.at or NOON)
    assert found.accepted is expected.accepted
    assert set(expected.codes) <= {reason.code for reason in found.reasons}
    assert expected.phrase
    for reason in found.reasons:
        sentence = say(reason.words, reason.values, "fr")
        assert sentence != reason.words
        assert "{" not in sentence


@pytest.mark.parametrize("name", ["saint_etienne_2019", "orleans_2021", "orleans_2022_decoupled"])
def test_with_every_paper_in_order_sound_in_the_street_is_still_refused_for_what_it_is(name: str) -> None:
    config, expected = read_scenario(FOLDER / f"{name}.toml")
    assert expected is not None
    found = assess(config.policy, NOON)
    assert {reason.code for reason in found.reasons} == set(expected.codes)


def test_the_big_event_is_open_on_its_last_evening_and_off_a_second_after_midnight() -> None:
    config, _ = read_scenario(FOLDER / "big_event_2026.toml")
    last = dt.datetime.fromisoformat("2026-12-10T23:59:59+01:00")
    assert assess(config.policy, last).mode == "dispatch"
    after = assess(config.policy, last + dt.timedelta(seconds=2))
    assert (after.mode, [reason.code for reason in after.reasons]) == ("off", ["LEGAL_ORDER_EXPIRED"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_command_exits_as_the_scenario_says(path: Path) -> None:
    _, expected = read_scenario(path)
    assert expected is not None
    result = CliRunner().invoke(app, ["policy", "check", str(path)])
    assert result.exit_code == (0 if expected.accepted else 1)
    for code in expected.codes:
        assert code in result.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[policy\n", "not valid TOML"),
        ("[policy]\nprofil = 'lab'\n", "Did you mean `profile`?"),
        (None, "no such file"),
    ],
)
def test_an_unusable_file_exits_2_and_says_where(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "wrong.toml"
    if text is not None:
        path.write_text(text)
    result = CliRunner().invoke(app, ["policy", "check", str(path)])
    assert result.exit_code == 2
    assert words in result.output
