"""Whether a well-formed message may be taken in from this sensor now: who speaks, of what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from hub.ingest.decode import Refused
from hub.policy.gate import Gate
from hub.words import say
from sensors.protocol import SOUND_EVENTS, AnyMessage, Detection, Heartbeat, Occupancy, SoundLevel

FUTURE_US: Final = 300_000_000
"""A clock that is more than five minutes ahead would open windows that never close."""
PAST_US: Final = 7 * 86_400_000_000
"""Older messages are refused: the log keeps ids for eight days, and without them a repeat would count twice."""
AFTER_SENT_US: Final = 5_000_000
"""An onset may not lie behind the moment of its sending, but for a clock that was stepped between the two."""


class Speaker(Protocol):
    """What is judged of the sensor that signed."""

    @property
    def id(self) -> str:
        """Its registered name."""

    @property
    def kind(self) -> str:
        """`microphone` or `camera`."""


def judge(
    messages: Iterable[tuple[int, AnyMessage]], sensor: Speaker, gate: Gate, now_us: int
) -> tuple[list[AnyMessage], list[Refused]]:
    """What may go into the log, and what is refused with its code; `now_us` is the hub's clock."""
    good: list[AnyMessage] = []
    refused: list[Refused] = []
    name, kind = sensor.id, sensor.kind
    latest, earliest = now_us + FUTURE_US, now_us - PAST_US
    for index, message in messages:
        sent = message.sent
        if message.sensor == name and earliest <= sent <= latest:
            why = _wrong_time(message) or _wrong_kind(message, kind)
            if why is None:
                refusal = gate.refusal(message, sensor, now_us)
                if refusal is None:
                    good.append(message)
                    continue
                why = (refusal.code, say(refusal.words, refusal.values, "en"))
        elif message.sensor != name:
            why = ("sensor_mismatch", f"The message speaks for {message.sensor}, the request for {name}.")
        elif sent > latest:
            why = ("sent_in_future", f"`sent` is {(sent - now_us) / 1e6:.0f} s ahead of the hub; set the clock.")
        else:
            why = ("sent_too_old", "`sent` is more than seven days old.")
        refused.append(Refused(index, str(message.id), *why))
    return good, refused


def _wrong_time(message: AnyMessage) -> tuple[str, str] | None:
    if isinstance(message, Detection):
        start = message.onset
    elif isinstance(message, SoundLevel | Occupancy):
        start = message.start
    else:
        return None
    if start > message.sent + AFTER_SENT_US:
        return ("onset_after_sent", "What is told lies behind the moment of its sending; the clock was stepped.")
    if start < message.sent - PAST_US:
        return ("onset_too_old", "What is told lies more than seven days before its sending.")
    return None


def _wrong_kind(message: AnyMessage, kind: str) -> tuple[str, str] | None:
    if isinstance(message, Heartbeat):
        return None
    if isinstance(message, Detection):
        of = "microphone" if message.event in SOUND_EVENTS else "camera"
    else:
        of = "microphone" if isinstance(message, SoundLevel) else "camera"
    if of == kind:
        return None
    return ("kind_mismatch", f"A {kind} can't speak of this; only a {of} can.")
