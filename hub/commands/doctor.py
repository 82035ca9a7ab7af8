"""`tocsin doctor`: what this machine has for a hub, a microphone or a camera, and the mend for what is missing."""

from __future__ import annotations

import ctypes.util
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct, to_builtins

from hub.commands._extras import EXTRAS

app = typer.Typer()

MIN_FREE_BYTES: Final = 1 << 30
"""Below a gigabyte a week of log and state may not fit."""


class Finding(Struct, frozen=True):
    """One thing looked at: `needed` ones fail the check, the others only say what they would open."""

    name: str
    ok: bool
    needed: bool
    said: str
    mend: str = ""


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info >= (3, 11)
    return Finding("Python", ok, True, version, "" if ok else "Install Python 3.11 or newer.")


def _extra(extra: str, needed: Iterable[str]) -> Finding:
    missing = [name for name in EXTRAS[extra] if name not in sys.modules and importlib.util.find_spec(name) is None]
    said = "complete" if not missing else f"missing: {', '.join(missing)}"
    return Finding(f"Python extra [{extra}]", not missing, extra in needed, said, f"pip install 'tocsin[{extra}]'")


def _portaudio(needed: bool) -> Finding:
    found = ctypes.util.find_library("portaudio")
    return Finding("PortAudio", found is not None, needed, found or "not installed", "apt install libportaudio2")


def _program(name: str, purpose: str, package: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path is not None, False, path or f"not installed ({purpose})", f"apt install {package}")


def _disk(folder: Path) -> Finding:
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    said = f"{free / 1e9:.1f} GB free at {place}"
    return Finding("Disk", free >= MIN_FREE_BYTES, True, said, "Free some space, or choose another --data-dir.")


def _clock() -> Finding:
    year = time.gmtime().tm_year
    synchronised = Path("/run/systemd/timesync/synchronized").exists() or shutil.which("chronyc") is not None
    said = "a time service is here" if synchronised else "no time service seen; places are only as good as the clocks"
    if year < 2024:
        return Finding("Clock", False, True, f"the clock says {year}", "Set the clock, then: apt install chrony")
    return Finding("Clock", synchronised, False, said, "apt install chrony")


def _model() -> Finding:
    try:
        from models.runtime import AcousticModel

        model = AcousticModel.load()
    except ImportError as error:
        return Finding(
            "Acoustic model", False, False, f"can't be run: {error.name} is missing", "pip install 'tocsin[mic]'"
        )
    except (OSError, ValueError, RuntimeError) as error:
        return Finding("Acoustic model", False, True, str(error), "Install the package again.")
    return Finding("Acoustic model", True, True, f"{model.name}: {', '.join(model.labels)}")


def _detector() -> Finding:
    from models.fetched import YOLOX_NANO
    from models.registry import ModelRefused

    try:
        found = YOLOX_NANO.read()
    except ModelRefused as problem:
        return Finding("Camera detector", False, False, f"{YOLOX_NANO.file}: {problem}", "Pull it again.")
    if found is None:
        said = "not pulled: every rule of a camera works, less well"
        return Finding("Camera detector", False, False, said, f"tocsin models pull {YOLOX_NANO.name}")
    return Finding("Camera detector", True, False, f"{found[0]}, asked where something moves")


def examine(data_dir: Path, needed: Iterable[str]) -> list[Finding]:
    """Look at everything; `needed` are the extras that must be complete."""
    needed = set(needed)
    checks: list[Callable[[], Finding]] = [_python, lambda: _disk(data_dir), _clock]
    findings = [check() for check in checks]
    findings += [_extra(extra, needed) for extra in EXTRAS]
    findings += [_portaudio("mic" in needed), _model(), _detector()]
    findings.append(_program("ffmpeg", "network streams of sound", "ffmpeg"))
    findings.append(_program("nats-server", "several hubs", "nats-server"))
    return findings


@app.command(epilog="Examples:  tocsin doctor   |   tocsin doctor --for mic   |   tocsin doctor --json")
def doctor(
    purpose: Annotated[
        list[str] | None, typer.Option("--for", help=f"What this machine is for: {', '.join(EXTRAS)}; may be repeated.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the hub's data is, or will be.")] = Path("tocsin-data"),
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Say what is missing on this machine, with the mend; exits 1 where something needed is missing."""
    needed = purpose or ["hub"]
    if unknown := [name for name in needed if name not in EXTRAS]:
        typer.echo(f"Unknown purpose {unknown[0]!r}; known: {', '.join(EXTRAS)}.", err=True)
        raise typer.Exit(2)
    findings = examine(data_dir, needed)
    if as_json:
        typer.echo(json.dumps({"doctor": to_builtins(findings)}))
    else:
        for finding in findings:
            word = "ok     " if finding.ok else ("MISSING" if finding.needed else "absent ")
            mend = "" if finding.ok else f"  ->  {finding.mend}"
            typer.echo(f"{word}  {finding.name}: {finding.said}{mend}")
    if any(not finding.ok and finding.needed for finding in findings):
        raise typer.Exit(1)
