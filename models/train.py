"""Training: seeded, resumable, one network from one set of recordings.

The work goes in blocks of steps. The situations of a block are drawn from a generator seeded with (seed, block), and a
checkpoint follows each block, so that a run that was interrupted goes on to the same end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.augment import Batch, Mixer
from models.corpus import Recording
from models.frontend import BANDS, FRAMES, Floats
from models.labels import LABELS
from models.lessons import Lessons, occurring, targets
from models.network import WIDTHS, build, features, judged

BLOCK_STEPS: Final = 50
SHARES: Final[dict[str, float]] = {
    "gunshot": 10.0, "street": 3.0, "clamor": 5.0, "siren": 2.0, "car_horn": 2.0, "fireworks": 2.5, "door_slam": 2.0,
    "impact": 2.0, "jackhammer": 1.5, "dog_bark": 1.5, "crowd_babble": 2.0, "music": 1.5, "speech": 1.5,
    "thunder": 2.0, "explosion": 1.0, "traffic": 3.0, "rain": 1.5, "wind": 1.5, "engine": 1.5, "drilling": 1.5,
}  # fmt: skip
"""How often a corpus label is drawn, relative to 1 for the others."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run. More `steps` fit closer; `batch` labelled situations and `lessons` of the teacher's make a
    step. `kinds_weight` and `taught_weight` are how much the corpus's fine labels and the teacher steer the features,
    `trust` how much of the teacher's answer is in the network's."""

    seed: int = 1
    steps: int = 3_000
    batch: int = 128
    lessons: int = 128
    peak_rate: float = 3e-3
    decay: float = 2e-2
    kinds_weight: float = 0.3
    taught_weight: float = 0.5
    trust: float = 0.5
    smoothing: float = 0.02
    widths: tuple[int, ...] = WIDTHS
    shares: dict[str, float] = field(default_factory=lambda: dict(SHARES))

    def fingerprint(self) -> str:
        """What must be equal for a checkpoint to be continued."""
        return json.dumps(asdict(self), sort_keys=True)


def _rate(plan: Plan, step: int) -> float:
    """Linear warm-up over a twentieth of the run, then a half cosine to 1 % of the peak."""
    warm = max(1, plan.steps // 20)
    if step < warm:
        return plan.peak_rate * (step + 1) / warm
    progress = (step - warm) / max(1, plan.steps - warm)
    return plan.peak_rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * progress))))


def limit_threads(threads: int) -> None:
    """Let TensorFlow use this many threads; it has to be said before TensorFlow does anything."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def train(
    recordings: Sequence[Recording],
    plan: Plan,
    work: Path,
    lessons: Lessons | None = None,
    *,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Any:
    """The trained Keras network. `progress(step, steps, loss)` is called after each block.

    Of `lessons` only those are heard that were made of the `recordings`' groups. A checkpoint in `work` of the same
    plan and the same recordings is continued.
    """
    import tensorflow as tf

    if not tf.executing_eagerly():  # pragma: no cover - TensorFlow 2 is eager unless told otherwise
        raise RuntimeError("training needs TensorFlow's eager mode")
    tf.keras.utils.set_random_seed(plan.seed)
    kinds = Mixer(recordings, plan.seed, plan.shares).kinds
    heard = lessons.without_others(recordings) if lessons is not None and plan.lessons else None
    columns = occurring(heard) if heard is not None else []
    network = build(len(LABELS), len(kinds), len(LABELS) + len(columns) if columns else 0, plan.widths)
    optimizer = tf.keras.optimizers.AdamW(plan.peak_rate, weight_decay=plan.decay)
    optimizer.build(network.trainable_variables)
    labels_weight = tf.constant([[2.0, *([1.0] * (len(LABELS) - 1))]], tf.float32)

    @tf.function  # type: ignore[untyped-decorator]
    def step(power: Any, truths: Any, known: Any, kind: Any, taught: Any) -> Any:
        with tf.GradientTape() as tape:
            logits, kind_logits, said = network(features(power), training=True)
            logits, kind_logits, said = logits[: plan.batch], kind_logits[: plan.batch], said[plan.batch :]
            soft = truths * (1.0 - 2.0 * plan.smoothing) + plan.smoothing
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=soft, logits=logits) * known * labels_weight
            fine = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=kind, logits=kind_logits)
            loss = tf.reduce_mean(tf.reduce_sum(each, axis=1)) + plan.kinds_weight * tf.reduce_mean(fine)
            if columns:
                off = tf.square(said - taught)
                own = tf.reduce_mean(off[:, : len(LABELS)])
                loss += plan.taught_weight * 0.5 * (own + tf.reduce_mean(off[:, len(LABELS) :]))
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    done = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(network=network, optimizer=optimizer, done=done)
    manager = tf.train.CheckpointManager(checkpoint, str(work / "checkpoints"), max_to_keep=1)
    stamp, said = work / "plan.json", json.dumps([plan.fingerprint(), [r.key for r in recordings]])
    if stamp.is_file() and stamp.read_text() == said and manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).expect_partial()
    work.mkdir(parents=True, exist_ok=True)
    stamp.write_text(said)

    def block(index: int) -> list[tuple[Batch, Floats, Floats]]:
        mixer = Mixer(recordings, plan.seed * 1_000_003 + index, plan.shares)
        rng = np.random.default_rng((plan.seed, index))
        return [_step_of(mixer.batch(plan.batch), heard, plan.lessons, columns, rng) for _ in range(BLOCK_STEPS)]

    first, last = int(done.numpy()) // BLOCK_STEPS, -(-plan.steps // BLOCK_STEPS)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(block, first)
        for index in range(first, last):
            batches = ahead.result()
            ahead = pool.submit(block, min(index + 1, last - 1)) if index + 1 < last else ahead
            losses = []
            for offset, (batch, power, taught) in enumerate(batches):
                optimizer.learning_rate.assign(_rate(plan, index * BLOCK_STEPS + offset))
                loss = step(power, batch.truths, batch.known, batch.kinds, taught)
                losses.append(float(loss))
            done.assign((index + 1) * BLOCK_STEPS)
            if index % 10 == 9 or index + 1 == last:
                manager.save()
            progress(min(plan.steps, (index + 1) * BLOCK_STEPS), plan.steps, float(np.mean(losses)))
    return network


def _step_of(
    batch: Batch, lessons: Lessons | None, count: int, columns: Sequence[int], rng: np.random.Generator
) -> tuple[Batch, Floats, Floats]:
    """A batch, what goes into the network for it (with `count` lessons behind), and what the teacher said of those."""
    if lessons is None or not columns:
        return batch, batch.power, np.zeros((0, 1), np.float32)
    chosen = np.sort(rng.integers(len(lessons.said), size=count))
    power = np.exp(lessons.power[chosen].astype(np.float32) + rng.normal(0.0, 1.0, (count, 1, 1)).astype(np.float32))
    return batch, np.concatenate([batch.power, power]), targets(lessons.said[chosen], columns)


def score_windows(network: Any, windows: Floats, trust: float) -> Floats:
    """Logits [n, len(LABELS)] of mel-power windows [n, FRAMES, BANDS], the teacher's part weighted by `trust`."""
    import tensorflow as tf

    parts = [
        judged(network(features(tf.constant(windows[i : i + 512])), training=False), len(LABELS), trust)
        for i in range(0, len(windows), 512)
    ]
    return np.concatenate([np.asarray(part) for part in parts]) if parts else np.zeros((0, len(LABELS)), np.float32)


def clip_windows(power: Floats, hop: int = 40) -> Floats:
    """Windows [n, FRAMES, BANDS] over a whole recording, one each `hop` frames; the last ends with it."""
    if len(power) <= FRAMES:
        window = np.zeros((1, FRAMES, BANDS), np.float32)
        window[0, : len(power)] = power
        return window
    last = len(power) - FRAMES
    return np.stack([power[start : start + FRAMES] for start in [*range(0, last, hop), last]])
