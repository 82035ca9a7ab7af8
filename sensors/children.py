"""Child processes of an agent: how one is ended."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress


async def end(child: Process) -> None:
    """Kill `child` if it still runs, empty its pipes (asyncio waits for their ends too), and wait for it."""
    if child.returncode is None:
        # Not `child.kill()`: subprocess looks first whether the child has ended, and so takes the exit status of one
        # that just did away from asyncio, which then warns of an unknown child.
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    await child.communicate()
