"""The optional object detector: what a part of the picture shows, in the five kinds that a street needs.

YOLOX-nano (Ge et al., arXiv 2107.08430; COCO, 80 classes) in OpenCV's own runtime. Of its 80 outputs only those of
`KIND_OF` are ever read: a person is a person, and nothing it could say of anybody goes any further. It gets masked
pixels only, at most `INPUT_PX` of them a side. Nothing depends on it: without one every rule works, less well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np

from models.fetched import YOLOX_NANO, Fetched
from sensors.camera.frames import Field, Image

Seen = Literal["person", "cycle", "car", "heavy", "bag"]

KIND_OF: Final[dict[int, Seen]] = {
    0: "person",
    1: "cycle",
    2: "car",
    3: "cycle",
    5: "heavy",
    7: "heavy",
    24: "bag",
    26: "bag",
    28: "bag",
}
"""COCO's person, bicycle, car, motorcycle, bus, truck, backpack, handbag and suitcase."""

INPUT_PX: Final = 416
_STEP_PX: Final = 32
_STRIDES: Final = (8, 16, 32)
_PAD: Final = 114
_LARGER: Final = 2.0
"""Small things are looked at twice as large; larger than that there is nothing more to see."""
LEAST_SCORE: Final = 0.25
_SAME: Final = 0.45
MOST_SHARE: Final = 0.3
"""Of the whole picture: it calls a whole infrared image a person (measured in 3 % of such frames)."""

Box = tuple[float, float, float, float]
"""x, y, width, height, normalised."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that the detector saw; the box is normalised to the whole picture."""

    kind: Seen
    score: float
    box: Box


class Detector:
    """Looks at parts of pictures; used from one thread."""

    def __init__(self, name: str, content: bytes) -> None:
        """`name` is `name@sha256 prefix`, `content` an ONNX file whose hash was checked."""
        self.name = name
        self._net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        self._columns = np.array(sorted(KIND_OF), np.intp)

    @classmethod
    def fetched(cls, model: Fetched = YOLOX_NANO) -> Detector | None:
        """The one that was fetched to this machine; None where none was. ModelRefused where it is another file."""
        found = model.read()
        return cls(*found) if found is not None else None

    def look(self, picture: Image, part: Box) -> list[Sighting]:
        """What the `part` of `picture` uint8[h, w, 3] (blue, green, red; masked) shows, surest first."""
        height, width = picture.shape[:2]
        left, top = max(0, int(part[0] * width)), max(0, int(part[1] * height))
        right = min(width, round((part[0] + part[2]) * width))
        bottom = min(height, round((part[1] + part[3]) * height))
        if right - left < 8 or bottom - top < 8:
            return []
        cut = picture[top:bottom, left:right]
        scale = min(_LARGER, INPUT_PX / max(cut.shape[:2]))
        size = max(8, round(cut.shape[1] * scale)), max(8, round(cut.shape[0] * scale))
        shown = np.full((_stepped(size[1]), _stepped(size[0]), 3), _PAD, np.uint8)
        method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        shown[: size[1], : size[0]] = cv2.resize(cut, size, interpolation=method)
        self._net.setInput(cv2.dnn.blobFromImage(shown))
        boxes, scores = self._decoded(self._net.forward()[0], shown.shape[0], shown.shape[1])
        if not len(boxes):
            return []
        stretch = np.array([cut.shape[1] / size[0], cut.shape[0] / size[1]] * 2, np.float32)
        whole = np.array([width, height] * 2, np.float32)
        return self._sightings((boxes * stretch + (left, top, 0, 0)) / whole, scores)

    def _decoded(self, raw: Field, height: int, width: int) -> tuple[Field, Field]:
        """Boxes float32[n, 4] (left, top, width, height in input pixels) and scores float32[n, kinds] above the least.

        `raw` float32[cells, 85] holds offsets from each cell in strides, sizes as logarithms, the box's own score and
        the classes'.
        """
        scores = raw[:, 4:5] * raw[:, 5 + self._columns]
        rows = np.nonzero(scores.max(axis=1) >= LEAST_SCORE)[0]
        cells, strides = _grid(height, width)
        middle = (raw[rows, :2] + cells[rows]) * strides[rows]
        size = np.exp(np.minimum(raw[rows, 2:4], 8.0)) * strides[rows]
        return np.concatenate([middle - size / 2, size], axis=1), scores[rows]

    def _sightings(self, boxes: Field, scores: Field) -> list[Sighting]:
        """The best of each heap of boxes float32[n, 4], normalised; scores float32[n, kinds]."""
        best = scores.argmax(axis=1)
        kinds = [KIND_OF[int(self._columns[index])] for index in best]
        tops = scores.max(axis=1)
        found: list[Sighting] = []
        for kind in set(kinds):
            rows = [row for row, one in enumerate(kinds) if one == kind]
            kept = cv2.dnn.NMSBoxes(boxes[rows].tolist(), tops[rows].tolist(), LEAST_SCORE, _SAME)
            for row in np.asarray(kept).ravel():
                x, y, w, h = (float(value) for value in boxes[rows[int(row)]])
                if w * h < MOST_SHARE:
                    found.append(Sighting(kind, float(tops[rows[int(row)]]), (x, y, w, h)))
        return sorted(found, key=lambda one: -one.score)


def _stepped(pixels: int) -> int:
    return -(-pixels // _STEP_PX) * _STEP_PX


@lru_cache(maxsize=64)
def _grid(height: int, width: int) -> tuple[Field, Field]:
    """float32[cells, 2]: column and row of each cell; float32[cells, 1]: its stride in pixels."""
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
