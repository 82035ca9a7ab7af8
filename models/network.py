"""The network: what it looks at, its layers, and the graph that leaves for LiteRT.

TensorFlow is imported inside the functions, since only training and export need it (4 s and 700 MB).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.frontend import BANDS, FRAME_SAMPLES, FRAMES, HOP_SAMPLES, WINDOW_SAMPLES, band_edges_hz, matrices

FLOOR_BELOW_MEAN: Final = 1e-5
"""The noise floor of the ear, relative to the window's mean power (-50 dB): what lies below tells the recorder, not
the sound, and is masked on purpose."""
QUIETEST: Final = 1e-9
"""Mel power of digital silence; 16-bit quantisation noise is about here."""
DECIBEL_SCALE: Final = 0.25
"""Natural logarithms are scaled to about unit variance."""
WIDTHS: Final[tuple[int, ...]] = (16, 64, 96, 128)


def features(power: Any) -> Any:
    """Mel power [n, FRAMES, BANDS] -> [n, FRAMES, BANDS, 2], in tensors.

    First channel: log power relative to the window's mean, so that gain does not matter; second: relative to each
    band's own mean, so that neither a steady background nor the microphone's response matters.
    """
    import tensorflow as tf

    # City noise falls with frequency; the same weight on each octave lets distant shots count (+3 dB an octave).
    tilt = tf.constant(np.sqrt(band_edges_hz()[1:-1] / 1_000.0)[None, None, :], tf.float32)
    tilted = power * tilt
    mean = tf.reduce_mean(tilted, axis=[1, 2], keepdims=True)
    level = tf.math.log(tilted + FLOOR_BELOW_MEAN * mean + QUIETEST) - tf.math.log(mean + QUIETEST)
    change = level - tf.reduce_mean(level, axis=1, keepdims=True)
    return DECIBEL_SCALE * tf.stack([level, change], axis=-1)


def build(labels: int, kinds: int, taught: int = 0, widths: Sequence[int] = WIDTHS, dropout: float = 0.2) -> Any:
    """A Keras model from features to logits: `labels` (independent), `kinds` (one of) and `taught` (the teacher's).

    The last two make the features general. Of `taught` the first `labels` columns are what the teacher would say of
    the labels (`judged` adds them); the rest, and `kinds`, are not exported.
    """
    from tensorflow import keras

    layers = keras.layers

    def normal(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))

    given = keras.Input((FRAMES, BANDS, 2))
    x = normal(layers.Conv2D(widths[0], 5, strides=2, padding="same", use_bias=False)(given))
    for index, width in enumerate(widths[1:]):
        x = normal(layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x))
        x = normal(layers.Conv2D(width, 1, use_bias=False)(x))
        if index == 1:
            x = normal(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
            x = normal(layers.Conv2D(width, 1, use_bias=False)(x))
    # Mean tells what lasts, maximum tells what struck.
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(dropout)(x)
    heads = {"labels": labels, "kinds": kinds, "taught": max(1, taught)}
    return keras.Model(given, [layers.Dense(size, name=name)(x) for name, size in heads.items()])


def judged(outputs: Sequence[Any], labels: int, trust: float) -> Any:
    """The logits that count: what was learnt from our labels, and `trust` times what was learnt from the teacher.

    Few recordings, labelled for the purpose, and many that are not ours err at different sounds.
    """
    own, _, taught = outputs
    return own + trust * taught[:, :labels] if taught.shape[1] > labels else own


def mel_graph(samples: Any) -> Any:
    """Waveform [1, WINDOW_SAMPLES] -> mel power [1, FRAMES, BANDS] in tensors, as `models.frontend.mel_power` does."""
    import tensorflow as tf

    half, tail = FRAME_SAMPLES // 2, FRAME_SAMPLES - HOP_SAMPLES
    through = matrices()
    blocks = tf.reshape(samples, [WINDOW_SAMPLES // HOP_SAMPLES, HOP_SAMPLES])
    frames = tf.concat([blocks[:-1], blocks[1:, :tail]], axis=1)
    left, right = frames[:, :half], tf.reverse(frames[:, half:], [1])
    total, difference = (left + right) * through.taper, (left - right) * through.taper
    quarter = half // 2
    first, second = total[:, :quarter], tf.reverse(total[:, quarter:], [1])
    third, fourth = difference[:, :quarter], tf.reverse(difference[:, quarter:], [1])
    a, b = tf.matmul(first + second, through.even_cosines), tf.matmul(third - fourth, through.even_sines)
    c, d = tf.matmul(first - second, through.odd_cosines), tf.matmul(third + fourth, through.odd_sines)
    power = tf.matmul(a * a + b * b, through.even_mel) + tf.matmul(c * c + d * d, through.odd_mel)
    return tf.reshape(power, [1, FRAMES, BANDS])


def export(
    network: Any, scale: Sequence[float], shift: Sequence[float], columns: Sequence[int], trust: float = 0.0
) -> bytes:
    """The TFLite file: float32[1, WINDOW_SAMPLES] in [-1, 1] -> float32[1, len(columns)] calibrated probabilities.

    `scale` and `shift` are Platt's: probability = sigmoid(scale * logit + shift), one each a label, on the logits of
    `judged` with `trust`; `columns` are the labels that leave with it.
    """
    import tensorflow as tf
    from tensorflow import keras

    weights, bias = network.get_layer("labels").get_weights()
    taught, taught_bias = network.get_layer("taught").get_weights()
    if taught.shape[1] > len(scale):
        weights, bias = weights + trust * taught[:, : len(scale)], bias + trust * taught_bias[: len(scale)]
    # One layer does it all: both answers, their sum and the calibration are linear.
    gain = tf.constant((weights * np.asarray(scale, np.float32))[:, list(columns)])
    offset = tf.constant((bias * np.asarray(scale, np.float32) + np.asarray(shift, np.float32))[list(columns)])
    trunk = keras.Model(network.input, network.get_layer("labels").input)

    @tf.function(input_signature=[tf.TensorSpec([1, WINDOW_SAMPLES], tf.float32, name="waveform")])  # type: ignore[untyped-decorator]
    def graph(waveform: Any) -> Any:
        return tf.sigmoid(tf.matmul(trunk(features(mel_graph(waveform)), training=False), gain) + offset)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()])
    return bytes(converter.convert())
