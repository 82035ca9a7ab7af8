"""The edge sketch: enough to draw zones on, nothing to recognise anybody by."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
import pytest

from sensors.camera.frames import SourceError, StillFrame
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.sketch import GRID, MAX_LINES, MAX_POINTS, Sketch, contours, sketch_of

START_US = 1_790_000_000_000_000


def square(pillar=True):
    """A pavement before a wall with one pillar, 320 x 180."""
    image = np.full((180, 320, 3), 90, np.uint8)
    image[110:] = 150
    if pillar:
        image[40:110, 200:230] = 200
    return image


def drawn(images, settings=None, fps=5.0):
    return sketch_of(
        (StillFrame(image, START_US + round(i * 1e6 / fps), i) for i, image in enumerate(images)),
        settings or CameraSettings(),
    )


def points_of(sketch):
    return np.array([point for line in sketch.lines for point in line])


def test_the_kerb_and_the_pillar_are_drawn_where_they_are():
    sketch = drawn([square()] * 60)
    points = points_of(sketch)
    assert np.abs(points[:, 1] - 110 / 180).min() < 0.03
    assert np.abs(points[:, 0] - 200 / 320).min() < 0.03
    assert sketch.aspect == 0.5625
    assert msgspec.json.decode(sketch.encoded(), type=Sketch) == sketch


def test_a_passer_by_is_in_no_line():
    def picture(i):
        image = square(pillar=False)
        cv2.rectangle(image, (5 * i, 60), (5 * i + 30, 150), (230, 230, 230), -1)
        return image

    points = points_of(drawn([picture(i) for i in range(60)]))
    assert (np.abs(points[:, 1] - 110 / 180) < 0.05).all()


def face(image, x, y, radius):
    """A face with eyes, nose and mouth, as large as `radius` pixels."""
    cv2.ellipse(image, (x, y), (round(0.75 * radius), radius), 0, 0, 360, (190, 200, 225), -1)
    for side in (-1, 1):
        cv2.ellipse(
            image, (x + side * radius // 3, y - radius // 4), (radius // 6, radius // 10), 0, 0, 360, (20,) * 3, -1
        )
    cv2.line(image, (x, y - radius // 8), (x, y + radius // 4), (90, 90, 120), max(1, radius // 12))
    cv2.ellipse(image, (x, y + radius // 2), (radius // 3, radius // 10), 0, 0, 360, (40, 40, 140), -1)


@pytest.mark.parametrize("radius", [6, 10, 16, 24, 30])
def test_whoever_sits_still_has_an_outline_and_no_features(radius):
    image = square(pillar=False)
    face(image, 160, 60, radius)
    sketch = drawn([image] * 60)
    for line in sketch.lines:
        xs, ys = np.array(line)[:, 0] * 320, np.array(line)[:, 1] * 180
        off = np.hypot((xs - 160) / 0.75, ys - 60)
        # No line runs within the face: what is drawn of it lies on its rim or is the kerb.
        assert not (off < 0.6 * radius).any()


def test_what_a_mask_covers_is_not_drawn_and_the_mask_is_handed_on():
    mask = ((0.55, 0.1), (0.8, 0.1), (0.8, 0.7), (0.55, 0.7))
    zone = Zone(name="lawn", polygon=((0.0, 0.5), (0.5, 0.5), (0.5, 1.0)), rules=("intrusion",))
    sketch = drawn([square()] * 60, CameraSettings(masks=(mask,), zones=(zone,)))
    points = points_of(sketch)
    inside = (points[:, 0] > 0.55) & (points[:, 0] < 0.8) & (points[:, 1] > 0.1) & (points[:, 1] < 0.7)
    assert not inside.any()
    assert sketch.masks == (mask,)
    assert sketch.zones == {"lawn": zone.polygon}


def test_a_sketch_is_bounded_and_on_a_coarse_grid():
    random = np.random.default_rng(4)
    noisy = np.kron(random.integers(0, 2, (60, 100)), np.ones((6, 6))) * 255
    lines = contours(np.stack([cv2.resize(noisy.astype(np.uint8), (GRID, 72))] * 9))
    assert len(lines) <= MAX_LINES
    assert sum(map(len, lines)) <= MAX_POINTS
    steps = np.array([x for line in lines for x, _ in line]) * (GRID - 1)
    assert np.allclose(steps, np.round(steps), atol=0.07)


def test_a_view_that_something_fills_is_not_sketched():
    random = np.random.default_rng(4)
    with pytest.raises(SourceError) as caught:
        drawn([random.integers(0, 255, (18, 32, 3), np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(60)])
    assert caught.value.code == "view_busy"


def test_a_source_that_is_over_at_once_is_a_clear_error():
    with pytest.raises(SourceError, match="6 s of the view"):
        drawn([square()] * 3)
