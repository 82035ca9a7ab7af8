"""`tocsin mic`: hear with a sound card, a file or a network stream, and tell the hub."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hub.commands._agents import (
    fail,
    hub_of,
    is_exercise,
    is_paced,
    load_identity,
    start_us,
    state_folder,
    stop_on_terminate,
    uplink_to,
)

if TYPE_CHECKING:
    from sensors.microphone.condition import Condition
    from sensors.microphone.levels import Calibration
    from sensors.microphone.loudness import LevelHistory
    from sensors.microphone.sources import Source
    from sensors.microphone.station import MicrophoneStation

app = typer.Typer()

EXAMPLES = """Examples:

  tocsin mic --list                                      the inputs of this machine

  tocsin mic --self-test                                 is everything here that listening needs?

  tocsin mic --device 2 --identity mic-3.key             hear with input 2, tell the hub enrolled at

  tocsin mic --file shots.flac                           hear a file and print what would be told

  tocsin mic --url tcp://10.0.0.7:9000?rate=48000        raw 16-bit samples over TCP

  tocsin mic --calibrate --device 2 --state ~/mic-3      with a 94 dB, 1 kHz calibrator on the microphone
"""
DEFAULT_SENSOR = "mic"
CONDITIONS = {
    "silent": "digital silence: nothing reaches the input",
    "broken_samples": "samples that are no numbers, taken as silence",
    "clipped": "clipped: lower the gain",
    "blocked": "duller than it was: the microphone may be blocked or wet",
    "overrun": "sound was lost on its way: the machine is too busy",
}
"""What a dry run says of the reasons of `sensors.microphone.condition`."""
HISTORY_FILE = "levels.json"


@app.command(epilog=EXAMPLES)
def mic(
    device: Annotated[str, typer.Option(help="Input: its number, or a part of its name. Default: the system's.")] = "",
    file: Annotated[Path | None, typer.Option(help="Hear a sound file instead: WAV, FLAC, Ogg, MP3.")] = None,
    url: Annotated[str, typer.Option(help="Hear a stream instead: http(s)://, tcp://host:port, rtsp://.")] = "",
    rate: Annotated[int | None, typer.Option(help="Sample rate of the input, Hz. Default: 48,000 if it can.")] = None,
    real_time: Annotated[bool, typer.Option(help="Play a file at its own pace, not as fast as possible.")] = False,
    start: Annotated[
        str,
        typer.Option(
            help="UTC of the file's first sample, as 2026-11-22T20:00:00Z; else a hub is told at its own pace."
        ),
    ] = "",
    hub: Annotated[str, typer.Option(help="Address of the hub. Default: where the identity was enrolled.")] = "",
    identity: Annotated[Path | None, typer.Option(help="Key file of this sensor, made by `tocsin enrol`.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder for spool and calibration.")] = None,
    model: Annotated[str, typer.Option(help="Acoustic model; `none` for sound levels only.")] = "",
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="Probability from which a lasting sound is told here, as clamor=0.8; repeatable."),
    ] = None,
    period: Annotated[float, typer.Option(help="Period of the sound levels, s.", min=1.0, max=3600.0)] = 60.0,
    exercise: Annotated[
        bool, typer.Option(help="Mark everything as an exercise, as a file always is: it can never be dispatched.")
    ] = False,
    list_inputs: Annotated[bool, typer.Option("--list", help="List the inputs, and stop.")] = False,
    self_test: Annotated[bool, typer.Option("--self-test", help="Try what listening needs, and stop.")] = False,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Take a 94 dB calibrator's tone, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable lines.")] = False,
) -> None:
    """Run a microphone agent. Sound stays in two seconds of memory; only what the wire contract names is told.

    Without --identity nothing is sent: what would be told is printed.
    """
    from sensors.confinement import forbid_core_dumps
    from sensors.microphone.sources import SourceError

    forbid_core_dumps()
    if sum((bool(device), file is not None, bool(url))) > 1:
        raise fail("one_source", "Give one of --device, --file and --url.")
    if hub and identity is None:
        raise fail("identity_missing", "A hub only hears an enrolled sensor: give --identity, made by `tocsin enrol`.")
    try:
        if list_inputs:
            _list(as_json)
            return
        if self_test:
            asyncio.run(_self_test(model, live=file is None and not url, as_json=as_json))
            return
        paced = is_paced(identity, start, real_time=real_time)
        source = _source(device, file, url, rate, paced, start)
        if calibrate:
            asyncio.run(_calibrate(source, state_folder(state, "mic"), as_json))
            return
        replayed = is_exercise(file, exercise=exercise)
        thresholds = _thresholds(threshold or [])
        asyncio.run(_listen(source, hub, identity, state, model, thresholds, period, replayed, as_json))
    except SourceError as error:
        raise fail(error.code, error.detail) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except BrokenPipeError:
        # Whoever read what was told has heard enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def _list(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from sensors.microphone.live import devices

    found = devices()
    if as_json:
        typer.echo(json.dumps({"inputs": msgspec.to_builtins(found)}))
    elif not found:
        typer.echo("No inputs: plug a microphone in, or hear a file or stream with --file or --url.")
    else:
        table = Table("no.", "name", "host", "channels", "Hz", "default")
        for entry in found:
            row = (entry.index, entry.name, entry.host, entry.channels, entry.rate_hz, "yes" if entry.default else "")
            table.add_row(*(str(cell) for cell in row))
        Console().print(table)
    if not found:
        raise typer.Exit(1)


def _source(device: str, file: Path | None, url: str, rate: int | None, paced: bool, start: str) -> Source:
    from sensors.microphone.live import LiveSource
    from sensors.microphone.recording import RecordingSource
    from sensors.microphone.stream import StreamSource

    if file is not None:
        return RecordingSource(file, start_utc_us=start_us(start), real_time=paced)
    if start:
        raise fail("start_unusable", "--start is the time of a file's first sample: give --file too.")
    if url:
        return StreamSource(url)
    return LiveSource(int(device) if device.isdigit() else device or None, rate_hz=rate)


async def _self_test(model: str, *, live: bool, as_json: bool) -> None:
    from models.runtime import AcousticModel
    from sensors.microphone.check import self_test

    findings = await self_test(lambda: AcousticModel.load(model or None), live=live)
    if as_json:
        typer.echo(json.dumps({"self_test": msgspec.to_builtins(findings)}))
    else:
        for finding in findings:
            word = "ok" if finding.ok else ("MISSING" if finding.needed else "warning")
            typer.echo(f"{word:8} {finding.part}: {finding.seen}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


async def _calibrate(source: Source, folder: Path, as_json: bool) -> None:
    from sensors.microphone.calibration import listen_to_calibrator, save_calibration
    from sensors.microphone.levels import CalibrationError

    typer.echo("Put the calibrator (94 dB, 1 kHz) on the microphone; listening for 5 s.", err=True)
    try:
        found = await listen_to_calibrator(source)
        await asyncio.to_thread(save_calibration, folder, found)
    except CalibrationError as error:
        raise fail(error.code, error.detail) from None
    except OSError as error:
        raise fail("state_unwritable", f"{folder} can't be written: {error.strerror}.") from None
    if as_json:
        typer.echo(json.dumps({"calibration": msgspec.to_builtins(found)}))
    else:
        typer.echo(f"Calibrated: full scale is {found.db(1.0):.1f} dB peak, levels good to {found.sigma_db:g} dB.")


def _calibration(folder: Path | None) -> Calibration:
    from sensors.microphone.calibration import load_calibration
    from sensors.microphone.levels import CalibrationError

    try:
        return load_calibration(folder)
    except CalibrationError as error:
        raise fail(error.code, error.detail) from None


def _thresholds(asked: list[str]) -> dict[str, float]:
    """`clamor=0.8` as the threshold of a label."""
    found = {}
    for one in asked:
        label, _, number = one.partition("=")
        try:
            found[label] = float(number)
        except ValueError:
            raise fail("threshold_unusable", f"--threshold is LABEL=P such as clamor=0.8, not {one!r}.") from None
        if not 0.0 < found[label] < 1.0:
            raise fail("threshold_unusable", f"--threshold {one}: a probability lies between 0 and 1.")
    return found


def _station(
    sensor: str,
    source: Source,
    calibration: Calibration,
    model: str,
    thresholds: dict[str, float],
    period: float,
    exercise: bool,
    history: LevelHistory | None = None,
    on_condition: Callable[[Condition], None] | None = None,
) -> MicrophoneStation:
    from models.registry import ModelRefused
    from models.runtime import AcousticModel
    from sensors.microphone.hearing import IMPULSIVE, HearingSettings
    from sensors.microphone.station import MicrophoneStation

    try:
        loaded = None if model == "none" else AcousticModel.load(model or None)
    except ModelRefused as error:
        raise fail(error.code, str(error)) from None
    lasting = [] if loaded is None else [label for label in loaded.labels if label not in IMPULSIVE]
    if unknown := [label for label in thresholds if label not in lasting]:
        known = ", ".join(lasting) or "none of this model"
        raise fail("threshold_unusable", f"--threshold {unknown[0]}: not a lasting sound; they are {known}.")
    settings = HearingSettings(calibration=calibration, period_s=period, thresholds=thresholds)
    return MicrophoneStation(
        sensor, source, settings, model=loaded, history=history, exercise=exercise, on_condition=on_condition
    )


async def _listen(
    source: Source,
    hub: str,
    identity: Path | None,
    state: Path | None,
    model: str,
    thresholds: dict[str, float],
    period: float,
    exercise: bool,
    as_json: bool,
) -> None:
    from sensors.microphone.recording import PlayedOnce, RecordingSource

    calibration = _calibration(state)
    if isinstance(source, RecordingSource):
        await source.check()
    stop_on_terminate()
    if identity is None:

        def changed(now: Condition) -> None:
            if as_json:
                typer.echo(json.dumps({"state": {"capture": now.capture, "reason": now.reason}}))
            else:
                words = CONDITIONS.get(now.reason, now.reason)
                typer.echo(f"Sound: {now.capture}{', ' + words if words else ''}.", err=True)

        dry = _station(DEFAULT_SENSOR, source, calibration, model, thresholds, period, exercise, on_condition=changed)
        await _print(dry, as_json)
        return
    from sensors.agent import Agent
    from sensors.spool import Spool

    key = load_identity(identity)
    address = hub_of(key, identity, hub)
    folder = state_folder(state, "mic")
    history = _history(folder)
    heard = _station(key.sensor, source, calibration, model, thresholds, period, exercise, history)
    played = PlayedOnce(heard) if isinstance(source, RecordingSource) else None
    spool = Spool(folder / f"{key.sensor}.spool")
    uplink = uplink_to(address, key, spool)
    typer.echo(f"{key.sensor} hears {source.name} and tells {address}; Ctrl-C stops.", err=True)
    agent = Agent(key.sensor, played or heard, spool, uplink, exercise=exercise)
    keeping = asyncio.create_task(_keep(history, folder))
    try:
        await agent.run()
    except asyncio.CancelledError:
        typer.echo("Stopped.", err=True)
    finally:
        keeping.cancel()
        await agent.aclose()
        await asyncio.to_thread(_save, history, folder)
    if played is not None and played.error is not None:
        raise played.error


def _history(folder: Path) -> LevelHistory:
    from sensors.microphone.loudness import LevelHistory, LoudnessError

    try:
        return LevelHistory.load(folder / HISTORY_FILE)
    except LoudnessError as error:
        raise fail(error.code, error.detail) from None


async def _keep(history: LevelHistory, folder: Path) -> None:
    from sensors.microphone.loudness import SAVE_EVERY_S

    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        await asyncio.to_thread(_save, history, folder)


def _save(history: LevelHistory, folder: Path) -> None:
    try:
        history.save(folder / HISTORY_FILE)
    except OSError as error:
        typer.echo(f"The level history can't be saved in {folder}: {error.strerror} [history_unsaved]", err=True)


async def _print(station: MicrophoneStation, as_json: bool) -> None:
    """A dry run: nothing is sent, what would be told is printed."""
    told = 0

    async def show(message: Any) -> None:
        nonlocal told
        told += 1
        if as_json:
            typer.echo(msgspec.json.encode(message).decode())
            return
        fields = msgspec.to_builtins(message)
        moment = datetime.fromtimestamp((fields.get("onset") or fields["start"]) / 1e6).astimezone()
        words = " ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in fields.items()
            if value is not None and not re.fullmatch("id|sensor|sent|type|start|onset|model|exercise", key)
        )
        typer.echo(f"{moment.isoformat(timespec='milliseconds')} {fields['type']}: {words}")

    with suppress(asyncio.CancelledError):
        await station.run(show)
    health = station.health()
    if not as_json:
        typer.echo(f"Heard {station.source.name}: {told} messages. Sound: {health.reason or health.capture}.", err=True)
