"""Training on a handful of made sounds: it learns, goes on where it was, and leaves what it says in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.corpus import load
from models.crossval import folds, judge, table
from models.frontend import FRAMES, SAMPLE_RATE_HZ, mel_power
from models.labels import LABELS
from models.lessons import Lessons
from models.metrics import average_precision
from models.teacher import CLASSES
from models.train import Plan, clip_windows, score_windows, train

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's and Keras's own deprecations

PLAN = Plan(steps=100, batch=24, widths=(4, 8, 8, 8), shares={"gunshot": 2.0})


def test_it_learns_goes_on_where_it_was_and_exports_what_it_learnt(made_folder: Path, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from models.network import export

    recordings, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    steps: list[int] = []
    network = train(recordings, PLAN, tmp_path / "work", progress=lambda step, *_: steps.append(step))
    assert steps == [50, 100]
    shots = table(judge(network, recordings, 0, 0.0), "gunshot")
    assert average_precision(shots.truth, shots.score) > 0.9

    steps.clear()
    resumed = train(recordings, PLAN, tmp_path / "work", progress=lambda step, *_: steps.append(step))
    assert steps == []
    sound = np.random.default_rng(1).normal(0.0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    window = clip_windows(mel_power(sound))
    expected = score_windows(network, window, 0.5)
    np.testing.assert_allclose(score_windows(resumed, window, 0.5), expected, atol=1e-4)

    scale, shift = [0.5] * len(LABELS), [-1.0] * len(LABELS)
    interpreter = Interpreter(model_content=export(network, scale, shift, [0, 2]), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound[None])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, 1.0 / (1.0 + np.exp(-(0.5 * expected[:, [0, 2]] - 1.0))), atol=1e-3)


def test_what_the_teacher_says_is_learnt_beside_the_labels(made_folder: Path, tmp_path: Path) -> None:
    """The teacher calls every bang a siren, which no label does: half of its answer is in the network's."""
    from ai_edge_litert.interpreter import Interpreter

    from models.network import export

    recordings, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    groups = tuple(recording.group for recording in recordings)
    power = np.stack([clip_windows(recording.powers[0])[0] for recording in recordings])
    said = np.full((len(recordings), 521), 0.001, np.float16)
    said[[recording.label == "gunshot" for recording in recordings], CLASSES["siren"][0]] = 0.99
    of = np.stack([[row, -1, -1] for row in range(len(recordings))])
    lessons = Lessons(np.log(power + 1e-12).astype(np.float16), said, of, groups)
    plan = Plan(steps=150, batch=24, lessons=24, widths=(4, 8, 8, 8), taught_weight=1.0)
    network = train(recordings, plan, tmp_path / "work", lessons)
    column = LABELS.index("siren")
    gain = score_windows(network, power, 0.5)[:, column] - score_windows(network, power, 0.0)[:, column]
    bangs = np.array([recording.label == "gunshot" for recording in recordings])
    assert gain[bangs].min() > gain[~bangs].max()

    sound = np.random.default_rng(1).normal(0.0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    content = export(network, [1.0] * len(LABELS), [0.0] * len(LABELS), [column], 0.5)
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound[None])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = score_windows(network, clip_windows(mel_power(sound)), 0.5)[:, [column]]
    np.testing.assert_allclose(found, 1.0 / (1.0 + np.exp(-expected)), atol=1e-3)


def test_a_changed_plan_starts_anew(made_folder: Path, tmp_path: Path) -> None:
    recordings, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    short = Plan(steps=50, batch=8, widths=(4, 8, 8, 8))
    other = Plan(steps=50, batch=8, widths=(4, 8, 8, 8), seed=2)
    steps: list[int] = []
    for plan in (short, short, other):
        train(recordings, plan, tmp_path / "work", progress=lambda step, *_: steps.append(step))
    assert steps == [50, 50]


def test_a_group_is_never_split(made_folder: Path, tmp_path: Path) -> None:
    recordings, _ = load(made_folder, None, tmp_path / "cache", seed=1)
    chosen = folds(recordings)
    assert set(chosen) == {recording.group for recording in recordings}
    assert len({chosen[f"shot-{number}"] for number in range(4)}) == 4
    assert chosen == folds(list(reversed(recordings)))


@pytest.mark.parametrize("frames", [0, 1, FRAMES, FRAMES + 1, 400])
def test_windows_cover_a_recording_of_any_length(frames: int) -> None:
    power = np.arange(1, frames + 1, dtype=np.float32)[:, None] * np.ones((1, 40), np.float32)
    found = clip_windows(power, 20)
    assert found.shape[1:] == (FRAMES, 40)
    assert set(range(1, frames + 1)) <= set(found[:, :, 0].astype(int).ravel())
