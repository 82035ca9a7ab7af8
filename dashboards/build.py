"""Builds every dashboard to JSON, in English and French, for pushing, for file provisioning, and for importing by hand.

`python -m dashboards.build` or `tocsin dashboards build` writes `json/LANGUAGE/UID.json`; a test fails where a file
there is not what the code builds.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from dashboards import control_room, fleet, incident, noise, quality, streets
from dashboards.alerts import provisioned
from dashboards.geomap import HUB_PLACE
from hub.words import LANGUAGES, Language

HERE: Final = Path(__file__).parent
JSON: Final = HERE / "json"
DEFAULT_HUB: Final = "http://127.0.0.1:8400"
"""Where a hub listens unless told otherwise (`hub/config.py`)."""

ALERTING: Final = HERE / "provisioning" / "alerting" / "tocsin.yaml"
HUB_IN_COMPOSE: Final = "http://hub:8400"
"""The hub as Grafana reaches it inside `compose.yaml`."""

BUILDERS: Final[tuple[Callable[[], dict[str, Any]], ...]] = (
    control_room.build,
    incident.build,
    noise.build,
    fleet.build,
    quality.build,
    streets.build,
)

_SPOKEN: Final = frozenset({"title", "description", "label", "noValue", "displayName", "content"})
"""Keys whose values people read. `text` of a value mapping and of a choice is one too, see `_spoken`."""
_SAME: Final = frozenset({"", "LAeq", "Lden", "Zone", "0", "—", "Tocsin", "Time"})
"""What is said alike in both languages."""


@functools.cache
def french() -> dict[str, str]:
    """French by English, from `french.toml`."""
    return dict(tomllib.loads((HERE / "french.toml").read_text(encoding="utf-8"))["words"])


def _spoken(part: dict[str, Any], key: str) -> bool:
    value = part[key]
    if key == "value" and part.get("id") == "displayName":
        return True
    if key == "name":
        return part.get("type") in {"markers", "geojson"} or part.get("iconColor") is not None
    if key == "text":
        return isinstance(value, str) and ("color" in part or "selected" in part)
    return key in _SPOKEN and isinstance(value, str)


def spoken(part: Any) -> Iterator[str]:
    """Everything in a dashboard that people read."""
    if isinstance(part, dict):
        for key, value in part.items():
            if _spoken(part, key):
                yield value
            else:
                yield from spoken(value)
    elif isinstance(part, list):
        for one in part:
            yield from spoken(one)


def untranslated() -> set[str]:
    """What people read and `french.toml` does not have; empty where all is well."""
    said = {words for build in BUILDERS for words in spoken(build())}
    return {words for words in said if words not in french() and words not in _SAME and words != HUB_PLACE}


def _said(part: Any, language: Language) -> Any:
    if isinstance(part, dict):
        return {
            key: french().get(value, value) if language == "fr" and _spoken(part, key) else _said(value, language)
            for key, value in part.items()
        }
    if isinstance(part, list):
        return [_said(one, language) for one in part]
    return part


def _at(part: Any, hub: str) -> Any:
    if isinstance(part, dict):
        return {key: _at(value, hub) for key, value in part.items()}
    if isinstance(part, list):
        return [_at(one, hub) for one in part]
    return part.replace(HUB_PLACE, hub) if isinstance(part, str) else part


def dashboards(language: Language = "en", hub: str = DEFAULT_HUB) -> list[dict[str, Any]]:
    """Every dashboard, speaking `language`, with links and layers of the hub at `hub` (no slash at the end)."""
    return [_at(_said(build(), language), hub.rstrip("/")) for build in BUILDERS]


def encoded(dashboard: dict[str, Any]) -> str:
    """The text of one file."""
    return json.dumps(dashboard, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def files(hub: str = DEFAULT_HUB) -> dict[Path, str]:
    """Text by path below `json/`."""
    return {
        Path(language, f"{dashboard['uid']}.json"): encoded(dashboard)
        for language in LANGUAGES
        for dashboard in dashboards(language, hub)
    }


def alerting(hub: str = HUB_IN_COMPOSE) -> str:
    """The text of the file that provisions alerts; JSON is YAML too. `$` is doubled where Grafana would fill it in."""
    text = json.dumps(provisioned(hub), ensure_ascii=False, indent=1, sort_keys=True)
    return text.replace("$timeFilter", "$$timeFilter") + "\n"


def write(folder: Path = JSON, hub: str = DEFAULT_HUB) -> list[Path]:
    """Write every file; those that changed. Raises OSError."""
    wanted = {folder / name: text for name, text in files(hub).items()}
    if folder == JSON:
        wanted[ALERTING] = alerting()
    changed = []
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed


if __name__ == "__main__":
    write()
