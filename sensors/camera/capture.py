"""The parent's side of decoding: starts the child, asks for frames, notices a stall or a death, starts it again.

What comes from the child is treated as hostile too: a packet of the wrong form ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np

from sensors.camera import decoder
from sensors.camera.budget import RestartBudget
from sensors.camera.decoder import HEADER, Opened, Spec
from sensors.camera.frames import Frame, Image, ReducedFrame, SourceError, SourceHealth, StillFrame
from sensors.camera.reduce import MAX_SIDE
from sensors.protocol import CaptureState

STALL_S: Final = 10.0
"""Silence after which a child counts as stuck: longer than a key-frame interval, shorter than a patience."""
_OPEN_S: Final = 20.0
_AHEAD: Final = 2
"""Frames asked for in advance, so that the child decodes while the parent analyses."""
_MAX_PAYLOAD: Final = MAX_SIDE * MAX_SIDE * 5
"""A grey picture, its colours at half the size, and a detail."""
_PIPE_BYTES: Final = 1 << 20
"""A picture fits into the pipe at once: neither side waits for the other in the middle of one."""

_MENDS: Final = {
    "open_failed": "Check the address, the password and that the file is a video",
    "no_frames": "The video holds no picture that can be decoded; try to play it elsewhere",
    "decoder_crashed": "The stream breaks the decoder; ask the camera for H.264 baseline or its substream",
    "stalled": "The camera stopped sending; check its network and power",
    "bad_packet": "The decoder spoke nonsense and was stopped; the video may be hostile",
}


class _ChildGone(Exception):
    """The child ended in a way that a restart may mend; `code` says how."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ChildSource:
    """Frames of a file, an RTSP or HTTP address, or a USB device, decoded in a child process.

    `start_utc_us` dates the first frame of a file (default: now); live frames carry the time of their arrival.
    A stream or device is opened again as long as the station runs: at once within the restart budget, then at the pace
    that it allows. A file is resumed after the frame that killed the decoder, and given up when the budget is spent.
    Without `patient` the first failure is the last (SourceError).
    """

    def __init__(
        self,
        spec: Spec,
        *,
        start_utc_us: int | None = None,
        repeat: bool = False,
        patient: bool = True,
        stall_s: float = STALL_S,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._spec = spec
        self._start_utc_us = start_utc_us
        self._repeat = repeat
        self._patient = patient
        self._stall_s = stall_s
        self._budget = RestartBudget(monotonic)
        self._closed = threading.Event()
        self._sleep = sleep
        self._child: subprocess.Popen[bytes] | None = None
        self._state: CaptureState = "starting"
        self._reason = ""
        self._frames = self._skipped = self._audio = 0
        self._delivered_here = 0
        self._last_media_us = 0

    @property
    def child_pid(self) -> int | None:
        """The decoding process, while one runs."""
        return self._child.pid if self._child is not None else None

    def health(self) -> SourceHealth:
        """State and counters at this moment."""
        return SourceHealth(self._state, self._reason, self._frames, self._skipped, self._budget.used, self._audio)

    def close(self) -> None:
        """End `frames` and the child; safe from any thread."""
        self._closed.set()
        child = self._child
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()

    def frames(self) -> Iterator[Frame]:
        """Yield frames until closed, or until a file is over; SourceError when there is no sense in trying again.

        A source that was closed opens anew: an agent whose stop was lifted goes on with the same one.
        """
        self._closed.clear()
        spec, base_us = self._spec, self._start_utc_us
        while not self._closed.is_set():
            try:
                yield from self._one_child(spec, base_us)
                if not self._repeat:
                    self._note("lost", "source_ended")
                    return
                base_us = self._start_utc_us = (self._start_utc_us or 0) + self._last_media_us + 40_000
                spec = self._spec
            except _ChildGone as gone:
                if self._closed.is_set():
                    return
                self._note("lost", gone.code)
                spec = self._again(gone.code, spec)

    def _again(self, code: str, spec: Spec) -> Spec:
        wait_s = self._budget.wait_s()
        given_up = spec.kind == "file" and (code in {"open_failed", "no_frames"} or wait_s > 0)
        if given_up or not self._patient:
            raise SourceError(code, f"{shown(spec.where)}: {code.replace('_', ' ')}", _MENDS[code])
        # A camera that reboots refuses connections for a while: one second between two tries.
        pause = max(wait_s, 1.0 if spec.kind != "file" else 0.0)
        (self._sleep or self._closed.wait)(pause)
        self._budget.spend()
        if spec.kind != "file" or code == "stalled":
            return spec
        resumed = msgspec.structs.replace(spec, skip=spec.skip + self._delivered_here + 1)
        self._delivered_here = 0
        return resumed

    def _note(self, state: CaptureState, reason: str = "") -> None:
        self._state, self._reason = state, reason

    def _one_child(self, spec: Spec, base_us: int | None) -> Iterator[Frame]:
        # Everything of the parent that the child doesn't need (sockets, the key file) stays closed to it.
        child = subprocess.Popen(
            [sys.executable, "-m", "sensors.camera.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            close_fds=True,
        )
        self._child = child
        self._note("starting" if not self._frames else "degraded", "opening")
        if child.stdin is None or child.stdout is None:
            raise _ChildGone("decoder_crashed")
        asked, out = child.stdin.fileno(), child.stdout.fileno()
        with contextlib.suppress(OSError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            _write(asked, msgspec.json.encode(spec) + b"\n" + b"+" * _AHEAD)
            for frame in self._packets(out, asked, base_us):
                self._frames += 1
                self._delivered_here += 1
                self._note("ok")
                yield frame
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
            self._child = None

    def _packets(self, out: int, asked: int, base_us: int | None) -> Iterator[Frame]:
        limit_s = _OPEN_S
        while True:
            magic, kind, form, height, width, high, wide, skipped, media_us, utc_us, length = HEADER.unpack(
                self._read(out, HEADER.size, limit_s)
            )
            limit_s = self._stall_s
            if magic != decoder.MAGIC or length > _MAX_PAYLOAD:
                raise _ChildGone("bad_packet")
            payload = self._read(out, length, limit_s)
            if kind == decoder.FRAME:
                planes = _planes(payload, form, (height, width), (high, wide))
                self._skipped += skipped
                self._last_media_us = media_us
                if self._spec.kind == "file":
                    if base_us is None:
                        base_us = self._start_utc_us = utc_us - media_us
                    utc_us = base_us + media_us
                _write(asked, b"+")
                if form == decoder.PICTURE:
                    yield StillFrame(planes[0], utc_us, self._frames)
                else:
                    colour = planes[1] if form & decoder.COLOUR else None
                    detail = planes[-1] if form & decoder.DETAIL else None
                    yield ReducedFrame(planes[0], colour, utc_us, self._frames, detail)
            elif kind == decoder.OPENED:
                self._audio += _opened(payload).audio_tracks
            elif kind == decoder.ENDED and self._spec.kind == "file":
                return
            else:
                code = bytes(payload).decode("ascii", "replace")
                raise _ChildGone(code if code in _MENDS else "stalled")

    def _read(self, out: int, count: int, limit_s: float) -> bytearray:
        buffer = bytearray(count)
        view, filled = memoryview(buffer), 0
        deadline = time.monotonic() + limit_s
        while filled < count:
            ready, _, _ = select.select([out], [], [], min(0.5, max(0.0, deadline - time.monotonic())))
            if self._closed.is_set():
                raise _ChildGone("decoder_crashed")
            if ready:
                got = os.readv(out, [view[filled:]])
                if got == 0:
                    raise _ChildGone("decoder_crashed")
                filled += got
            elif time.monotonic() >= deadline:
                raise _ChildGone("stalled")
        return buffer


def _planes(payload: bytearray, form: int, size: tuple[int, int], detail: tuple[int, int]) -> list[Image]:
    """The arrays of a packet, in the shapes that its form and sizes say; _ChildGone when its length is another."""
    wanted: list[tuple[int, ...]] = [(*size, 3)] if form == decoder.PICTURE else []
    if form & decoder.GREY:
        wanted.append(size)
        wanted += [(size[0] // 2, size[1] // 2, 3)] if form & decoder.COLOUR else []
        wanted += [(*detail, 3)] if form & decoder.DETAIL else []
    lengths = [math.prod(shape) for shape in wanted]
    if not payload or min(lengths, default=0) == 0 or sum(lengths) != len(payload):
        raise _ChildGone("bad_packet")
    planes, at = [], 0
    for shape, length in zip(wanted, lengths, strict=True):
        planes.append(np.frombuffer(payload, np.uint8, length, at).reshape(shape))
        at += length
    return planes


def shown(where: str) -> str:
    """An address without its user and password, for messages and logs."""
    return re.sub(r"//[^/@]*@", "//", where)


def _write(asked: int, data: bytes) -> None:
    # A child that has just died is noticed by the next read, which says how.
    with contextlib.suppress(BrokenPipeError):
        os.write(asked, data)


def _opened(payload: bytearray) -> Opened:
    try:
        return msgspec.json.decode(bytes(payload), type=Opened)
    except msgspec.DecodeError:
        raise _ChildGone("bad_packet") from None
