"""Legal scenarios: configuration files with what is expected of them; deployments of the past that were refused."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, convert

from hub.config import ConfigError, HubConfig, parse_config

FOLDER: Final = Path(__file__).parent / "scenarios"


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario is there to show: the verdict, the codes among the reasons, a sentence for a mayor."""

    accepted: bool
    codes: tuple[str, ...] = ()
    at: dt.datetime | None = None
    phrase: str = ""


def read_scenario(path: Path) -> tuple[HubConfig, Expected | None]:
    """A configuration file, and what it says is expected of it where it is a scenario. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(path, None, "no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, None, f"can't be read: {error}.") from error
    try:
        stated: Any = tomllib.loads(text).get("expected")
    except tomllib.TOMLDecodeError:
        stated = None  # `parse_config` says it with its line
    expected = None if stated is None else convert(stated, Expected)
    return parse_config(text, path, beside=frozenset({"expected"})), expected
