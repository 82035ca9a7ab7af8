"""The declared calendar: local hours on given days, and errors that name the line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.config import ConfigError, parse_config
from hub.fusion.calendar import context_of
from hub.fusion.engine import FusionEngine

FIREWORK = """
time_zone = "Europe/Paris"

[[context]]
kind = "firework"
name = "14 July"
first_day = 2026-07-13
last_day = 2026-07-14
opens = 22:30:00
closes = 00:30:00
"""
PLACE = (45.44, 4.39)


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("at", "declared"),
    [
        ("2026-07-13T22:29:59", False),
        ("2026-07-13T22:30:00", True),
        ("2026-07-14T00:29:59", True),
        ("2026-07-14T00:30:00", False),
        ("2026-07-14T23:00:00", True),
        ("2026-07-15T00:29:00", True),
        ("2026-07-15T23:00:00", False),
    ],
)
def test_a_declaration_holds_at_its_local_hours_on_its_days(at: str, declared: bool) -> None:
    config = parse_config(FIREWORK, Path("hub.toml"))
    context = context_of(config.context, config.time_zone)
    assert bool(context.terms(*PLACE, micros(at))) is declared


def test_a_shot_inside_a_declared_firework_is_believed_less(microphones, shoot, fuse) -> None:
    config = parse_config(FIREWORK, Path("hub.toml"))
    at = micros("2026-07-14T23:00:00")
    plain = fuse(FusionEngine(microphones), shoot(microphones, 10.0, 10.0, at))
    declared = fuse(
        FusionEngine(microphones, context=context_of(config.context, config.time_zone)),
        shoot(microphones, 10.0, 10.0, at),
    )
    assert declared[-1].probability < plain[-1].probability
    assert any(term.words == "evidence_context_firework" for term in declared[-1].evidence)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2026-07-14", "2026-07-12"), "ends before it begins"),
        (("2026-07-14", "2028-07-14"), "longer than 400 days"),
        (("opens", "zone = [[45.0, 4.0], [45.1, 4.0]]\nopens"), "2 corners"),
    ],
)
def test_a_declaration_that_cannot_be_names_its_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        parse_config(FIREWORK.replace(*change), Path("hub.toml"))
    assert refused.value.line == 4
