"""`tocsin camera`: watch a file, a stream or a USB camera, and tell the hub what happens, never what it looks like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
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
    from sensors.camera.capture import ChildSource
    from sensors.camera.detector import Detector
    from sensors.camera.settings import CameraSettings
    from sensors.camera.station import CameraStation

app = typer.Typer()

EXAMPLES = """Examples:

  tocsin camera --example > square.toml                     settings to begin with: zones, masks, ground

  tocsin camera --check --file clip.mp4 --settings square.toml      does it open, do the settings hold?

  tocsin camera --sketch square.sketch.json --url rtsp://10.0.0.9/substream     contours to draw zones on, no picture

  tocsin camera --file clip.mp4 --settings square.toml      watch a file and print what would be told

  tocsin camera --url rtsp://user:password@10.0.0.9/substream --settings square.toml --identity cam-1.key

  tocsin camera --device 0 --settings square.toml --identity cam-1.key --hub https://hub.example
"""
DEFAULT_SENSOR = "camera"


@app.command(epilog=EXAMPLES)
def camera(
    file: Annotated[Path | None, typer.Option(help="Watch a video file.")] = None,
    url: Annotated[str, typer.Option(help="Watch a stream: rtsp:// (over TCP; take the substream), http(s)://.")] = "",
    device: Annotated[str, typer.Option(help="Watch a USB camera: its number, or /dev/videoN.")] = "",
    settings: Annotated[Path | None, typer.Option(help="TOML file with zones, masks, ground; see --example.")] = None,
    real_time: Annotated[bool, typer.Option(help="Play a file at its own pace, not as fast as possible.")] = False,
    repeat: Annotated[bool, typer.Option(help="Begin a file again when it is over.")] = False,
    start: Annotated[
        str,
        typer.Option(
            help="UTC of the file's first frame, as 2026-11-22T20:00:00Z; else a hub is told at its own pace."
        ),
    ] = "",
    hub: Annotated[str, typer.Option(help="Address of the hub. Default: where the identity was enrolled.")] = "",
    identity: Annotated[Path | None, typer.Option(help="Key file of this sensor, made by `tocsin enrol`.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder for the spool.")] = None,
    exercise: Annotated[
        bool, typer.Option(help="Mark everything as an exercise, as a file always is: it can never be dispatched.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Try the source and the settings, and stop.")] = False,
    example: Annotated[bool, typer.Option("--example", help="Print settings to begin with, and stop.")] = False,
    sketch: Annotated[
        Path | None, typer.Option(help="Write the contours of the empty scene here (JSON; `-` prints), and stop.")
    ] = None,
    detector: Annotated[
        bool, typer.Option("--detector/--no-detector", help="Ask the optional detector, where it was pulled.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable lines.")] = False,
) -> None:
    """Run a camera agent. Pictures stay in memory for one step; only what the wire contract names is told.

    Without --identity nothing is sent: what would be told is printed. Without --settings passages are counted over the
    whole picture, in closed bins of twenty minutes, and nothing else. Every rule works without the optional detector
    (`tocsin models pull yolox-nano`), less well; which of both it is, is said at the start and in each heartbeat.
    """
    from sensors.camera.frames import SourceError
    from sensors.camera.settings import COUNTED, EXAMPLE, CameraSettings, SettingsError, load_settings
    from sensors.camera.station import CameraStation  # before the loop runs: it reads files to name its rule set
    from sensors.confinement import forbid_core_dumps

    forbid_core_dumps()
    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    if sum((file is not None, bool(url), bool(device))) != 1:
        raise fail("one_source", "Give one of --file, --url and --device.")
    if hub and identity is None:
        raise fail("identity_missing", "A hub only sees an enrolled sensor: give --identity, made by `tocsin enrol`.")
    try:
        rules = load_settings(settings) if settings is not None else CameraSettings(zones=(COUNTED,))
    except SettingsError as error:
        raise fail("settings_unusable", str(error)) from None
    paced = is_paced(identity, start, real_time=real_time)
    tries = check or sketch is not None
    paced = paced and not tries
    seeing = _detector(rules) if detector and sketch is None else None
    source = _source(
        file, url, device, rules,
        paced=paced, repeat=repeat, start=start, patient=not tries, detail=seeing is not None,
    )  # fmt: skip
    try:
        if sketch is not None:
            _sketch(source, CameraSettings() if settings is None else rules, sketch)
            return
        if check:
            _check(source, rules, seeing, as_json=as_json)
            return
        typer.echo(_which(rules, seeing), err=True)
        if not rules.zones:
            typer.echo("No zones: nothing is watched. See `tocsin camera --example`.", err=True)
        elif settings is None:
            typer.echo("No --settings: passages over the whole picture are counted, in bins of 20 minutes.", err=True)
        make = partial(
            CameraStation, source=source, settings=rules,
            exercise=is_exercise(file, exercise=exercise), detector=seeing,
        )  # fmt: skip
        asyncio.run(_watch(make, hub, identity, state, as_json))
    except SourceError as error:
        raise fail(error.code, str(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _source(
    file: Path | None,
    url: str,
    device: str,
    rules: CameraSettings,
    *,
    paced: bool,
    repeat: bool,
    start: str,
    patient: bool,
    detail: bool,
) -> ChildSource:
    from sensors.camera.capture import ChildSource
    from sensors.camera.decoder import Spec

    if start and file is None:
        raise fail("start_unusable", "--start is the time of a file's first frame: give --file too.")
    if file is not None and not file.is_file():
        raise fail("open_failed", f"{file} is not a file.")
    kind, where = ("file", str(file)) if file is not None else (("url", url) if url else ("device", device))
    spec = Spec(
        kind,  # type: ignore[arg-type]
        where,
        width=rules.width,
        max_fps=rules.max_fps,
        paced=paced,
        masks=rules.masks,
        parts=True,
        colour=bool(rules.watching("fire")),
        detail=detail,
    )
    return ChildSource(spec, start_utc_us=start_us(start), repeat=repeat, patient=patient)


def _detector(rules: CameraSettings) -> Detector | None:
    """The optional detector, where it was pulled and a rule gains by it; exits where another file lies in its place."""
    from models.registry import ModelRefused
    from sensors.camera.analyser import gains
    from sensors.camera.detector import Detector

    if not gains(rules):
        return None
    try:
        return Detector.fetched()
    except ModelRefused as problem:
        raise fail(problem.code, f"{problem}. Pull it again, or give --no-detector") from None


def _which(rules: CameraSettings, detector: Detector | None) -> str:
    """Whether a detector helps, in words."""
    from sensors.camera.analyser import gains

    if detector is not None:
        return f"Detector: {detector.name}, asked where something moves."
    if gains(rules):
        return "No detector: every rule works, less well. `tocsin models pull yolox-nano` fetches one."
    return "No detector, and none of these rules would ask one."


def _check(source: ChildSource, rules: CameraSettings, detector: Detector | None, *, as_json: bool) -> None:
    """Take one frame and say what was found; SourceError when there is none."""
    frames = source.frames()
    frame = next(iter(frames), None)
    health = source.health()
    source.close()
    if frame is None:
        raise fail("no_frames", "The source gave no picture.")
    height, width = frame.image.shape[:2]
    report = {
        "analysed_width": width,
        "analysed_height": height,
        "audio_tracks_dropped": health.audio_tracks_dropped,
        "zones": {zone.name: list(zone.rules) for zone in rules.zones},
        "masks": len(rules.masks),
        "ground": rules.ground is not None,
        "detector": detector.name if detector is not None else None,
    }
    if as_json:
        typer.echo(json.dumps({"check": report}))
        return
    typer.echo(f"ok: a picture came; it is analysed at {width} x {height}")
    typer.echo(f"ok: {health.audio_tracks_dropped} sound tracks left alone, {len(rules.masks)} masks")
    for zone in rules.zones:
        typer.echo(f"ok: zone {zone.name} watched for {', '.join(zone.rules) or 'nothing'}")
    typer.echo(f"ok: {_which(rules, detector)}")
    if not rules.zones:
        typer.echo("warning: no zones, so nothing would be told")
    if rules.ground is None:
        typer.echo("warning: no [ground], so events have no place but the camera's field of view")


def _sketch(source: ChildSource, rules: CameraSettings, path: Path) -> None:
    """Look for some seconds and write the contours of what stands there."""
    from sensors.camera.sketch import sketch_of

    try:
        drawn = sketch_of(source.frames(), rules)
    finally:
        source.close()
    if str(path) == "-":
        typer.echo(drawn.encoded().decode())
        return
    try:
        path.write_bytes(drawn.encoded())
    except OSError as error:
        raise fail("sketch_unwritable", f"{path} can't be written: {error.strerror}.") from None
    typer.echo(f"{len(drawn.lines)} contours in {path}: draw zones and masks on them; there is no picture.")


async def _watch(
    station_of: Callable[[str], CameraStation],
    hub: str,
    identity: Path | None,
    state: Path | None,
    as_json: bool,
) -> None:
    import cv2

    stop_on_terminate()
    # A box runs a camera a process: more threads for one picture would only take time from the others.
    cv2.setNumThreads(1)
    if identity is None:
        await _print(station_of(DEFAULT_SENSOR), as_json)
        return
    from sensors.agent import Agent
    from sensors.spool import Spool

    key = load_identity(identity)
    address = hub_of(key, identity, hub)
    spool = Spool(state_folder(state, "camera") / f"{key.sensor}.spool")
    uplink = uplink_to(address, key, spool)
    station = station_of(key.sensor)
    typer.echo(f"{key.sensor} watches and tells {address}; Ctrl-C stops.", err=True)
    agent = Agent(key.sensor, station, spool, uplink, exercise=station.exercise)
    try:
        await agent.run()
    except asyncio.CancelledError:
        typer.echo("Stopped.", err=True)
    finally:
        await agent.aclose()


async def _print(station: Any, as_json: bool) -> None:
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
        place = fields.get("position")
        where = f" at {place['latitude']:.5f}, {place['longitude']:.5f} (±{place['sigma_m']:.0f} m)" if place else ""
        score = f", score {fields['score']:.2f}, {fields['duration_s']:.1f} s" if "score" in fields else ""
        name = fields.get("event", fields["type"])
        typer.echo(f"{moment.isoformat(timespec='milliseconds')} {name}: zone {fields['zone']}{score}{where}")

    with suppress(asyncio.CancelledError):
        await station.run(show)
    health = station.health()
    if not as_json:
        typer.echo(f"Told {told} messages. Capture: {health.reason or health.capture}.", err=True)
