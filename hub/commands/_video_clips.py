"""The clips of a folder laid out as `data/video`: its `manifest.csv`, read and checked."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Polygon = tuple[tuple[float, float], ...]

RULE_OF: Final = {
    "intrusion_zone": "intrusion",
    "fall": "person_down",
    "crowd_gathering": "crowd_density",
    "crowd_panic": "crowd_movement",
    "fire_smoke": "fire",
    "wrong_way_by_config": "wrong_way_by_config",
    "camera_cover": "covered",
}
"""Names of the manifest whose rule has another name; any other name is the rule's own."""

WHOLE: Final[Polygon] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class ManifestError(ValueError):
    """A folder or manifest that can't be used; says where and what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One annotated event: `rule` is ours, times are seconds of the clip, `polygon` normalised."""

    rule: str
    start_s: float
    end_s: float
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Clip:
    """One video with its events; none makes it a negative clip."""

    path: Path
    name: str
    duration_s: float
    events: tuple[Event, ...]
    notes: str


def read_clips(folder: Path) -> list[Clip]:
    """The clips of `folder/manifest.csv` in its order; ManifestError when it can't be used."""
    manifest = folder / "manifest.csv"
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(
            f"{manifest} can't be read ({type(error).__name__}); give a folder with a manifest"
        ) from None
    clips: dict[str, Clip] = {}
    for line, row in enumerate(rows, start=2):
        try:
            name, event = row["path"], _event(row)
            before = clips.get(name)
            events = (before.events if before else ()) + ((event,) if event else ())
            notes = before.notes if before else (row.get("notes") or "")
            clips[name] = Clip(folder / name, name, float(row.get("duration_s") or 0.0), events, notes)
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(f"{manifest}, line {line}: {type(error).__name__}: {error}; correct that row") from None
    if not clips:
        raise ManifestError(f"{manifest} names no clip")
    return list(clips.values())


def _event(row: dict[str, str]) -> Event | None:
    given = (row.get("event_class") or "none").strip()
    if given in {"", "none", "normal"}:
        return None
    text = (row.get("zone_polygon") or "").strip()
    polygon = tuple((float(x), float(y)) for x, y in json.loads(text)) if text else WHOLE
    polygon = tuple((min(1.0, max(0.0, x)), min(1.0, max(0.0, y))) for x, y in polygon)
    return Event(RULE_OF.get(given, given), float(row["event_start_s"]), float(row["event_end_s"]), polygon)
