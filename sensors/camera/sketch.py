"""The edge sketch: coarse contours of an empty scene, on which a technician draws zones and masks; never a picture.

What may be shown of a scene is this and nothing more (no grey value, no colour, no texture):

- it is made of the median of pictures spread over some seconds, so that passers-by are in none of it, and places that
  moved meanwhile are left out;
- masks are painted over before anything else, and nothing is drawn in them;
- contours are traced at 128 pixels of the picture's width and snapped to a grid of as many steps; what spans less than
  a tenth of the width is left out, so that the features of a face do not show even where somebody sits still;
- it is bounded: at most `MAX_LINES` lines and `MAX_POINTS` points.

The agent makes it (`tocsin camera --sketch FILE`) and gives it to whoever stands beside it; there is no
place for it on the wire, and the hub neither asks for nor keeps one.

Form (JSON, UTF-8, `application/vnd.tocsin.sketch+json`, file name `*.sketch.json`), everything normalised as in the
settings: x runs right and y down, both from 0 to 1, three decimals:

    {"format": "tocsin-sketch/1",
     "aspect": 0.5625,                                  height / width of the picture
     "made_us": 1795370000000000,                       UTC in µs
     "lines": [[[0.031, 0.5], [0.047, 0.514], ...], ...],   polylines of two points or more
     "zones": {"lawn": [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0]]},   polygons of the present settings, to begin with
     "masks": [[[0.0, 0.0], [0.3, 0.0], [0.3, 0.2]]]}

A page draws `lines` as strokes in a box of 1 x `aspect`, and gives back zones and masks as such polygons: `polygon` and
`masks` in the settings file (`sensors.camera.settings`), and `zones` of the hub's registry take them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct

from sensors.camera.frames import Frame, Image, SourceError
from sensors.camera.masks import Masks, raster
from sensors.camera.scene import Steady
from sensors.camera.settings import CameraSettings

GRID: Final = 128
"""Steps over the picture's width; somebody who fills half of the picture's height has a head of nine of them."""
MAX_LINES: Final = 400
MAX_POINTS: Final = 3_000
PICTURES: Final = 15
LASTS_S: Final = 6.0
"""A walker crosses his own width in half a second: he is in few of fifteen pictures of the same place."""
_LEAST_SPAN: Final = GRID // 10
_MOVED: Final = 24
"""Grey levels by which the middle half of the pictures may differ where nothing moves: noise and compression."""
_BUSY: Final = 0.5
_SMOOTH: Final = 2.0
"""Standard deviation in pixels of 128: lettering and faces go before contours are sought."""
_STRONG: Final = 0.88
"""Quantile of the gradient above which a contour begins; it may go on at half of it."""

Corner = tuple[float, float]


class Sketch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contours of one scene, in the form that this module's text gives."""

    aspect: Annotated[float, Meta(gt=0.0, le=10.0)]
    made_us: int
    lines: Annotated[tuple[tuple[Corner, ...], ...], Meta(max_length=MAX_LINES)]
    zones: dict[str, tuple[Corner, ...]] = {}
    masks: tuple[tuple[Corner, ...], ...] = ()
    format: Literal["tocsin-sketch/1"] = "tocsin-sketch/1"

    def encoded(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)


def sketch_of(frames: Iterable[Frame], settings: CameraSettings) -> Sketch:
    """Look at a source for `LASTS_S` and draw its scene; SourceError when it gives too little, or is never calm."""
    pictures: list[Image] = []
    first_us, last_us = None, 0
    masks = Masks(settings.masks)
    aspect = 1.0
    for frame in frames:
        first_us = frame.utc_us if first_us is None else first_us
        last_us = frame.utc_us
        if last_us - first_us >= len(pictures) * LASTS_S * 1e6 / (PICTURES - 1):
            aspect = frame.image.shape[0] / frame.image.shape[1]
            pictures.append(_small(masks.applied(frame.image), aspect))
            if pictures[0].shape != pictures[-1].shape:
                pictures, first_us = pictures[-1:], last_us
        if len(pictures) >= PICTURES:
            break
    if len(pictures) < PICTURES // 2:
        raise SourceError(
            "too_short", f"the source gave {len(pictures)} usable pictures", f"A sketch needs {LASTS_S:g} s of the view"
        )
    return Sketch(
        aspect=round(aspect, 4),
        made_us=last_us,
        lines=contours(np.stack(pictures), settings.masks),
        zones={zone.name: zone.polygon for zone in settings.zones},
        masks=settings.masks,
    )


def contours(
    pictures: Image, masks: tuple[tuple[tuple[float, float], ...], ...] = ()
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The polylines of `pictures` uint8[n, h, 128] in grey, longest first; SourceError where most of the view moves."""
    low, middle, high = np.percentile(_steadied(pictures), (25, 50, 75), axis=0)
    moved = cv2.dilate((high - low > _MOVED).astype(np.uint8), np.ones((3, 3), np.uint8))
    if float(moved.mean()) > _BUSY:
        raise SourceError(
            "view_busy", "most of the view moves, or something stands before the camera", "Try again when it is calm"
        )
    height, width = middle.shape
    smooth = cv2.GaussianBlur(middle.astype(np.uint8), (0, 0), _SMOOTH)
    across, down = cv2.Sobel(smooth, cv2.CV_16S, 1, 0), cv2.Sobel(smooth, cv2.CV_16S, 0, 1)
    strong = max(40.0, float(np.quantile(np.abs(across.astype(int)) + np.abs(down.astype(int)), _STRONG)))
    edges = cv2.Canny(across, down, strong / 2, strong)
    edges[moved > 0] = 0
    if masks:
        # The rim of the paint is an edge of its own and says nothing.
        edges[cv2.dilate(raster(masks, (width, height)), np.ones((5, 5), np.uint8)) > 0] = 0
    found, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = []
    for contour in found:
        _, _, w, h = cv2.boundingRect(contour)
        if max(w, h) > _LEAST_SPAN:
            corners = cv2.approxPolyDP(_once(contour), 1.0, False)[:, 0, :].tolist()
            lines.append(
                (max(w, h), tuple((round(x / (width - 1), 3), round(y / (height - 1), 3)) for x, y in corners))
            )
    lines.sort(key=lambda one: -one[0])
    kept: list[tuple[tuple[float, float], ...]] = []
    points = 0
    for _, line in lines[:MAX_LINES]:
        points += len(line)
        if points > MAX_POINTS:
            break
        if len(line) > 1:
            kept.append(line)
    return tuple(kept)


def _steadied(pictures: Image) -> Image:
    """The pictures of a camera that shakes, laid over the first."""
    steady = Steady()
    steady.reference(pictures[0])
    laid = []
    for picture in pictures:
        right, down = steady.shift(picture)
        move = np.array([[1, 0, -right], [0, 1, -down]], np.float32)
        laid.append(cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE))
    return np.stack(laid)


def _once(line: np.ndarray) -> np.ndarray:
    """A contour int32[n, 1, 2] that runs there and back along a thin line, cut to one way; a loop stays one."""
    if len(np.unique(line[:, 0], axis=0)) > 0.75 * len(line):
        return np.concatenate([line, line[:1]])
    start = int(np.hypot(*(line[:, 0] - line[0, 0]).T).argmax())
    line = np.roll(line, -start, axis=0)
    return line[: int(np.hypot(*(line[:, 0] - line[0, 0]).T).argmax()) + 1]


def _small(image: Image, aspect: float) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (GRID, max(16, round(GRID * aspect))), interpolation=cv2.INTER_AREA), np.uint8)
