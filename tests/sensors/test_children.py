"""Ending a child process: no zombie, no warning, whatever state it is in."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import pytest

from sensors.children import end


async def child(code: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)


@pytest.mark.parametrize("code", ["import time; time.sleep(600)", "while True: print('x' * 65536)"])
async def test_a_child_that_runs_is_ended(code: str) -> None:
    one = await child(code)
    await end(one)
    assert one.returncode == -9


async def test_a_child_that_just_ended_is_taken_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "asyncio"):
        for _ in range(5):
            one = await child("print('x')")
            assert one.stdout is not None
            await one.stdout.read()  # it is about to end, or has ended, and asyncio may not know yet
            await end(one)
            assert one.returncode in (0, -9)
    assert "Unknown child" not in caplog.text
