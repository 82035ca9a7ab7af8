"""Frames, and where they come from: the interface that files, streams, devices and the simulator share.

A source is read in a thread of the station: `frames()` blocks. An image lives until the next one is asked for.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.protocol import CaptureState

Image = NDArray[np.uint8]
"""uint8[h, w, 3] in OpenCV's order blue, green, red; or uint8[h, w] in grey."""
Field = NDArray[np.float32]


class Frame(Protocol):
    """One image of the scene."""

    @property
    def image(self) -> Image:
        """uint8[h, w, 3], blue, green, red."""

    @property
    def utc_us(self) -> int:
        """When it was taken, microseconds since the Unix epoch."""

    @property
    def index(self) -> int:
        """Rises by one for each frame delivered."""


@dataclass(frozen=True, slots=True, eq=False)
class StillFrame:
    """A frame as a value; `image` is uint8[h, w, 3] in blue, green, red."""

    image: Image
    utc_us: int
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class ReducedFrame:
    """A frame as the analysis takes it, masked and made small by the decoding child: nothing else crosses the pipe.

    `grey` is uint8[h, w]; `colour` uint8[h/2, w/2, 3], or None between two looks at the colours; `detail` is what a
    detector may look at, uint8[h, w, 3] at most 640 pixels a side, or None between two such looks.
    """

    grey: Image
    colour: Image | None
    utc_us: int
    index: int
    detail: Image | None = None

    @property
    def image(self) -> Image:
        """The same in grey as uint8[h, w, 3], for who asks for a picture."""
        return np.repeat(self.grey[:, :, None], 3, axis=2)


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """What a source knows of itself: state, a stable reason, and what it counted since its start."""

    capture: CaptureState
    reason: str = ""
    frames: int = 0
    skipped: int = 0
    restarts: int = 0
    audio_tracks_dropped: int = 0


class SourceError(Exception):
    """A source that can't deliver; `code` is stable (`open_failed`, `no_frames`, `decoder_crashed`, `stalled`)."""

    def __init__(self, code: str, what: str, mend: str) -> None:
        super().__init__(f"{what}. {mend}")
        self.code = code
        self.what = what
        self.mend = mend


class FrameSource(Protocol):
    """Something that yields frames in order of time."""

    def frames(self) -> Iterator[Frame]:
        """Block until the next frame; end when the source is closed or over; raise SourceError when it can't go on."""

    def health(self) -> SourceHealth:
        """The state at this moment; never blocks."""

    def close(self) -> None:
        """Make `frames` end soon; may be called from any thread, and more than once."""


_WAITING: Final = 4
"""Frames that may wait for the analysis: at 10 frames/s an analysis that lags 0.4 s starts to skip."""


class FeedSource:
    """Frames made in this process (the simulator, tests): whoever renders calls `put`, the station reads.

    `wait=True` makes `put` block while the queue is full (every frame is analysed); else the oldest is skipped and
    counted.
    """

    def __init__(self, *, wait: bool = False, capacity: int = _WAITING) -> None:
        self._queue: queue.Queue[StillFrame | None] = queue.Queue(capacity)
        self._wait = wait
        self._closed = False
        self._frames = 0
        self._skipped = 0

    def put(self, image: Image, utc_us: int) -> None:
        """Hand over one frame, uint8[h, w, 3]; the caller must not write into it afterwards."""
        frame = StillFrame(image, utc_us, self._frames)
        self._frames += 1
        if self._wait:
            self._queue.put(frame)
            return
        while not self._closed:
            try:
                self._queue.put_nowait(frame)
                return
            except queue.Full:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
            self._skipped += 1
        except queue.Empty:
            return

    def finish(self) -> None:
        """No more frames will come: `frames` ends after those that wait."""
        self._queue.put(None)

    def frames(self) -> Iterator[Frame]:
        """Yield what was put, until `finish` or `close`."""
        while not self._closed:
            try:
                frame = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            if frame is None:
                break
            yield frame
        self._closed = True

    def health(self) -> SourceHealth:
        """`ok` while open; `lost` with reason `source_ended` afterwards."""
        state: CaptureState = "lost" if self._closed else ("ok" if self._frames else "starting")
        return SourceHealth(state, "source_ended" if self._closed else "", frames=self._frames, skipped=self._skipped)

    def close(self) -> None:
        """End `frames` within a fraction of a second."""
        self._closed = True
