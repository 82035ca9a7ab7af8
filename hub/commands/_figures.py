"""Figures that a command measured, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, to_builtins
from rich.console import Console
from rich.table import Table


class Evaluated(Struct, frozen=True, omit_defaults=True):
    """One figure of an evaluation: `n` is what it rests on, `low` and `high` its 95 % interval."""

    value: float | None
    unit: str
    n: float | None = None
    low: float | None = None
    high: float | None = None


class Benched(Struct, frozen=True, omit_defaults=True):
    """One figure of a benchmark beside its baseline of the same run; `ratio` is value / baseline."""

    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    baseline_name: str = ""


def number(value: float | None) -> str:
    """Three significant digits, and a dash for what was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def show(kind: str, name: str, figures: Mapping[str, Evaluated | Benched], *, as_json: bool) -> None:
    """Print `figures` of `kind` ("evaluate" or "bench")."""
    if as_json:
        print(json.dumps({kind: name, "figures": to_builtins(dict(figures))}))
        return
    rows: list[dict[str, Any]] = [{"figure": key, **to_builtins(figure)} for key, figure in figures.items()]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=f"tocsin {kind} {name}")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column in {"figure", "unit"} else "right")
    for row in rows:
        cells = [row.get(column) for column in columns]
        table.add_row(*(cell if isinstance(cell, str) else number(cell) for cell in cells))
    Console().print(table)
