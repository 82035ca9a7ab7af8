"""Onsets against truth: exact ones made here, and real shots in a city."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.microphone.picker import Picker, PickerSettings, pick
from sensors.microphone.sources import Samples

Street = Callable[..., Samples]


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_the_onset_of_a_clear_impulse_is_found_within_half_a_millisecond(street: Street, rate: int) -> None:
    for at_s in (0.4, 0.6503, 1.2499, 1.2501):
        picks = pick(street(rate, 2.0, [(at_s, 0.5)]), rate)
        assert len(picks) == 1
        assert picks[0].onset_s == pytest.approx(at_s, abs=0.5e-3)
        assert picks[0].peak == pytest.approx(0.5, rel=0.35)
        assert picks[0].sigma_s < 1e-3


def test_at_10_dB_signal_to_noise_onsets_stay_within_a_millisecond(street: Street) -> None:
    rate, errors, found = 16_000, [], 0
    rms = 0.01
    # The mean square of the first 10 ms is 10 dB above the noise.
    time = np.arange(rate // 100) / rate
    shape = np.cos(2 * np.pi * 1_000 * time) * np.exp(-time / 0.004)
    amplitude = rms * math.sqrt(10.0 / float(np.mean(np.square(shape))))
    for seed in range(60):
        at_s = 0.6 + 0.005 * seed
        near = [
            p for p in pick(street(rate, 1.5, [(at_s, amplitude)], rms, seed), rate) if abs(p.onset_s - at_s) < 0.02
        ]
        found += bool(near)
        errors += [abs(p.onset_s - at_s) for p in near[:1]]
    assert found == 60
    assert np.median(errors) < 0.2e-3
    assert np.percentile(errors, 95) < 1e-3


def test_every_round_of_a_burst_and_every_echo_is_a_pick(street: Street) -> None:
    rate = 16_000
    times = [(0.5, 0.5), (0.58, 0.2), (0.66, 0.5), (0.82, 0.5), (0.95, 0.15)]
    found = [p.onset_s for p in pick(street(rate, 1.6, times), rate)]
    assert found == pytest.approx([at for at, _ in times], abs=0.5e-3)


def test_a_stronger_echo_does_not_move_the_pick_of_the_direct_path(street: Street) -> None:
    rate = 16_000
    for echo_s in (0.004, 0.008, 0.015, 0.03):
        picks = pick(street(rate, 1.5, [(0.7, 0.05), (0.7 + echo_s, 0.8)]), rate)
        assert picks[0].onset_s == pytest.approx(0.7, abs=0.5e-3), echo_s


@given(sizes=st.lists(st.integers(min_value=1, max_value=7_000), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_any_blocks_give_the_picks_of_the_whole(sizes: list[int]) -> None:
    rate = 12_000
    rng = np.random.default_rng(1)
    wave = rng.normal(0, 1e-3, 3 * rate).astype(np.float32)
    for at in rng.integers(0, wave.size - 200, 12):
        wave[at : at + 100] += (rng.normal(0, 0.2, 100) * np.exp(-np.arange(100) / 20)).astype(np.float32)
    picker, found, at, turn = Picker(rate), [], 0, 0
    while at < wave.size:
        size = sizes[turn % len(sizes)]
        found += picker.feed(wave[at : at + size])
        at, turn = at + size, turn + 1
    assert [*found, *picker.finish()] == pick(wave, rate)


@pytest.mark.parametrize("rms", [1e-6, 1e-3, 0.1])
def test_steady_noise_is_hardly_searched_and_gives_no_pick(rms: float) -> None:
    rate = 16_000
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, rms, 60 * rate).astype(np.float32)
        picker = Picker(rate)
        assert picker.feed(noise) == []
        assert picker.opened < 0.05 * 240


def test_the_edges_of_digital_silence_are_no_onsets() -> None:
    rate = 12_000
    wave = (0.3 + np.random.default_rng(2).normal(0, 0.02, 6 * rate)).astype(np.float32)
    for begin_s, end_s in ((1.0, 2.0), (3.1, 3.4), (4.0, 4.01)):
        wave[round(begin_s * rate) : round(end_s * rate)] = 0.0
    assert pick(wave, rate) == []


@pytest.mark.parametrize(
    "wave",
    [np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(16_000, np.float32), np.ones(16_000, np.float32),
     np.tile(np.float32([1, -1]), 8_000)],
)  # fmt: skip
def test_what_holds_no_impulse_gives_no_pick(wave: np.ndarray) -> None:
    assert pick(wave, 16_000) == []


@pytest.mark.parametrize("rate", [0, -1, 100, 1_000_000])
def test_a_rate_that_can_not_be_worked_at_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="picker works at"):
        Picker(rate)


def _seconds(utc: str) -> float:
    return datetime.fromisoformat(utc).timestamp()


def _place(location: dict[str, float]) -> np.ndarray:
    return np.array([location[axis] for axis in "xyz"])


def _direct(folder: Path) -> list[tuple[str, int, float, float]]:
    """(sensor, round, seconds of the vendor's pulse, metres) for rounds whose direct path the vendor's sensor heard."""
    meta, pulses, groups = (
        json.loads((folder / name).read_text()) for name in ("meta.json", "pulses.json", "vendor_groups.json")
    )
    speed = 20.03 * math.sqrt(meta["weather"]["temperature"] + 273.15)
    shooter = _place(meta["survey"]["survey_location"])
    known = {pulse["pulse_uuid"]: pulse for pulse in pulses}
    found = []
    for shot, group in enumerate(groups):
        grouped = [known[uuid] for uuid in group["pulse_uuids"] if uuid in known]
        fired = np.array([
            _seconds(p["arrival_time_utc"]) - np.linalg.norm(_place(p["location"]) - shooter) / speed for p in grouped
        ])  # fmt: skip
        emitted = float(
            np.median(fired[np.abs(fired - max(fired, key=lambda t: np.sum(abs(fired - t) < 0.012))) < 0.012])
        )
        for sensor in meta["sensors"]:
            start = _seconds(sensor["start_utc"])
            metres = float(np.linalg.norm(_place(sensor["location"]) - shooter))
            expected = emitted + metres / speed - start
            times = [
                _seconds(p["arrival_time_utc"]) - start for p in pulses if p["serial_number"] == sensor["serial_number"]
            ]
            near = [time for time in times if abs(time - expected) < 0.045]
            if near and 0.05 < expected < 9.9 and metres <= 450:
                found.append((sensor["audio"], shot, min(near), metres))
    return found


@pytest.mark.parametrize("gate_ratio", [0.0, PickerSettings().gate_ratio])
def test_real_shots_in_a_city_are_picked_within_milliseconds_at_every_sensor(
    shared_data: Path, gate_ratio: float
) -> None:
    errors, missed, extra_s, heard = [], 0, 0.0, 0
    for folder in sorted((shared_data / "livefire").glob("FP*/test_*"))[::6]:
        truth = _direct(folder)
        for audio in sorted({name for name, *_ in truth}):
            wave, rate = soundfile.read(folder / audio, dtype="float32")
            onsets = np.array([p.onset_s for p in pick(wave, rate, PickerSettings(gate_ratio=gate_ratio))])
            heard += onsets.size
            extra_s += float(np.mean(wave != 0.0)) * wave.size / rate
            for name, _, seconds, _ in truth:
                if name != audio:
                    continue
                # The vendor truncates to the millisecond.
                off = np.abs(onsets - seconds - 0.0005).min() if onsets.size else math.inf
                missed += off > 0.045
                errors += [off] if off <= 0.045 else []
    assert len(errors) > 80
    assert missed <= 0.01 * len(errors)
    assert np.median(errors) < 1e-3
    assert np.percentile(errors, 90) < 3e-3
    assert heard / extra_s < 2.0
