"""What was mended since the start, for the status; each is told to whoever listens, which writes the audit log."""

from __future__ import annotations

import asyncio

from hub.twin.mend import Mended


class Mendings:
    """Filled from any thread, read in the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._new: asyncio.Queue[Mended] = asyncio.Queue()
        self.all: list[Mended] = []

    def add(self, done: Mended) -> None:
        """Something was mended; from any thread."""
        self._loop.call_soon_threadsafe(self._add, done)

    async def next(self) -> Mended:
        """The next that nobody was given yet."""
        return await self._new.get()

    def _add(self, done: Mended) -> None:
        self.all.append(done)
        self._new.put_nowait(done)
