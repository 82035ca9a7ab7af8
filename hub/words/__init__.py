"""What the product says to people, in French and English, side by side in one TOML file an area.

An entry is `[key]` with `en` and `fr`, each a `str.format` template. A sentence is looked up at the edge, never stored,
so that one record speaks to each reader in his language.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

Language = Literal["en", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
_DECIMAL: Final = re.compile(r"[+-]?\d+\.\d+")


class _FrenchFloat(float):
    """A number that writes itself with the decimal comma."""

    def __format__(self, spec: str) -> str:
        return float.__format__(self, spec).replace(".", ",")


def _in_french(name: str, value: object) -> object:
    """A figure as French writes it; versions and everything else as they are."""
    if isinstance(value, float):
        return _FrenchFloat(value)
    if isinstance(value, str) and name != "version" and _DECIMAL.fullmatch(value):
        return value.replace(".", ",")
    return value


@functools.cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every sentence by key; keys are unique over all areas."""
    merged: dict[str, dict[str, str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if key in merged:
                raise ValueError(f"{path.name}: the key {key!r} is already taken by another area; rename one of them")
            merged[key] = entry
    return merged


def say(key: str, values: Mapping[str, object], language: Language) -> str:
    """The sentence of `key` in `language`, filled with `values`; the key itself where no sentence is known."""
    entry = catalogue().get(key)
    if entry is None:
        return key
    if language == "fr":
        values = {name: _in_french(name, value) for name, value in values.items()}
    return entry[language].format_map(dict(values))
