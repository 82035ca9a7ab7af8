"""The demo's processes: started apart from the terminal's Ctrl-C, watched, and ended within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any, Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
_ROOT: Final = Path(__file__).resolve().parents[2]


def _die_with_parent() -> None:
    """Linux ends the child when the demo is killed outright; elsewhere its closed pipe does."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Child:
    """One process of the demo: JSON lines out of it, JSON lines into it, its log in a file."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: asyncio.subprocess.Process | None = None
        self._file: IO[bytes] | None = None

    async def start(self, *arguments: str) -> None:
        """Start `python ARGUMENTS`; it shares neither the terminal nor its signals."""
        self._file = await asyncio.to_thread(self.log.open, "ab")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._file,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
            limit=2**20,
        )

    @property
    def running(self) -> asyncio.subprocess.Process:
        """The process itself."""
        assert self._process is not None
        return self._process

    async def say(self, value: Any) -> None:
        """Write one JSON line to the process; one that is gone hears nothing."""
        pipe = self.running.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.write(json.dumps(value).encode() + b"\n")
            await pipe.drain()

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        """What the process says, until it ends; lines that are no JSON object are passed over."""
        pipe = self.running.stdout
        assert pipe is not None
        while line := await pipe.readline():
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    yield value

    async def stop(self, patience_s: float) -> None:
        """Ask the process to end, and end it where it does not within `patience_s`."""
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), patience_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._file is not None:
            self._file.close()
            self._file = None

    def last_words(self, count: int = 5) -> list[str]:
        """The end of the process's log."""
        with contextlib.suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
        return []
