"""When a message is tried again, and when a receiver is left alone: pure, the clock and the dice come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_WAITS_S: Final = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Dispatch counts in seconds: a restarted proxy or a lost packet must not cost minutes."""

PUBLISHED_WAITS_S: Final = (300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""The retry schedule that Standard Webhooks 1.0 recommends, from its five minutes on."""

JITTER: Final = 0.2
"""Share of a published wait by which it is spread, so that the hubs of a region do not return in step."""

SLOW_DOWN_STATUSES: Final = frozenset({429, 502, 504})
SLOW_DOWN_S: Final = 15.0
"""The least wait after an answer that asks for less."""

LONGEST_WAIT_S: Final = 86_400.0
"""A `Retry-After` beyond a day is cut: by then somebody has to look."""


LONGEST_PAUSE_S: Final = 300.0
"""The most that one answer can hold back the other messages to the same receiver."""


def wait_s(attempt: int, random: Callable[[], float]) -> float | None:
    """Seconds to wait after failed attempt number `attempt` (from 1); None when there is no further one.

    `random` gives numbers in [0, 1).
    """
    index = attempt - 1
    if index < len(FIRST_WAITS_S):
        return FIRST_WAITS_S[index]
    index -= len(FIRST_WAITS_S)
    if index < len(PUBLISHED_WAITS_S):
        return PUBLISHED_WAITS_S[index] * (1 + JITTER * (2 * random() - 1))
    return None


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 section 10.2.3: seconds or a date); None where it says nothing."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year of thirty digits
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.fromtimestamp(now_s, UTC)).total_seconds()), LONGEST_WAIT_S)


@dataclass(slots=True)
class CircuitBreaker:
    """Leaves a receiver alone after `threshold` failures in a row, and then tries it with one message at a time.

    The pauses grow (`pauses_s`) and end at the last one: half a minute, because a dispatch may be waiting.
    """

    threshold: int = 5
    pauses_s: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0)
    failures: int = 0
    open_until_s: float = field(default=0.0)

    @property
    def tripped(self) -> bool:
        """True while the receiver is only probed."""
        return self.failures >= self.threshold

    def failed(self, now_s: float, asked_for_s: float | None = None) -> None:
        """Count one failure; `asked_for_s` is what the receiver itself asked for."""
        self.failures += 1
        if self.tripped:
            pause = self.pauses_s[min(self.failures - self.threshold, len(self.pauses_s) - 1)]
            self.open_until_s = max(self.open_until_s, now_s + pause)
        if asked_for_s is not None:
            self.open_until_s = max(self.open_until_s, now_s + min(asked_for_s, LONGEST_PAUSE_S))

    def succeeded(self) -> bool:
        """Close again; True where the receiver had been failing."""
        was_failing = self.failures > 0
        self.failures = 0
        self.open_until_s = 0.0
        return was_failing
