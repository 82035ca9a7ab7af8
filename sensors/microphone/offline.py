"""A whole recording heard at once, with the same picks, scores and levels as a stream of it would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensors.microphone.condition import ConditionWatch
from sensors.microphone.hearing import Heard, Hearing, HearingSettings, Scorer
from sensors.microphone.sources import BLOCK_S, SoundBlock, mono


def hear(
    samples: NDArray[np.floating],
    rate_hz: int,
    start_utc_us: int,
    *,
    model: Scorer | None = None,
    settings: HearingSettings | None = None,
    clock_sigma_us: int = 1_000,
) -> Heard:
    """Everything told about `samples` [n] or [n, channels] (full scale 1), the first captured at `start_utc_us`."""
    hearing = Hearing(settings, model)
    watch = ConditionWatch()
    wave = mono(samples)
    size = max(1, round(BLOCK_S * rate_hz))
    told: list[Heard] = []
    for at in range(0, wave.size, size):
        fit = watch.look(wave[at : at + size], rate_hz)
        told.append(hearing.hear(SoundBlock(fit, rate_hz, start_utc_us + round(at * 1e6 / rate_hz), clock_sigma_us)))
    told.append(hearing.finish())
    return Heard(
        impulses=tuple(impulse for heard in told for impulse in heard.impulses),
        levels=tuple(levels for heard in told for levels in heard.levels),
        lasting=tuple(lasting for heard in told for lasting in heard.lasting),
        loud=tuple(loud for heard in told for loud in heard.loud),
    )
