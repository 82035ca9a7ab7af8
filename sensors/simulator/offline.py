"""A scenario as files: WAV of every microphone and the truth beside it, laid out as recordings of a real array are.

`OUT/SCENARIO/test_NNN/` holds `meta.json` (sensors with their starts and places in metres, the shooter's place as
`survey`, weather), one WAV a microphone (24 bit, full scale as the scenario says), and `truth.json` with everything
that happened in it, distractors too. `pulses.json` holds when each shot and its echoes reach each microphone, as a
vendor's raw pulses would. The sound is made by formulas; nobody's voice is in it.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import soundfile

from sensors.simulator.ear import Ear
from sensors.simulator.microphone import clock_error_ms
from sensors.simulator.propagation import barrier_db, ways
from sensors.simulator.scenario import MicrophonePlan, Scenario
from sensors.simulator.schedule import Truth, emissions, truths

FIRST_UTC_US: Final = 1_767_297_600_000_000
"""2026-01-01T20:00:00Z: files carry a date, and the same seed shall give the same files."""
_BEFORE_S: Final = 3.0
_AFTER_S: Final = 7.0
_CHUNK_S: Final = 1.0
_PULSE_SNR_DB: Final = 15.0
"""A peak this far above the LAeq: the crests of street noise themselves stand 12 dB above it."""


class OutputError(Exception):
    """The folder can't be written; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Window:
    """One test: from `start_s` to `end_s` of the scenario, and the shots in it."""

    start_s: float
    end_s: float
    shots: tuple[Truth, ...]


def windows(scenario: Scenario, seed: int, *, whole: bool) -> list[Window]:
    """One window around every shooting (those that overlap are one), or the whole scenario where it has none."""
    shots = [truth for truth in truths(scenario, seed, 0) if truth.kind == "gunshot"]
    if whole or not shots:
        return [Window(0.0, scenario.duration_s, tuple(shots))]
    found: list[Window] = []
    for shot in shots:
        start = max(0.0, shot.at_s - _BEFORE_S)
        end = min(scenario.duration_s, shot.at_s + shot.duration_s + _AFTER_S)
        if found and start < found[-1].end_s:
            found[-1] = Window(found[-1].start_s, max(end, found[-1].end_s), (*found[-1].shots, shot))
        else:
            found.append(Window(start, end, (shot,)))
    return found


def render(
    scenario: Scenario,
    seed: int,
    out: Path,
    *,
    whole: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Path]:
    """Write the scenario under `out` and return its test folders; `progress` hears the share done, 0 to 1.

    Raises OutputError where a file can't be written.
    """
    found = windows(scenario, seed, whole=whole)
    folders = [out / scenario.name / f"test_{number:03d}" for number in range(1, len(found) + 1)]
    try:
        for folder, window in zip(folders, found, strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            meta = _meta(scenario, seed, folder.name, window)
            (folder / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            happened = [
                msgspec.to_builtins(truth)
                for truth in truths(scenario, seed, 0)
                if truth.at_s < window.end_s and truth.at_s + truth.duration_s >= window.start_s
            ]
            pulses = json.dumps(_pulses(scenario, seed, window), indent=1)
            (folder / "pulses.json").write_text(pulses + "\n", encoding="utf-8")
            text = json.dumps({"start_s": window.start_s, "end_s": window.end_s, "events": happened}, indent=1)
            (folder / "truth.json").write_text(text + "\n", encoding="utf-8")
        for number, plan in enumerate(scenario.microphone):
            for share in _write(scenario, seed, plan, list(zip(folders, found, strict=True))):
                progress((number + share) / len(scenario.microphone))
    except (OSError, soundfile.LibsndfileError) as error:
        raise OutputError(f"{out} can't be written: {error}. Give a folder of your own with enough space.") from error
    return folders


def _write(scenario: Scenario, seed: int, plan: MicrophonePlan, tests: list[tuple[Path, Window]]) -> Iterator[float]:
    rate = scenario.rate_hz
    last = round(max(window.end_s for _, window in tests) * rate)
    ear = Ear(scenario, plan, seed)
    with ExitStack() as stack:
        files = [
            (
                round(window.start_s * rate),
                round(window.end_s * rate),
                stack.enter_context(soundfile.SoundFile(folder / f"{plan.id}.wav", "w", rate, 1, "PCM_24")),
            )
            for folder, window in tests
        ]
        chunk = round(_CHUNK_S * rate)
        for position in range(0, last, chunk):
            samples = ear.read(position, min(chunk, last - position))
            for start, end, file in files:
                low, high = max(start, position), min(end, position + samples.size)
                if low < high:
                    file.write(samples[low - position : high - position])
            yield min(1.0, (position + chunk) / last)


def _pulses(scenario: Scenario, seed: int, window: Window) -> list[dict[str, Any]]:
    """Every arrival of every shot in the window that stands out of its microphone's noise by `_PULSE_SNR_DB`."""
    found: list[dict[str, Any]] = []
    city = scenario.city()
    shots = [e for e in emissions(scenario, seed, 0) if e.plan.sound == "gunshot"]
    for plan in scenario.microphone:
        place = scenario.metres(plan.latitude, plan.longitude, plan.height_m)
        for shot in (shot for shot in shots if plan.fault != "dead"):
            for number, way in enumerate(ways(shot.place, place, city)):
                arrival_s = shot.emitted_s + (way.length_m + way.barrier_m) / city.air.speed_m_s
                peak_db = shot.plan.level + 20.0 * np.log10(way.gain / way.length_m) - barrier_db(way, city)
                above_db = float(peak_db) - plan.noise_db
                if window.start_s <= arrival_s < window.end_s and above_db > _PULSE_SNR_DB:
                    wrong_ms = clock_error_ms(plan, arrival_s, 0.0)
                    found.append(
                        {
                            "pulse_uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{plan.id}/{shot.key}/{number}")),
                            "serial_number": plan.id,
                            "arrival_time_utc": _utc(FIRST_UTC_US + round(arrival_s * 1e6 + wrong_ms * 1e3)),
                            "location": dict(zip("xyz", place, strict=True)),
                            "signal_to_noise_dB": round(above_db, 3),
                            "power_dB_SPL": round(float(peak_db), 3),
                        }
                    )
    return sorted(found, key=lambda pulse: str(pulse["arrival_time_utc"]))


def _meta(scenario: Scenario, seed: int, name: str, window: Window) -> dict[str, Any]:
    sensors: list[dict[str, Any]] = []
    for plan in scenario.microphone:
        east, north, up = scenario.metres(plan.latitude, plan.longitude, plan.height_m)
        rng = np.random.default_rng([seed, len(sensors)])
        stamp_ms = window.start_s * 1e3 + clock_error_ms(plan, window.start_s, float(rng.standard_normal()))
        sensors.append(
            {
                "serial_number": plan.id,
                "start_utc": _utc(FIRST_UTC_US + round(stamp_ms * 1e3)),
                "location": {"x": east, "y": north, "z": up},
                "latitude": plan.latitude,
                "longitude": plan.longitude,
                "full_scale_db": plan.full_scale_db,
                "audio": f"{plan.id}.wav",
            }
        )
    survey: dict[str, Any] = {"num_rounds": 0}
    if window.shots:
        shot = window.shots[0]
        assert shot.latitude is not None
        assert shot.longitude is not None
        east, north, _ = scenario.metres(shot.latitude, shot.longitude, 0.0)
        survey = {
            "num_rounds": shot.rounds,
            "firearm": "simulated",
            "approximate_time_utc": _utc(FIRST_UTC_US + round(shot.at_s * 1e6)),
            "survey_location": {"x": east, "y": north, "z": 1.5},
        }
    air = {"fluid": "air", "temperature": scenario.air.temperature_c, "speed": 0.0, "direction": 0.0}
    return {
        "test": name,
        "firing_position": scenario.name,
        "simulated": True,
        "seed": seed,
        "sensors": sensors,
        "survey": survey,
        "weather": air,
    }


def _utc(at_us: int) -> str:
    moment = datetime.datetime.fromtimestamp(at_us / 1e6, tz=datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
