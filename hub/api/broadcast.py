"""Wakes every listener when something changed.

What changed is read from the store, so a stream that resumes misses nothing.
"""

from __future__ import annotations

import asyncio


class Broadcaster:
    """A bell without a message."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.listeners = 0
        self.closing = False

    def ring(self) -> None:
        """Wake everybody who listens now."""
        self._next.set()
        self._next = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """The next ringing; taken before the store is read, so that nothing falls between the two."""
        return self._next

    def close(self) -> None:
        """Ring for the last time: listeners end their streams."""
        self.closing = True
        self.ring()


async def heard(ringing: asyncio.Event, timeout_s: float) -> bool:
    """True when it rang, False after `timeout_s` of silence."""
    try:
        await asyncio.wait_for(ringing.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
