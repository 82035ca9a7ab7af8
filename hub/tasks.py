"""Work that runs beside the application: begun with a service, ended with it; and waiting that ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def running(name: str, *works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `works` as tasks called `name` until the block ends; then they are cancelled and waited for.

    Raises what a work raised that ended by itself.
    """
    tasks = [asyncio.create_task(work, name=name) for work in works]
    yield
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def within(seconds: float, what: Awaitable[object]) -> bool:
    """Wait for `what`, no longer than `seconds`; False where it did not come.

    Not `asyncio.wait_for`: until Python 3.12 it swallows a cancellation that comes as `what` does, and the task that
    was to end goes on for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await what
        return True
    return False
