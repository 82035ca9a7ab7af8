"""A wire between two parts that can be cut and stalled, and a hub whose clock can be set: tools of the fault campaign.

`python soak_wire.py OFFSET_FILE hub --config FILE` runs `tocsin` with a wall clock that is off by the seconds in the
file, read again five times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import Literal


class Wire:
    """Passes bytes on to a port: `open`; `cut` resets what runs and refuses what comes; `stalled` passes nothing."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._state: Literal["open", "cut", "stalled"] = "open"
        self._open = asyncio.Event()
        self._open.set()
        self._running: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.refused = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset everything that runs, as a router does that lost its table; new connections are reset too."""
        self._state = "cut"
        for writer in list(self._running):
            writer.transport.abort()

    def stall(self) -> None:
        """Bytes go nowhere and nobody is told: a cable without its other end."""
        self._state = "stalled"
        self._open.clear()

    def mend(self) -> None:
        """As before; what was stalled goes on."""
        self._state = "open"
        self._open.set()

    async def close(self) -> None:
        """End."""
        self.cut()
        self._open.set()
        if self._server is not None:
            self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state == "cut":
            self.refused += 1
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._running |= ends
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._running -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                await self._open.wait()
                target.write(piece)
                await target.drain()
        with contextlib.suppress(OSError, RuntimeError):
            target.write_eof()


def run_with_set_clock(offset: Path, arguments: list[str]) -> None:
    """Run the command line on a clock that is off by what `offset` says."""
    off_s = [0.0]
    real, real_ns = time.time, time.time_ns

    def look() -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                off_s[0] = float(offset.read_text())
            time.sleep(0.2)

    time.time = lambda: real() + off_s[0]
    time.time_ns = lambda: real_ns() + int(off_s[0] * 1e9)
    threading.Thread(target=look, daemon=True).start()
    from hub.commands.main import main

    sys.argv = ["tocsin", *arguments]
    main()


if __name__ == "__main__":
    run_with_set_clock(Path(sys.argv[1]), sys.argv[2:])
