"""Waiting that ends."""

from __future__ import annotations

import asyncio

import pytest

from hub.tasks import within


async def test_what_comes_in_time_is_told_from_what_does_not() -> None:
    came = asyncio.Event()
    assert not await within(0.01, came.wait())
    came.set()
    assert await within(30, came.wait())


async def test_a_cancellation_that_comes_as_the_event_does_is_not_swallowed() -> None:
    came = asyncio.Event()
    task = asyncio.create_task(within(30, came.wait()))
    await asyncio.sleep(0)
    came.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
