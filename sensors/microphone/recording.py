"""A sound file as a source: any rate and channel count, played in real time or as fast as it can be analysed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Final

import numpy as np

from sensors.agent import Send, Station, StationHealth
from sensors.children import end
from sensors.microphone.sources import BLOCK_S, SoundBlock, SourceError, SourceStatus

STALL_S: Final = 30.0
"""A decoder that delivers nothing for this long is given up."""
_IMPORT_PATH: Final = str(Path(__file__).resolve().parents[2])
"""Where this package is, for the child."""
FILE_SIGMA_US: Final = 1_000
"""What the start time of a recording is taken to be good to, unless told otherwise."""


class RecordingSource:
    """Plays the file at `path` as if captured at `start_utc_us` (default: now).

    `real_time`: one second of sound a second; otherwise as fast as the analysis takes it. Decoding happens in a child
    process, so that a hostile file cannot take the agent down. Who stops listening and comes again hears the rest: what
    was heard once is not told twice. Raises SourceError: `file_missing`, `file_unreadable`,
    `file_empty`, `file_stalled`, `rate_unusable`, `channels_unusable`.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        start_utc_us: int | None = None,
        clock_sigma_us: int = FILE_SIGMA_US,
        real_time: bool = False,
    ) -> None:
        self.path = Path(path)
        self._start_utc_us = start_utc_us
        self._sigma_us = clock_sigma_us
        self._real_time = real_time
        self._heard = 0
        """Samples that were analysed."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def status(self) -> SourceStatus:
        """A file loses nothing."""
        return SourceStatus()

    async def blocks(self) -> AsyncIterator[SoundBlock]:
        """Decode and deliver."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sensors.microphone.decoder", str(self.path)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _IMPORT_PATH},
        )
        try:
            assert child.stdout is not None
            async for block in self._read(child.stdout):
                yield block
            status = await child.wait()
            if status:
                raise SourceError("file_unreadable", f"{self.path} ends early: its decoder stopped ({status}).")
        finally:
            if child.returncode is None:
                await end(child)

    async def check(self) -> None:
        """Try whether there is sound in the file at all. Raises SourceError where not."""
        async with aclosing(self.blocks()) as blocks:  # type: ignore[type-var]
            async for _ in blocks:
                return
        raise SourceError("file_empty", f"{self.path} holds no sound.")

    async def _read(self, pipe: asyncio.StreamReader) -> AsyncIterator[SoundBlock]:
        rate = self._header(await _in_time(pipe.readline(), self.path))
        heard_s = self._heard / rate
        now_us = time.time_ns() // 1_000
        start_us = now_us - round(heard_s * 1e6) if self._start_utc_us is None else self._start_utc_us
        count = max(1, round(BLOCK_S * rate))
        begun, done = time.monotonic() - heard_s, 0
        while True:
            try:
                data = await _in_time(pipe.readexactly(4 * count), self.path)
            except asyncio.IncompleteReadError as rest:
                data = rest.partial[: len(rest.partial) // 4 * 4]
            if not data:
                return
            samples = np.frombuffer(data, np.float32)
            done += samples.size
            if done <= self._heard:
                continue
            if self._real_time:
                # A block is complete when its last sample would have been captured.
                await asyncio.sleep(max(0.0, begun + done / rate - time.monotonic()))
            at_us = start_us + round((done - samples.size) * 1e6 / rate)
            yield SoundBlock(samples, rate, at_us, self._sigma_us)
            self._heard = done
            if samples.size < count:
                return

    def _header(self, line: bytes) -> int:
        try:
            header = json.loads(line)
        except ValueError:
            raise SourceError("file_unreadable", f"{self.path} can't be decoded: its decoder crashed.") from None
        if "error" in header:
            raise SourceError(str(header["error"]), str(header["detail"]))
        return int(header["rate"])


class PlayedOnce:
    """A station whose source can't come back: a file that breaks ends it, instead of being played again from the start.

    `error` is what broke it, None while nothing did.
    """

    def __init__(self, station: Station) -> None:
        self.error: SourceError | None = None
        self._station = station

    async def run(self, send: Send) -> None:
        """Run the station to its end, good or bad."""
        try:
            await self._station.run(send)
        except SourceError as error:
            self.error = error

    def health(self) -> StationHealth:
        """The station's."""
        return self._station.health()


async def _in_time(reading: Coroutine[None, None, bytes], path: Path) -> bytes:
    try:
        async with asyncio.timeout(STALL_S):
            return await reading
    except TimeoutError:
        raise SourceError("file_stalled", f"{path}: nothing could be read for {STALL_S:.0f} s.") from None
