"""The right to analyse, which ends by itself: an agent hears and sees only while it holds a fresh lease of its hub.

So a stop holds even where the hub hangs or the way to it is cut: nobody has to reach the sensor to silence it. The
moment of the hub's answer counts, on a clock that also runs while the machine sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from sensors.protocol import AnyMessage, Detection

LEASE_PATH: Final = "/api/v1/lease"
RENEW_S: Final = 10.0
"""How long one request for a lease may be held by the hub, which answers it earlier where something changed."""
LOOK_S: Final = 2.0
"""A machine that slept finds its lease over this long after it woke, at the latest."""
_LONGEST_S: Final = 3_600.0
_UNFIT: Final = re.compile(r"[^a-z0-9_]")
AWAITED: Final = "lease_awaited"
"""The reason before the hub has said anything."""


class LeaseAnswer(msgspec.Struct, frozen=True):
    """What the hub says: may this sensor analyse, for how many seconds, in which mode, and which classes.

    `held_s` is how long the hub held the request; `tag` names this answer, so that the next request can wait for
    another.
    """

    granted: bool = False
    seconds: float = 0.0
    held_s: float = 0.0
    mode: str = "off"
    code: str = ""
    tag: str = ""
    classes: tuple[str, ...] = ()


def boot_s() -> float:
    """Seconds since the machine started, time asleep included where the system tells it."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Lease:
    """What an agent holds: nothing at first. `clock_s` never goes back."""

    def __init__(self, clock_s: Callable[[], float] = boot_s) -> None:
        self._clock_s = clock_s
        self._until_s = 0.0
        self._issued_s = 0.0
        self._classes: Collection[str] = frozenset()
        self._changed = asyncio.Event()
        self.reason = AWAITED
        self.mode = "off"
        self.tag = ""

    def now_s(self) -> float:
        """The clock of this lease, to be read before a request is sent."""
        return self._clock_s()

    def left_s(self) -> float:
        """Seconds that may still be analysed; 0 where nothing may be."""
        return max(0.0, self._until_s - self._clock_s())

    @property
    def fresh(self) -> bool:
        """True while the sensor may analyse."""
        return self.left_s() > 0.0

    def allows(self, message: AnyMessage) -> bool:
        """True where `message` may be told under this lease."""
        return self.fresh and (not isinstance(message, Detection) or message.event in self._classes)

    def take(self, answer: LeaseAnswer, asked_s: float) -> None:
        """What the hub answered to a request that was sent at `asked_s`; a refusal counts at once, an old yes does
        not."""
        issued_s = min(asked_s + max(answer.held_s, 0.0), self._clock_s())
        if answer.granted and issued_s < self._issued_s:
            return
        self.tag, self.mode = answer.tag, answer.mode
        if not answer.granted:
            self.end(_UNFIT.sub("_", answer.code.lower()) or "lease_refused", issued_s)
            return
        self._issued_s = issued_s
        self._until_s = issued_s + min(answer.seconds, _LONGEST_S)
        self._classes = frozenset(answer.classes)
        self.reason = ""
        self._ring()

    def end(self, reason: str, at_s: float | None = None) -> None:
        """The lease is over at this moment."""
        self._issued_s = max(self._issued_s, self._clock_s() if at_s is None else at_s)
        self._until_s = 0.0
        self.reason = reason
        self._ring()

    async def held(self) -> None:
        """Return once the sensor may analyse."""
        while not self.fresh:
            await self._changed.wait()

    async def over(self) -> str:
        """Return once the sensor may no longer analyse; the reason, as a stable code."""
        while self.fresh:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: until Python 3.12 it swallows a cancellation that comes as the event does, and the
                # agent would never end.
                async with asyncio.timeout(min(self.left_s(), LOOK_S)):
                    await self._changed.wait()
        self.reason = self.reason or "lease_expired"
        return self.reason

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
