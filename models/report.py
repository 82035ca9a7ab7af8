"""The report of an evaluation: figures by class, a table of who was taken for what, and three plots."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.corpus import STREET
from models.crossval import HOP_FRAMES, Judged, Table, table
from models.labels import CONFUSERS, LABELS, truth
from models.metrics import Interval, Reals, average_precision, over_groups, recall_at, reliability
from models.pipeline import Calibration
from models.shipped import alarms

FAR_M = 400.0
LIVE_FIRE = "livefire:"
TOLD = 0.05
"""What an agent tells a hub, which joins several sensors; below, within an allowance only."""


def probabilities(asked: Table, calibration: Calibration, label: str) -> Reals:
    """Calibrated clip scores."""
    column = LABELS.index(label)
    logit = asked.score * calibration.scale[column] + calibration.shift[column]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0))), np.float64)


def livefire_found(
    judged: Sequence[Judged], calibration: Calibration, threshold: float | None = None
) -> dict[str, tuple[int, int]]:
    """Shots within 400 m found at their sensor and all of them, per firing position; by the calibrated threshold, or
    by another probability."""
    column = LABELS.index("gunshot")
    threshold = calibration.thresholds[column] if threshold is None else threshold
    wanted = (float(np.log(threshold / (1.0 - threshold))) - calibration.shift[column]) / calibration.scale[column]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in judged:
        if one.source == "livefire" and one.label == "gunshot" and one.distance_m <= FAR_M:
            for mark in one.marks:
                starts = np.arange(len(one.logits)) * 20
                holds = (starts >= mark - 64) & (starts <= mark - 8)
                if holds.any():
                    counts[one.group][1] += 1
                    counts[one.group][0] += int(one.logits[holds, column].max() >= wanted)
    return {group: (found, total) for group, (found, total) in sorted(counts.items())}


def false_alarms(judged: Sequence[Judged], calibration: Calibration) -> dict[str, dict[str, tuple[int, float]]]:
    """For each label alarms at the threshold and hours listened, on clips of other classes and on live-fire streets."""
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for column, label in enumerate(LABELS):
        here: dict[str, tuple[int, float]] = {}
        for name, real in (("other clips", False), ("street of the live fire", True)):
            others = [
                one
                for one in judged
                if (one.source == "livefire") == real
                and truth(label, one.label) is False
                and (one.label == STREET or not real)
            ]
            hours = sum((len(one.logits) - 1) * HOP_FRAMES * 0.0125 + 1.0 for one in others) / 3_600.0
            count = 0
            for one in others:
                logit = one.logits[:, column] * calibration.scale[column] + calibration.shift[column]
                said = 1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0)))
                count += alarms(label, said.astype(np.float32), calibration.thresholds[column])
            here[name] = (count, hours)
        found[label] = here
    return found


def figures(judged: Sequence[Judged], calibration: Calibration) -> dict[str, Any]:
    """Every figure of the report as plain values."""
    found: dict[str, Any] = {}
    for label in LABELS:
        here: dict[str, Any] = {}
        for name, asked in (
            ("clips", table(judged, label, livefire=False)),
            ("clips_and_live_fire", table(judged, label)),
        ):
            if not asked.truth.any():
                continue
            hard = asked.truth | np.array([kind in CONFUSERS[label] for kind in asked.labels], bool)
            said = probabilities(asked, calibration, label)
            groups = np.array(asked.groups)
            here[name] = {
                "ap": _plain(over_groups(average_precision, asked.truth, said, asked.groups, draws=300, seed=1)),
                "ap_hard": _plain(
                    over_groups(average_precision, asked.truth[hard], said[hard], list(groups[hard]), draws=300, seed=1)
                ),
                "recall_at_1pct": _plain(
                    over_groups(lambda t, s: recall_at(t, s, 0.01), asked.truth, said, asked.groups, draws=300, seed=1)
                ),
                "calibration_error": reliability(asked.truth, said).error,
                "clips": int(asked.truth.sum()),
                "groups": len(set(groups[asked.truth])),
            }
        found[label] = here
    found["false_alarms"] = false_alarms(judged, calibration)
    for key, threshold in (("live_fire_within_400m", None), ("live_fire_within_400m_told", TOLD)):
        live = livefire_found(judged, calibration, threshold)
        found[key] = {group.removeprefix(LIVE_FIRE): list(count) for group, count in live.items()}
    return found


def _plain(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.value, interval.low, interval.high)]


def confusion(judged: Sequence[Judged], calibration: Calibration) -> dict[str, dict[str, float]]:
    """For each corpus label the share of its clips at or above each class's threshold."""
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for label in LABELS:
        column = LABELS.index(label)
        asked = table(judged, label)
        above = probabilities(asked, calibration, label) >= calibration.thresholds[column]
        for kind in sorted(set(asked.labels)):
            inside = np.array([one == kind for one in asked.labels], bool)
            shares[kind][label] = float(above[inside].mean())
    return dict(shares)


def table_text(found: dict[str, Any]) -> str:
    """The figures as a Markdown table, a row a class and condition, with 95 % intervals over original recordings."""
    lines = [
        "| class | on | clips (recordings) | AP | AP, hard negatives | recall at 1 % false | calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for label in LABELS:
        for condition, one in found[label].items():
            cells = [
                f"{v[0]:.3f} ({v[1]:.3f} to {v[2]:.3f})" for v in (one["ap"], one["ap_hard"], one["recall_at_1pct"])
            ]
            where = condition.replace("_", " ")
            count = f"{one['clips']} ({one['groups']})"
            lines.append(f"| {label} | {where} | {count} | {' | '.join(cells)} | {one['calibration_error']:.3f} |")
    live = found["live_fire_within_400m"]
    if live:
        said = ", ".join(f"{position} {hit} of {total}" for position, (hit, total) in live.items())
        lines += ["", f"Live fire within 400 m, found at the sensor at the threshold, position held out: {said}."]
    if told := found.get("live_fire_within_400m_told"):
        said = ", ".join(f"{position} {hit} of {total}" for position, (hit, total) in told.items())
        lines += ["", f"The same, told to the hub by its own score ({TOLD:.2f} or above): {said}."]
    for label, places in found["false_alarms"].items():
        said = "; ".join(f"{count} in {hours:.2f} h of {place}" for place, (count, hours) in places.items() if hours)
        lines += ["", f"False alarms at the threshold, {label}: {said}."]
    return "\n".join(lines)


def write(
    folder: Path, judged: Sequence[Judged], calibration: Calibration, steps: int, *, lessons: bool
) -> dict[str, Any]:
    """Write `report.json`, `confusion.png`, `precision_recall.png` and `reliability.png`; returns the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    found = figures(judged, calibration)
    shares = confusion(judged, calibration)
    (folder / "report.json").write_text(
        json.dumps({"steps": steps, "lessons": lessons, "figures": found, "confusion": shares}, indent=1),
        encoding="utf-8",
    )
    _plots(folder, judged, calibration, shares)
    return found


def _plots(
    folder: Path, judged: Sequence[Judged], calibration: Calibration, shares: dict[str, dict[str, float]]
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    kinds = sorted(shares)
    figure, axes = pyplot.subplots(figsize=(5, 0.26 * len(kinds) + 1.5), layout="constrained")
    grid = np.array([[shares[kind].get(label, np.nan) for label in LABELS] for kind in kinds])
    axes.imshow(grid, aspect="auto", vmin=0.0, vmax=1.0, cmap="Greys")
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_title("share of clips above the threshold")
    figure.savefig(folder / "confusion.png", dpi=110)
    for name, draw in (("precision_recall", _precision_recall), ("reliability", _reliability)):
        figure, axes = pyplot.subplots(figsize=(5, 5), layout="constrained")
        for label in LABELS:
            asked = table(judged, label)
            if asked.truth.any():
                draw(axes, label, asked, probabilities(asked, calibration, label))
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0.0, 1.02)
        axes.legend()
        figure.savefig(folder / f"{name}.png", dpi=110)
    pyplot.close("all")


def _precision_recall(axes: Any, label: str, asked: Table, said: Reals) -> None:
    hits = np.cumsum(asked.truth[np.argsort(-said, kind="stable")])
    axes.step(hits / asked.truth.sum(), hits / np.arange(1, len(hits) + 1), where="post", label=label)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")


def _reliability(axes: Any, label: str, asked: Table, said: Reals) -> None:
    bins = reliability(asked.truth, said)
    axes.plot(bins.said, bins.true, marker="o", label=f"{label} (error {bins.error:.3f})")
    axes.plot([0.0, 1.0], [0.0, 1.0], color="0.7", linewidth=0.8)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
