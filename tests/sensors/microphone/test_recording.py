"""A file that is played to a hub is told once, whatever stops the agent in between."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensors.microphone.recording import RecordingSource

RATE = 16_000
START_US = 1_700_000_000_000_000


@pytest.mark.parametrize("heard", [0, 1, 7])
@pytest.mark.parametrize("start_us", [START_US, None])
async def test_who_comes_again_hears_the_rest(tmp_path: Path, heard: int, start_us: int | None) -> None:
    path = tmp_path / "street.wav"
    sound = (np.arange(2 * RATE) % 20_000).astype(np.float32) / 32_768
    await asyncio.to_thread(soundfile.write, path, sound, RATE, subtype="FLOAT")
    source = RecordingSource(path, start_utc_us=start_us)
    await source.check()
    first = []
    async with aclosing(source.blocks()) as blocks:  # type: ignore[type-var]
        async for block in blocks:
            if len(first) == heard:
                break  # this one was not analysed
            first.append(block)
    rest = [block async for block in source.blocks()]
    assert np.allclose(np.concatenate([block.samples for block in (*first, *rest)]), sound)
    if start_us is not None:
        times = [block.start_utc_us for block in (*first, *rest)]
        assert times == [START_US + round(number * 1e6 * first_size(rest) / RATE) for number in range(len(times))]
    assert [block async for block in source.blocks()] == []


def first_size(blocks: list) -> int:
    return int(blocks[0].samples.size)
