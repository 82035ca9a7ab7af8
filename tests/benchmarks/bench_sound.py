"""CPU for a second of sound, everything but capture, beside YAMNet in LiteRT on one thread in the same run.

Quiet street sound is made here: pink noise that wanders by 2 dB, at 16 kHz, YAMNet's own rate. `ungated` asks the model
every half second, whatever the level; picker and level meter are the same in both.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import typer

from hub.commands._figures import Benched
from models.litert import interpreter
from models.runtime import AcousticModel
from sensors.microphone.condition import ConditionWatch
from sensors.microphone.hearing import Hearing, HearingSettings
from sensors.microphone.sources import BLOCK_S, Samples, SoundBlock

RATE_HZ = 16_000
SECONDS = 60
YAMNET_SAMPLES = 15_600
YAMNET_HOP_S = 0.48
START_US = 1_700_000_000_000_000
BASELINE = "YAMNet, LiteRT, one thread, hop 0.48 s"


def street(seconds: int, seed: int = 0) -> Samples:
    """Pink noise at about 50 dB below full scale, its level wandering slowly."""
    rng = np.random.default_rng(seed)
    count = seconds * RATE_HZ
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 20.0))
    wave = np.fft.irfft(spectrum, count)
    wander = np.interp(np.arange(count), np.linspace(0, count, seconds // 5), rng.normal(0, 1.0, seconds // 5))
    return np.asarray(wave / wave.std() * 3e-3 * 10 ** (wander / 20), np.float32)


def _yamnet() -> Callable[[Samples], None]:
    data = Path(os.environ.get("TOCSIN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    path = data / "models" / "yamnet.tflite"
    if not path.is_file():
        typer.echo(f"The baseline is missing: no {path}. Set TOCSIN_DATA to the folder of real recordings.", err=True)
        raise typer.Exit(2)
    yamnet = interpreter(path)
    given = yamnet.get_input_details()[0]["index"]
    gives = yamnet.get_output_details()[0]["index"]

    def score(window: Samples) -> None:
        yamnet.set_tensor(given, window)
        yamnet.invoke()
        yamnet.get_tensor(gives)

    return score


def _hear(model: AcousticModel, blocks: list[Samples], settings: HearingSettings) -> float:
    """Milliseconds of CPU for a second of sound; the first ten seconds, in which levels are learnt, are not counted."""
    hearing, watch = Hearing(settings, model), ConditionWatch()
    begun = time.process_time()
    for index, block in enumerate(blocks):
        if index == round(10 / BLOCK_S):
            begun = time.process_time()
        fit = watch.look(block, RATE_HZ)
        hearing.hear(SoundBlock(fit, RATE_HZ, START_US + round(index * BLOCK_S * 1e6), 1_000))
    return (time.process_time() - begun) * 1e3 / (len(blocks) * BLOCK_S - 10)


def run(rounds: int) -> dict[str, Benched]:
    """Medians of `rounds`."""
    yamnet, model = _yamnet(), AcousticModel.load()
    sound = street(SECONDS + 10)
    size = round(RATE_HZ * BLOCK_S)
    blocks = [sound[at : at + size] for at in range(0, sound.size, size)]
    window = sound[:YAMNET_SAMPLES].copy()
    yamnet(window)
    baseline, gated, ungated = [], [], []
    everything = HearingSettings(always_look=True)
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(20):
            yamnet(window)
        baseline.append((time.process_time() - begun) / 20 * 1e3 / YAMNET_HOP_S)
        ungated.append(_hear(model, blocks, everything))
        gated.append(_hear(model, blocks, HearingSettings()))
    beside = statistics.median(baseline)
    return {
        key: Benched(value, "ms/s", beside, value / beside, BASELINE)
        for key, value in (
            ("ms_per_s_ungated", statistics.median(ungated)),
            ("ms_per_s_gated", statistics.median(gated)),
        )
    }
