"""`tocsin evaluate video`: per rule, events found or missed, delay, and false alarms over the seconds watched."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from hub.commands._figures import Evaluated, show

if TYPE_CHECKING:
    from hub.commands._video_clips import Clip
    from hub.commands._video_runs import Tally
    from sensors.camera.detector import Detector


def share(found: int, events: int) -> Evaluated:
    """`found` of `events` with its exact binomial (Clopper-Pearson) 95 % interval."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, found, events - found + 1)) if found else 0.0
    high = float(beta.ppf(0.975, found + 1, events - found)) if found < events else 1.0
    return Evaluated(found / events, "share", n=events, low=low, high=high)


def alarms(count: int, seconds: float) -> Evaluated:
    """`count` false alarms in `seconds`, with the exact Poisson (Garwood) 95 % interval of the count."""
    from scipy.stats import chi2

    low = float(chi2.ppf(0.025, 2 * count) / 2) if count else 0.0
    return Evaluated(count, "count", n=round(seconds, 1), low=low, high=float(chi2.ppf(0.975, 2 * count + 2) / 2))


def figures_of(tallies: dict[str, Tally], suffix: str = "") -> dict[str, Evaluated]:
    """The figures of each rule; `suffix` tells composited clips from real ones."""
    figures: dict[str, Evaluated] = {}
    for rule, tally in sorted(tallies.items()):
        if tally.events:
            figures[f"found_{rule}{suffix}"] = share(tally.found, tally.events)
        if tally.delays_s:
            figures[f"delay_{rule}{suffix}"] = Evaluated(median(tally.delays_s), "s", n=len(tally.delays_s))
        if tally.seconds:
            figures[f"false_{rule}{suffix}"] = alarms(tally.false, tally.seconds)
    return figures


def _readable(clips: list[Clip]) -> list[Clip]:
    """The clips that give a frame; the others are named on standard error and left out."""
    from hub.commands._video_runs import frames_of
    from sensors.camera.frames import SourceError

    kept = []
    for clip in clips:
        try:
            next(iter(frames_of(clip)))
            kept.append(clip)
        except (SourceError, StopIteration) as error:
            typer.echo(f"{clip.name} is left out: {error} [unreadable]", err=True)
    return kept


def _explain(kind: str, tallies: dict[str, Tally]) -> None:
    for rule, tally in sorted(tallies.items()):
        for miss in tally.misses:
            typer.echo(f"{kind} {rule}: missed in {miss}", err=True)
        for alarm in tally.alarms:
            typer.echo(f"{kind} {rule}: false alarm in {alarm}", err=True)


def _tallies(clips: list[Clip], *, composites: bool, negative_hour: bool) -> dict[str, dict[str, Tally]]:
    """What the rules did, by the suffix of their figures."""
    from hub.commands._video_composites import composited, hour, in_weather
    from hub.commands._video_runs import run_clips, wrong_way

    tallies = {"": run_clips(clips)}
    for clip in clips:
        for event in clip.events:
            if event.rule == "wrong_way_by_config":
                wrong_way(clip, event, tallies[""])
    if composites:
        tallies["_composited"] = composited(clips)
        for kind in ("night", "rain", "shake"):
            tallies[f"_composited_{kind}"] = in_weather(clips, kind)
    if negative_hour:
        tallies["_hour"] = hour(clips)
    return tallies


def _detector(file: Path) -> Detector:
    """The detector in `file`, hash checked; exits where it is another."""
    from models.fetched import YOLOX_NANO
    from models.registry import ModelRefused, content_of
    from sensors.camera.detector import Detector

    try:
        content = content_of(str(file))
        return Detector(YOLOX_NANO.known(content), content)
    except ModelRefused as problem:
        typer.echo(f"{problem} [{problem.code}]", err=True)
        raise typer.Exit(2) from None


def video(
    data: Annotated[Path, typer.Option(help="Folder with manifest.csv and clips, laid out as data/video.")],
    composites: Annotated[bool, typer.Option(help="Also clips composited from the real ones, reported apart.")] = False,
    negative_hour: Annotated[bool, typer.Option(help="Also an hour of altered clips; takes minutes.")] = False,
    detector: Annotated[
        Path | None, typer.Option(help="File of the optional detector: everything again with it, reported apart.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Name each miss and each false alarm.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Run the camera rules over clips and print what they found, missed and invented.

    A rule runs in the zone that an event names, else over the whole picture; intrusion and wrong way run only where a
    zone is given. Wrong way is asked by inversion: with the legal direction inverted each vehicle must be said, with
    the true one none.
    """
    from hub.commands._video_clips import ManifestError, read_clips
    from hub.commands._video_runs import DETECTOR

    try:
        clips = _readable(read_clips(data))
    except ManifestError as error:
        typer.echo(f"{error} [manifest]", err=True)
        raise typer.Exit(2) from None
    if not clips:
        typer.echo(f"{data} holds no clip that can be decoded [no_clips]", err=True)
        raise typer.Exit(2)
    tallies = _tallies(clips, composites=composites, negative_hour=negative_hour)
    if detector is not None:
        token = DETECTOR.set(_detector(detector))
        again = _tallies(clips, composites=composites, negative_hour=negative_hour)
        DETECTOR.reset(token)
        tallies |= {f"_detector{suffix}": counted for suffix, counted in again.items()}
    figures: dict[str, Evaluated] = {}
    for suffix, counted in tallies.items():
        figures |= figures_of(counted, suffix)
        if explain:
            _explain(suffix.strip("_") or "real", counted)
    show("evaluate", "video", figures, as_json=as_json)
