"""`tocsin evaluate sound`: the shipped acoustic model on a folder of labelled recordings, the baseline beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from hub.commands._figures import Evaluated, show


def sound(
    data: Annotated[Path, typer.Option(help="Folder with manifest.csv (path, class, source, group) and sound files.")],
    yamnet: Annotated[
        Path | None, typer.Option(help="The baseline's yamnet.tflite; by itself it is looked for in DATA/../models.")
    ] = None,
    livefire: Annotated[
        Path | None,
        typer.Option(help="Folder of live-fire tests: adds the shares of shots within 400 m that are found and told."),
    ] = None,
    hours: Annotated[
        float, typer.Option(help="Also hear so many hours of each made scene and count the false alarms.", min=0.0)
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Run the shipped acoustic model on labelled recordings: precision, recall, false alarms, with 95 % intervals."""
    from rich.console import Console
    from rich.progress import Progress

    from hub.commands._evaluate_long import evaluate_long
    from hub.commands._evaluate_told import evaluate_told
    from models.recordings import RecordingError
    from models.registry import ModelRefused
    from models.runtime import AcousticModel
    from models.shipped import Figure, evaluate, evaluate_livefire
    from models.teacher import Yamnet

    beside = data.parent / "models" / "yamnet.tflite"
    baseline_file = yamnet or (beside if beside.is_file() else None)
    try:
        model = AcousticModel.load()
        baseline = Yamnet(baseline_file) if baseline_file else None
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("listening", total=None)
            outcome = evaluate(
                data, model, baseline, progress=lambda done, all_: bar.update(task, completed=done, total=all_)
            )
            figures: dict[str, Figure] = dict(outcome.figures)
            failed = list(outcome.failed)
            if livefire:
                bar.update(task, description="live fire", total=None)
                real = evaluate_livefire(
                    livefire, model, baseline, baseline_threshold=outcome.baseline_thresholds.get("gunshot", 0.5)
                )
                figures |= real.figures
                failed += real.failed
                told, _ = evaluate_told(
                    livefire, model, lambda done, all_: bar.update(task, completed=done, total=all_)
                )
                figures |= told
            if hours:
                bar.update(task, total=None)
                figures |= evaluate_long(
                    data, model, hours, lambda scene: bar.update(task, description=f"hours of {scene}")
                )
    except (RecordingError, ModelRefused) as problem:
        typer.echo(f"{problem.code}: {problem}", err=True)
        raise typer.Exit(2) from problem
    except (ValueError, OSError) as problem:
        typer.echo(f"baseline_unusable: {baseline_file}: {problem}", err=True)
        raise typer.Exit(2) from problem
    for one in failed:
        typer.echo(f"left out: {one.code}: {one}", err=True)
    show("evaluate", "sound", {key: _evaluated(figure) for key, figure in figures.items()}, as_json=as_json)


def _evaluated(figure: object) -> Evaluated:
    from models.shipped import Figure

    assert isinstance(figure, Figure)
    interval = figure.interval
    return Evaluated(
        value=_finite(interval.value),
        unit=figure.unit,
        n=round(figure.n, 4),
        low=_finite(interval.low),
        high=_finite(interval.high),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
