"""The self-test of a microphone agent: what it needs, tried for real, in a second, without a microphone."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from sensors.clock import read_system_clock
from sensors.microphone.hearing import Scorer
from sensors.microphone.levels import Calibration, LevelMeter
from sensors.microphone.live import devices
from sensors.microphone.picker import pick
from sensors.microphone.sources import Samples, SourceError

RATE_HZ: Final = 48_000
CLICK_S: Final = 0.75


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the self-test: whether it is well, what was seen, and whether listening works without it."""

    part: str
    ok: bool
    seen: str
    needed: bool = True


def _click() -> Samples:
    """1.5 s of faint noise with a click of known onset in it."""
    wave: Samples = np.random.default_rng(1).normal(0.0, 1e-3, RATE_HZ * 3 // 2).astype(np.float32)
    at, length = round(CLICK_S * RATE_HZ), RATE_HZ // 100
    time_s = np.arange(length) / RATE_HZ
    wave[at : at + length] += (0.5 * np.sin(2 * np.pi * 1_500 * time_s) * np.exp(-time_s / 0.002)).astype(np.float32)
    return wave


def _picker() -> Finding:
    picks = pick(_click(), RATE_HZ)
    off_ms = min((abs(found.onset_s - CLICK_S) * 1e3 for found in picks), default=math.inf)
    return Finding("onset picker", len(picks) == 1 and off_ms < 1.0, f"a click is found within {off_ms:.2f} ms")


def _levels() -> Finding:
    tone = (np.sqrt(2) / 20.0 * np.sin(2 * np.pi * 1_000 * np.arange(RATE_HZ * 3) / RATE_HZ)).astype(np.float32)
    periods = LevelMeter(RATE_HZ, Calibration(pascal=20.0), period_s=1.0).feed(tone, 1_700_000_000_000_000)
    off_db = abs(periods[-1].laeq - 93.98) if periods else math.inf
    return Finding("sound level meter", off_db < 0.1, f"94 dB at 1 kHz reads within {off_db:.2f} dB")


async def self_test(load_model: Callable[[], Scorer], *, live: bool = True) -> list[Finding]:
    """Try picker, level meter, model, clock and (with `live`) the sound card; never raises for what it finds."""
    findings = [await asyncio.to_thread(_picker), await asyncio.to_thread(_levels)]
    try:
        model = await asyncio.to_thread(load_model)
        silence: Samples = np.zeros(model.window_samples, np.float32)
        quiet = (await asyncio.to_thread(model.scores, silence)).get("gunshot", 0.0)
        findings.append(Finding("acoustic model", quiet < 0.5, f"{model.name}; silence scores {quiet:.3f}"))
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        findings.append(Finding("acoustic model", False, str(error)))
    clock = await read_system_clock()
    seen = f"{clock.source}: {'disciplined' if clock.synchronised else 'not disciplined'}, ±{clock.sigma_us / 1e3:g} ms"
    findings.append(Finding("clock", clock.synchronised, seen, needed=False))
    if live:
        try:
            inputs = await asyncio.to_thread(devices)
            named = next((device.name for device in inputs if device.default), "no default")
            findings.append(Finding("sound card", bool(inputs), f"{len(inputs)} inputs, {named}"))
        except SourceError as error:
            findings.append(Finding("sound card", False, error.detail))
    return findings
