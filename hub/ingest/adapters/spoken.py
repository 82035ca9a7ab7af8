"""What every adapter makes: detections with a score that says how little is known, and the count of refused content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from hub.foreign_config import Foreign, Rule
from hub.problem import Problem
from sensors.protocol import Detection

MAX_PAYLOAD: Final = 256 * 1024
MOST_SCORE: Final = 0.5
"""A foreign score is not calibrated by us: whatever it claims, it is believed no more than a coin's toss."""
_NAMES: Final = UUID("6f1b7a52-3f0e-5d0c-9f0e-70c51f0f0e16")


class Spoken(Struct, frozen=True):
    """What of one foreign message is ours, and the names of what in it was passed over unread."""

    detections: tuple[Detection, ...] = ()
    refused: tuple[str, ...] = ()


def decoded(payload: bytes, kind: Any) -> Any:
    """The payload as `kind`. Raises Problem where it is none."""
    if len(payload) > MAX_PAYLOAD:
        raise Problem(413, "body_too_large", f"The payload has {len(payload)} bytes, {MAX_PAYLOAD} are taken.")
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, "foreign_invalid", f"The payload is not as this kind of sensor speaks: {error}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, "body_malformed", f"The payload is not JSON: {error}.") from None


def detection(
    source: Foreign, rule: Rule, key: str, onset_us: int, now_us: int, score: float | None, duration_s: float = 0.0
) -> Detection:
    """One detection; the same `key` and rule make the same id, so that what is said again changes nothing."""
    values = {
        "id": uuid5(_NAMES, f"{source.sensor}|{rule.event}|{key}"),
        "sensor": source.sensor,
        "sent": now_us,
        "event": rule.event,
        "onset": onset_us,
        "duration_s": min(max(duration_s, 0.0), 3_600.0),
        "score": min(MOST_SCORE if score is None else score, MOST_SCORE),
        "clock_sigma_us": round(source.clock_sigma_ms * 1e3),
        "model": source.model,
        "zone": rule.zone_here,
    }
    try:
        return msgspec.convert(values, Detection)
    except msgspec.ValidationError as error:
        raise Problem(422, "foreign_invalid", f"What it says of itself can't be: {error}.") from None


def told(fields: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """Names of those fields that stand in a message and are not null."""
    return tuple(name for name, raw in fields if isinstance(raw, msgspec.Raw) and bytes(raw) not in _NOTHING)


_NOTHING: Final = frozenset({b"null", b'""', b"[]", b"{}", b"false"})
