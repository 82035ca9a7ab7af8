"""Wakes every listener when something changed; what changed is read from the store: a resumed stream misses nothing."""

from __future__ import annotations

import asyncio


class Broadcaster:
    """A bell without a message."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.listeners = 0

    def ring(self) -> None:
        """Wake everybody who waits now."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """True when rung, False after `timeout_s` of silence."""
        try:
            await asyncio.wait_for(self._rung.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
