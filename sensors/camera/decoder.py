"""The child process that touches foreign video: decodes the picture track alone, masks it, makes it small.

Run as `python -m sensors.camera.decoder`, with one JSON line `Spec` on standard input. Afterwards each byte on standard
input asks for one frame. On standard output come packets: a `HEADER` and its payload. The process may write no file and
leave no core dump (kernel limits), so that a crash leaves no image behind.
"""

from __future__ import annotations

import os
import resource
import select
import struct
import sys
import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    import cv2

    from sensors.camera.reduce import Reducer

from sensors.camera.containers import audio_tracks
from sensors.camera.described import offered_sound

HEADER: Final = struct.Struct("<4sBBHHHHIqqI")
"""Magic, kind, form of the picture, height and width, height and width of the detail, frames skipped before, media time
and UTC in µs, payload bytes."""
MAGIC: Final = b"TCSN"
FRAME: Final = 1
OPENED: Final = 2
FAILED: Final = 3
ENDED: Final = 4

PICTURE: Final = 0
"""Form: uint8[h, w, 3]."""
GREY: Final = 1
"""Form: uint8[h, w]."""
COLOUR: Final = 2
"""Added to `GREY`: uint8[h/2, w/2, 3] follows."""
DETAIL: Final = 4
"""Added to those: what a detector may look at follows, uint8[h, w, 3] of a size of its own."""

_MEMORY_BYTES: Final = 6 << 30
"""Address space of the child: 8K video with its reference frames fits, a decompression bomb doesn't."""
_BAD_READS: Final = 30
"""Reads in a row without a picture after which a file counts as over: corrupt parts are shorter."""

Kind = Literal["file", "url", "device"]


class Spec(Struct, frozen=True, forbid_unknown_fields=True):
    """What to open and how to hand it over.

    `masks` are normalised polygons that are painted over before anything else sees the picture. `max_fps` bounds the
    frames handed over; the rest is passed over. `paced` plays a file at its own speed. `skip` frames at the start of
    a file are passed over (resuming after a crash). `parts` hands over grey in place of the picture, with the colours
    at half the size a few times a second where `colour` asks for them, and a larger picture twice a second where
    `detail` asks for one.
    """

    kind: Kind
    where: str
    width: int = 320
    max_fps: float = 12.5
    paced: bool = False
    skip: int = 0
    timeout_ms: int = 8_000
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    parts: bool = False
    colour: bool = False
    detail: bool = False


class Opened(Struct, frozen=True):
    """What the child found: size in pixels, nominal frames per second (0: unknown), audio tracks it left alone."""

    width: int
    height: int
    fps: float
    audio_tracks: int


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def _send(
    out: int,
    kind: int,
    *payload: bytes | memoryview,
    form: int = PICTURE,
    shape: tuple[int, ...] = (0, 0),
    detail: tuple[int, ...] = (0, 0),
    skipped: int = 0,
    media_us: int = 0,
) -> None:
    utc_us = time.time_ns() // 1_000
    length = sum(map(len, payload))
    sizes = *shape[:2], *detail[:2]
    head = HEADER.pack(MAGIC, kind, form, *sizes, min(skipped, 2**32 - 1), media_us, utc_us, length)
    parts = [memoryview(part) for part in (head, *payload)]
    while parts:
        written = os.writev(out, parts)
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][written:]


class Credits:
    """Frames that the parent asked for and has not got yet."""

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._count = 0

    def take(self, *, wait: bool) -> bool:
        """Use one credit; without `wait`, False when there is none. SystemExit when the parent is gone."""
        while True:
            ready, _, _ = select.select([self._asked], [], [], None if wait and not self._count else 0)
            if ready:
                got = os.read(self._asked, 64)
                if not got:
                    raise SystemExit(0)
                self._count += len(got)
            if self._count:
                self._count -= 1
                return True
            if not wait:
                return False


class MediaClock:
    """Media time in µs: what the container says while it rises, else the frame count over the nominal rate."""

    def __init__(self, fps: float) -> None:
        self._period_us = round(1e6 / fps) if 0.01 < fps < 1_000 else 40_000
        self._last = -self._period_us

    def tick(self, position_ms: float) -> int:
        """Time of the next frame; never falls."""
        said = round(position_ms * 1_000)
        plausible = self._last < said < self._last + 3_600_000_000
        self._last = said if plausible and not (said == 0 and self._last >= 0) else self._last + self._period_us
        return self._last


def _run(spec: Spec, out: int, asked: Credits) -> int:
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
    # RTSP over TCP, and only the picture is asked of the camera: its sound is never set up.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp|allowed_media_types;video|stimeout;8000000"
    import cv2

    from sensors.camera.reduce import Reducer

    cv2.setNumThreads(1)
    limits = [cv2.CAP_PROP_N_THREADS, 1]
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, spec.timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, spec.timeout_ms]
    if spec.kind == "device":
        where: str | int = int(spec.where) if spec.where.isdigit() else spec.where
        capture = cv2.VideoCapture(where, cv2.CAP_V4L2)
    else:
        capture = cv2.VideoCapture(spec.where, cv2.CAP_FFMPEG, limits + timeouts)
    if not capture.isOpened():
        _send(out, FAILED, b"open_failed")
        return 0
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if spec.kind == "file":
        tracks = audio_tracks(spec.where)
    else:
        tracks = offered_sound(spec.where, spec.timeout_ms / 1e3) if spec.kind == "url" else 0
    _send(out, OPENED, msgspec.json.encode(Opened(*size, fps if 0.01 < fps < 1_000 else 0.0, tracks)))
    reducer = Reducer(spec.masks, spec.width, colour=spec.colour, detail=spec.detail)
    return _loop(spec, out, asked, capture, MediaClock(fps), reducer)


def _planes(reducer: Reducer, image: np.ndarray, media_us: int, *, parts: bool) -> tuple[int, list[np.ndarray]]:
    """What is handed over of one picture, and in which form."""
    if not parts:
        return PICTURE, [np.ascontiguousarray(reducer.picture(image))]
    found = reducer.parts(image, media_us)
    form, planes = GREY, [found.grey]
    if found.colour is not None:
        form, planes = form | COLOUR, [*planes, found.colour]
    if found.detail is not None:
        form, planes = form | DETAIL, [*planes, np.ascontiguousarray(found.detail)]
    return form, planes


def _loop(
    spec: Spec,
    out: int,
    asked: Credits,
    capture: cv2.VideoCapture,
    clock: MediaClock,
    reducer: Reducer,
) -> int:
    live = spec.kind != "file" or spec.paced
    skipped = bad = handed = position = 0
    next_us, began = None, None
    while True:
        if not capture.grab():
            bad += 1
            if spec.kind != "file" or bad >= _BAD_READS:
                break
            continue
        bad, position = 0, position + 1
        media_us = clock.tick(float(capture.get(0)))
        if position <= spec.skip:
            continue
        began = began if began is not None else time.monotonic_ns() // 1_000 - media_us
        if spec.paced:
            time.sleep(max(0.0, (began + media_us - time.monotonic_ns() // 1_000) / 1e6))
        moment_us = media_us if spec.kind == "file" else time.monotonic_ns() // 1_000
        if next_us is not None and moment_us < next_us:
            continue
        if not asked.take(wait=not live):
            skipped += 1
            continue
        ok, image = capture.retrieve()
        if not ok or image is None or image.size == 0:
            skipped += 1
            continue
        # A fifth of a period of grace: a 12.5 frames/s file at max_fps 12.5 keeps every frame in spite of rounding.
        next_us = moment_us + round(0.8e6 / spec.max_fps)
        form, planes = _planes(reducer, np.asarray(image, np.uint8), media_us, parts=spec.parts)
        shape = planes[0].shape[:2]
        _send(
            out, FRAME, *(plane.data.cast("B") for plane in planes),
            form=form, shape=shape, detail=planes[-1].shape if form & DETAIL else (0, 0),
            skipped=skipped, media_us=media_us,
        )  # fmt: skip
        skipped, handed = 0, handed + 1
    _send(out, ENDED if handed else FAILED, b"source_ended" if handed else b"no_frames")
    return 0


def main() -> int:
    """Serve one parent until the video ends or the parent goes."""
    _limit_self()
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not land between two packets
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    try:
        return _run(msgspec.json.decode(line, type=Spec), out, Credits(0))
    except (BrokenPipeError, KeyboardInterrupt):
        return 0


if __name__ == "__main__":
    sys.exit(main())
