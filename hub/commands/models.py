"""`tocsin models`: list, train, evaluate and pull models; TensorFlow is loaded for the middle two only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from models.fetched import Fetched
    from models.pipeline import Job

app = typer.Typer(no_args_is_help=True, help="List, train, evaluate and pull models.")

Data = Annotated[Path, typer.Option(help="Folder of labelled recordings (manifest.csv and sound files).")]
Livefire = Annotated[Path | None, typer.Option(help="Folder of live-fire tests; default DATA/../livefire if there.")]
Teacher = Annotated[Path | None, typer.Option(help="yamnet.tflite, to learn from; default DATA/../models if there.")]
Work = Annotated[Path, typer.Option(help="Where caches, checkpoints and the report go; a finished part is not redone.")]
Licences = Annotated[str, typer.Option(help='"all", or "open": openly licensed recordings only.')]
Steps = Annotated[int, typer.Option(help="Training steps of each network; more fit closer and take longer.", min=1)]
Seed = Annotated[int, typer.Option(help="The same seed on the same recordings draws the same situations.")]
Folds = Annotated[int, typer.Option(help="How many fifths to hold out in turn; fewer are quicker.", min=1, max=5)]
Threads = Annotated[int, typer.Option(help="Threads that TensorFlow may use.", min=1)]


@app.command("list", epilog="Example: tocsin models list --json")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Name every registered model and say whether it may run: its card is there and its hash is right."""
    from models.fetched import KNOWN
    from models.registry import ModelRefused, entries

    rows: list[dict[str, Any]] = []
    try:
        known = entries()
    except ModelRefused as problem:
        _refuse(problem.code, str(problem))
    for entry in known.values():
        state, detail = "ok", ""
        try:
            entry.read()
        except ModelRefused as problem:
            state, detail = problem.code, str(problem)
        rows.append(
            {
                "name": entry.full_name,
                "labels": dict(zip(entry.labels, entry.thresholds, strict=True)),
                "card": str(entry.card),
                "state": state,
                "detail": detail,
            }
        )
    optional = [_fetched(model) for model in KNOWN.values()]
    if as_json:
        print(json.dumps({"models": rows, "optional": optional}))
    else:
        for row in rows:
            labels = ", ".join(f"{label} ≥ {threshold:.2f}" for label, threshold in row["labels"].items())
            typer.echo(f"{row['name']}  {row['state']}  {labels}\n  {row['detail'] or row['card']}")
        for row in optional:
            typer.echo(f"{row['name']}  {row['state']}  {row['purpose']}\n  {row['detail']}")
    if any(row["state"] != "ok" for row in rows):
        raise typer.Exit(1)


def _fetched(model: Fetched) -> dict[str, str]:
    """A model of others as a row: whether it was fetched, and whether it is the right one."""
    from models.registry import ModelRefused

    row = {"name": model.name, "purpose": model.purpose, "licence": model.licence, "state": "not_fetched"}
    try:
        found = model.read()
    except ModelRefused as problem:
        return {**row, "state": problem.code, "detail": f"{model.file}: {problem}"}
    if found is None:
        return {**row, "detail": f"optional; `tocsin models pull {model.name}` fetches it"}
    return {**row, "name": found[0], "state": "ok", "detail": str(model.file)}


@app.command(epilog="Example: tocsin models evaluate --data ../shared/data/audio --work artifacts/models")
def evaluate(
    data: Data,
    livefire: Livefire = None,
    teacher: Teacher = None,
    work: Work = Path("artifacts/models"),
    licences: Licences = "all",
    steps: Steps = 3_000,
    seed: Seed = 1,
    folds: Folds = 5,
    threads: Threads = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable figures.")] = False,
) -> None:
    """Cross-validate by original recording and firing position, and write the report; nothing is shipped."""
    _limit(threads)
    _cross_validated(_job(data, livefire, teacher, work, licences, steps, seed, folds), as_json=as_json)


@app.command(epilog="Example: tocsin models train --data ../shared/data/audio --licences open --out artifacts/open")
def train(
    data: Data,
    livefire: Livefire = None,
    teacher: Teacher = None,
    work: Work = Path("artifacts/models"),
    licences: Licences = "all",
    steps: Steps = 3_000,
    seed: Seed = 1,
    folds: Folds = 5,
    threads: Threads = 2,
    out: Annotated[
        Path | None, typer.Option(help="Folder for registry.json and weights/; default: the product's own registry.")
    ] = None,
) -> None:
    """Cross-validate, calibrate, train on everything, export, write the card and enter the model in the registry."""
    from models import card, registry
    from models.labels import LABELS
    from models.pipeline import carried, finish

    _limit(threads)
    job = _job(data, livefire, teacher, work, licences, steps, seed, folds)
    recordings, lessons, calibration, figures = _cross_validated(job, as_json=False)
    with _bar() as progress:
        labels = carried(figures)
        content = finish(job, recordings, lessons, calibration, labels, progress)
    target = (out or registry.REGISTRY.parent) / "registry.json"
    weights = target.parent / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    file, text = weights / f"{registry.DEFAULT}.tflite", weights / f"{registry.DEFAULT}.md"
    file.write_bytes(content)
    text.write_text(
        card.render(recordings, figures, calibration, job, labels, _other_report(job), _over_hours(job)),
        encoding="utf-8",
    )
    thresholds = tuple(calibration.thresholds[LABELS.index(label)] for label in labels)
    registry.write(target, registry.DEFAULT, file, text, labels, thresholds)
    typer.echo(f"{registry.entries(target)[registry.DEFAULT].full_name} in {target}")


@app.command(
    epilog="Examples:  tocsin models pull yolox-nano   |   tocsin models pull yolox-nano --from yolox_nano.onnx "
    "--accept-licence   |   tocsin models pull tocsin-acoustic --address https://models.example.org/a.tflite"
)
def pull(
    name: Annotated[str, typer.Argument(help="yolox-nano (the camera's optional detector), or one of the registry.")],
    address: Annotated[
        str, typer.Option(help="Where its file is: an http(s) address. Default: its makers' release.")
    ] = "",
    from_file: Annotated[
        Path | None, typer.Option("--from", help="A file that was carried here: for a box without network.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence that is shown, without being asked.")
    ] = False,
) -> None:
    """Fetch a model's file; it is kept only if its sha256 is the pinned one.

    The optional detector belongs to others: its licence is shown first and has to be accepted. Every rule of a camera
    works without it, less well.
    """
    from models.fetched import KNOWN
    from models.registry import ModelRefused, find, pull_file

    source = str(from_file) if from_file is not None else address
    try:
        if name in KNOWN:
            typer.echo(KNOWN[name].notice)
            if not accept_licence and not _accepted():
                _refuse("licence_not_accepted", "nothing was fetched; give --accept-licence to accept it")
            full_name, file = KNOWN[name].pull(source or None)
            size = file.stat().st_size
        else:
            entry = find(name)
            if not source:
                _refuse("address_missing", f"{entry.name} has no public release: give --address or --from")
            size, full_name, file = pull_file(entry, source), entry.full_name, entry.file
    except ModelRefused as problem:
        mend = " Fetch it elsewhere and give it with --from." if problem.code == "model_not_reachable" else ""
        _refuse(problem.code, f"{problem}.{mend}" if mend else str(problem))
    typer.echo(f"{full_name}: {size:,} bytes in {file}")


def _accepted() -> bool:
    """True when whoever sits here says yes; nobody there is no."""
    if not sys.stdin.isatty():
        return False
    return typer.confirm("Accept this licence?", default=False)


def _limit(threads: int) -> None:
    from models.train import limit_threads

    try:
        limit_threads(threads)
    except ImportError as problem:
        _refuse("training_not_installed", f"{problem}; install the extra: pip install 'tocsin[train]'")


def _job(
    data: Path,
    livefire: Path | None,
    teacher: Path | None,
    work: Path,
    licences: str,
    steps: int,
    seed: int,
    folds: int,
) -> Job:
    from models.pipeline import Job
    from models.train import Plan

    beside, yamnet = data.parent / "livefire", data.parent / "models" / "yamnet.tflite"
    return Job(
        audio=data,
        livefire=livefire or (beside if beside.is_dir() else None),
        teacher=teacher or (yamnet if yamnet.is_file() else None),
        work=work,
        licences=licences,
        judged_folds=folds,
        plan=Plan(seed=seed, steps=steps),
    )


def _cross_validated(job: Job, *, as_json: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    from models import report
    from models.pipeline import TrainingRefused, calibrate, cross_validate, lessons_of, recordings_of
    from models.recordings import RecordingError

    try:
        with _bar() as progress:
            recordings, failed = recordings_of(job, progress)
            for one in failed:
                typer.echo(f"left out: {one.code}: {one}", err=True)
            lessons = lessons_of(job, progress)
            judged = cross_validate(job, recordings, lessons, progress)
    except (TrainingRefused, RecordingError) as problem:
        _refuse(problem.code, str(problem))
    calibration = calibrate(judged)
    folder = job.work / job.licences / "report"
    figures = report.write(folder, judged, calibration, job.plan.steps, lessons=lessons is not None)
    if as_json:
        print(json.dumps({"evaluate": "models", "figures": figures}))
    else:
        typer.echo(report.table_text(figures))
        typer.echo(f"report in {folder}")
    return recordings, lessons, calibration, figures


def _other_report(job: Job) -> dict[str, Any] | None:
    """What an evaluation with the other choice of licences left in the same work folder."""
    file = job.work / ("all" if job.licences == "open" else "open") / "report" / "report.json"
    if not file.is_file():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _over_hours(job: Job) -> dict[str, Any]:
    """What `tocsin evaluate sound --hours H --json` printed, where it was put beside the report as hours.json."""
    file = job.work / job.licences / "report" / "hours.json"
    if not file.is_file():
        return {}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["figures"]
    return found


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, one line a stage."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    stages: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True)) as bar:

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total)
            bar.update(stages[stage], completed=done, total=total)

        yield progress


def _refuse(code: str, detail: str) -> NoReturn:
    typer.echo(f"{code}: {detail}", err=True)
    raise typer.Exit(2)
