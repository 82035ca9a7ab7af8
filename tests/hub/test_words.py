"""Every sentence is there in French and in English, with the same places to fill."""

from __future__ import annotations

import string

import pytest

from hub.words import LANGUAGES, catalogue, say
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_a_sentence_speaks_both_languages_alike(key: str) -> None:
    entry = catalogue()[key]
    assert set(entry) == set(LANGUAGES)
    assert all(entry[language].strip() for language in LANGUAGES)
    assert _places(entry["en"]) == _places(entry["fr"])


@pytest.mark.parametrize("event", sorted(SOUND_EVENTS | VIDEO_EVENTS))
def test_every_class_of_the_wire_has_a_name_for_people(event: str) -> None:
    assert say(f"event_{event}", {}, "fr") != f"event_{event}"


def test_an_unknown_key_is_shown_as_it_is() -> None:
    assert say("no_such_key", {}, "en") == "no_such_key"
