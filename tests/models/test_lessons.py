"""What the teacher is asked: whole lessons, repeatable, and never of recordings that are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.corpus import load
from models.frontend import BANDS, FRAMES
from models.labels import LABELS
from models.lessons import Lessons, logits, make, occurring, targets
from models.network import judged
from models.teacher import CLASSES


@pytest.fixture
def teacher(shared_data: Path) -> Path:
    return shared_data / "models" / "yamnet.tflite"


def made(said: np.ndarray, of: list[list[int]], groups: tuple[str, ...]) -> Lessons:
    return Lessons(np.zeros((len(said), FRAMES, BANDS), np.float16), said.astype(np.float16), np.array(of), groups)


def test_lessons_are_the_same_however_many_threads_make_them(made_folder: Path, teacher: Path, tmp_path: Path) -> None:
    one, two = (
        make(made_folder, None, teacher, tmp_path / str(threads), seed=3, count=12, threads=threads)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.said, two.said)
    np.testing.assert_array_equal(one.power, two.power)
    assert one.power.shape == (12, FRAMES, BANDS)
    assert np.isfinite(one.power).all()
    assert ((one.said >= 0.0) & (one.said <= 1.0)).all()
    assert (one.of[:, 0] >= 0).all()
    again = make(made_folder, None, teacher, tmp_path / "1", seed=3, count=12)
    np.testing.assert_array_equal(one.of, again.of)


def test_no_lesson_holds_a_recording_that_is_held_out(made_folder: Path, tmp_path: Path) -> None:
    recordings, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    kept = [recording for recording in recordings if recording.group != "shot-0"]
    lessons = made(
        np.zeros((4, 521)), [[0, -1, -1], [1, -1, -1], [1, 0, -1], [1, 1, 2]], ("shot-0", "shot-1", "rain-0")
    )
    np.testing.assert_array_equal(lessons.without_others(kept).of, [[1, -1, -1], [1, 1, 2]])


def test_the_first_targets_are_what_the_teacher_says_of_our_labels() -> None:
    said = np.full((2, 521), 0.001)
    said[0, CLASSES["siren"][1]] = 0.9
    asked = targets(said, [7, 8])
    assert asked.shape == (2, len(LABELS) + 2)
    assert asked[0, LABELS.index("siren")] == pytest.approx(np.log(0.9 / 0.1), abs=1e-3)
    assert asked[1, LABELS.index("siren")] == pytest.approx(np.log(0.001 / 0.999), abs=1e-3)
    assert np.abs(logits(np.array([[0.0, 1.0]]))).max() < 8.2


def test_only_what_the_lessons_are_about_is_learnt() -> None:
    said = np.zeros((10, 521))
    said[3, 42] = 0.5
    assert occurring(made(said, [[0, -1, -1]] * 10, ("a",))) == [42]


def test_trust_adds_the_teachers_part_to_the_labels() -> None:
    own, taught = np.array([[1.0, -1.0]]), np.array([[2.0, 4.0, 9.0]])
    np.testing.assert_array_equal(judged([own, None, taught], 2, 0.5), [[2.0, 1.0]])
    np.testing.assert_array_equal(judged([own, None, np.zeros((1, 1))], 2, 0.5), own)
