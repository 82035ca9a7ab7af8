"""Generic JSON, over MQTT or `POST /api/v1/foreign`: whatever system can send an object with a class and a time.

```json
{"event": "SMOKE", "time": "2026-05-03T21:14:07.250Z", "id": "a81f", "score": 0.8}
```

Where these stand is set by `[foreign.fields]`, what a class means by `[[foreign.map]]`. `id` makes a repeat harmless;
without one, class and time do. Nothing else of the object is read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from hub.foreign_config import Foreign
from hub.ingest.adapters.spoken import Spoken, decoded, detection
from hub.problem import Problem

_SECONDS_BELOW, _MILLIS_BELOW = 1e11, 1e14


def read(payload: bytes, source: Foreign, now_us: int) -> Spoken:
    """What the object says. Raises Problem where class or time are missing, or the class is not in the mapping."""
    whole = decoded(payload, Raw)
    fields = source.fields
    said = _at(whole, fields.event)
    if not isinstance(said, str):
        raise Problem(422, "foreign_invalid", f"`{fields.event}` is missing, or no text.")
    rules = [rule for rule in source.map if rule.value == said]
    if not rules:
        raise Problem(422, "foreign_unmapped", f"`{fields.event}` says {said[:60]!r}, which the mapping does not know.")
    onset_us = _time(_at(whole, fields.time), fields.time)
    score = _at(whole, fields.score)
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1):
        raise Problem(422, "foreign_invalid", f"`{fields.score}` is no number from 0 to 1.")
    key = _at(whole, fields.id)
    name = f"{said}|{onset_us}" if not isinstance(key, str | int) else str(key)
    claimed = None if score is None else float(score)
    met = [rule for rule in rules if rule.minimum_score <= (claimed or 0.0)]
    return Spoken(tuple(detection(source, rule, name, onset_us, now_us, claimed) for rule in met))


def _at(raw: Raw, path: str) -> Any:
    """The plain value at `path`; None where there is none. Only what leads there is decoded."""
    for name in path.split("."):
        try:
            inner = msgspec.json.decode(raw, type=dict[str, Raw])
        except msgspec.ValidationError:
            return None
        if name not in inner:
            return None
        raw = inner[name]
    found = msgspec.json.decode(raw)
    return None if isinstance(found, dict | list) else found


def _time(said: Any, where: str) -> int:
    if isinstance(said, int | float) and not isinstance(said, bool):
        scale = 1e6 if said < _SECONDS_BELOW else 1e3 if said < _MILLIS_BELOW else 1.0
        return round(said * scale)
    try:
        at = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        raise Problem(422, "foreign_time", f"`{where}` is no time: ISO 8601, or a number since 1970.") from None
    if at.tzinfo is None:
        raise Problem(422, "foreign_time", f"`{where}` {said!r} says no offset; end it with Z or +01:00.")
    return round(at.timestamp() * 1e6)
