"""The model card: what the model is for, what it was made from, how good it is, where it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.corpus import STREET, Recording
from models.crossval import FOLDS, clip_score
from models.frontend import BANDS, FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, WINDOW_SAMPLES
from models.labels import CORPUS_LABELS, LABELS, truth
from models.metrics import average_precision
from models.pipeline import COST_OF_A_MISS, FINAL_SHARE, Calibration, Job
from models.report import table_text
from models.teacher import CLASSES

INTENDED = """## For what

One second of sound in, a probability for each class out, at the sensor. The result is one sign among several: a hub
joins the signs of several sensors, and a person decides. It is not for deciding alone, not for indoor alarms, not for
naming weapons, and not for listening to people: speech is a negative in training and no class of it exists.
"""

MADE = """## What is real and what is made

Real: every foreground and background recording; the live fire (46 to 550 m, real echoes, real sensors); its quiet
parts as street background. Made, on mel power while training: mixtures at 2 to 45 dB, air absorption (ISO 9613-1) to
800 m, decaying tails and echoes, microphone responses, band limits at 3.2 to 7 kHz, noise floors, wind, bursts from
single shots, small changes of pitch and speed, colours exchanged between impulsive sounds of one class.
Made on the waveform: clipping, 8 to 12 kHz sensors with 7 to 15 bits,
MP3 and Vorbis at low rates. Two in five crowd windows are made of 6 to 40 single voices. Limits and floors are drawn
alike for all classes, so that a recorder's trace tells no class; in a quarter of the windows some bands are missing.

Lessons: 60,000 seconds mixed on the waveform from one to three of the same recordings (other pitch and speed, level,
colour, band limit, hiss) were heard by YAMNet (trained on AudioSet by others, Apache 2.0), and the network learnt its
answers beside the labels. In the shipped file a score is the sum of what was learnt from the labels and half of what
was learnt from YAMNet, in logits. YAMNet itself is not in it.
"""

TRIED = """## What was tried and left

- Numbers: float32 weights (270 KB). On 350 recordings of the corpus float16 weights (150 KB) give the same average
  precision in the same time, and probabilities that differ by up to 0.04; 8-bit weights (102 KB) save a tenth of the
  time and cost 0.03 of gunshot and 0.04 of siren; 8-bit activations are useless (gunshot 0.21), for mel power spans
  twelve decades. The file is small enough to keep what is exact.
- Wider last layers (128 and 192 channels, 2,000 and 2,200 steps, the same lessons): no better.
- Lessons heard by YAMNet at one level: its answer depends on the level (to the same bangs at a peak of 0.7 and at one
  between 0.003 and 1 it correlates 0.47), which the network ignores on purpose. 80,000 lessons at fixed peaks, with
  loudness exchanged between sounds and with reverberation, 3,000 steps, two thirds of each step lessons: on the two
  folds that are hardest for gunshot 0.787 -> 0.841 and 0.772 -> 0.829, on all five 0.926 to 0.932 by how much the
  teacher's part counts (0.930 here), clamor 0.940 to 0.920 (0.921), siren 0.919 to 0.920 (0.912); but with live fire
  gunshot 0.973 to 0.959 (0.980). Without the teacher's part at all: gunshot 0.913, with live fire 0.981, clamor 0.953,
  siren 0.908. It moves errors between dry recordings and real streets, so the network is the one before it. On lessons
  made of shots it never heard such a student correlates 0.66 with the teacher (0.54 on lessons at any level); the
  teacher itself, added to the network, would give 0.96: lessons from more recordings would help more than other lessons
  from these.
"""

FAILURES = """## Where it fails

- Fireworks: the corpus has one recording of them, so in cross-validation no network had heard any, and they are the
  first thing taken for shots. The shipped network has heard that one.
- Dry, heavily edited shots (game sounds, close, without the surroundings) are missed; so are distant shots below the
  street's noise.
- Popped bags, backfire and nail guns are not in the corpus at all: expect false alarms, and let fusion ask for a second
  sensor.
- The street around the live fire holds knocks and echoes that one sensor alone takes for shots; the threshold lets them
  through on purpose, for a shot needs several sensors that agree in time.
- Crowds and sirens made by a synthesiser may not be taken for what they imitate; sixty voices by `sensors.simulator`
  are.
- Clamor rests on few recordings, all of them of sports crowds: no protest. Its interval says how little is known.
- Glass, screams, explosions and fireworks are not reported: too few original recordings to show that it works.
- Tyres and revving engines are not reported: there are none in the corpus.
- Probabilities are calibrated on clips of about four seconds by their loudest second, at the corpus's share of each
  class. In a street the share is far lower; the hub's evidence accounts for that.
"""


def render(
    recordings: Sequence[Recording],
    figures: dict[str, Any],
    calibration: Calibration,
    job: Job,
    shipped: Sequence[str],
    other: dict[str, Any] | None = None,
    hours: dict[str, Any] | None = None,
) -> str:
    """The card in Markdown; `shipped` are the labels that the file reports.

    `hours` are the figures of `tocsin evaluate sound --hours`, where they were left beside the report.
    `other` is the report of the same training with the other choice of licences, where there is one.
    """
    left_out = [label for label in LABELS if label not in shipped]
    licences = "openly licensed recordings only" if job.licences == "open" else "all recordings, whatever their licence"
    lines = [
        "# tocsin-acoustic",
        "",
        f"{WINDOW_SAMPLES / SAMPLE_RATE_HZ:.1f} s of sound at {SAMPLE_RATE_HZ // 1000} kHz -> "
        f"{', '.join(shipped)}. Log-mel features ({BANDS} bands, {FRAME_SAMPLES / 16:.0f} ms frames every "
        f"{HOP_SAMPLES / 16:.1f} ms) are in the graph; then a convolutional network; then calibrated probabilities.",
        "",
        INTENDED,
        "## From what",
        "",
        f"Trained by this project with TensorFlow (seed {job.plan.seed}, {job.plan.steps * FINAL_SHARE} steps of "
        f"{job.plan.batch} labelled situations and {job.plan.lessons if job.teacher else 0} lessons; in "
        f"cross-validation {job.plan.steps} steps) on {licences}:",
        "",
        "| source | recordings | openly licensed | gunshots |",
        "|---|---|---|---|",
    ]
    for source, count in sorted(Counter(one.source for one in recordings).items()):
        opened = sum(one.open_licence for one in recordings if one.source == source)
        shots = sum(one.label == "gunshot" for one in recordings if one.source == source)
        lines.append(f"| {source} | {count} | {opened} | {shots} |")
    lines += [
        "",
        "Recordings and original recordings by class:",
        "",
        "| class | recordings | originals |",
        "|---|---|---|",
    ]
    for label in LABELS:
        mine = [one for one in recordings if one.label in CORPUS_LABELS[label]]
        lines.append(f"| {label} | {len(mine)} | {len({one.group for one in mine})} |")
    street = sum(one.label == STREET for one in recordings)
    lines += [
        "",
        f"Negatives: everything else, {street} stretches of real street between the live fire among them.",
        "",
        MADE,
        "## How good",
        "",
        f"Cross-validation, {job.judged_folds} of {FOLDS} folds: original recordings and firing positions are held out "
        "whole, from the lessons too. Other sources than these will be harder.",
        "",
        table_text(figures),
        "",
        *_baseline(recordings),
        "Thresholds by the cost of a miss in false alarms: "
        + ", ".join(
            f"{label} {COST_OF_A_MISS[label]:g} (≥ {threshold:.2f})"
            for label, threshold in zip(LABELS, calibration.thresholds, strict=True)
            if label in shipped
        )
        + ". A site may set others.",
        "",
        *_told(hours or {}),
        *_over_hours(hours or {}),
        *_compared(job, other),
        TRIED,
        FAILURES,
    ]
    if left_out:
        lines.append(
            f"- Trained for and not reported, because cross-validation does not carry it: {', '.join(left_out)}."
        )
    return "\n".join(lines)


def _baseline(recordings: Sequence[Recording]) -> list[str]:
    """YAMNet on the same clips, where its scores are there: what the figures above have to be held against."""
    taught = [one for one in recordings if one.taught is not None]
    said = []
    for label in LABELS:
        asked = [one for one in taught if truth(label, one.label) is not None]
        true = np.array([truth(label, one.label) is True for one in asked], bool)
        if true.any():
            columns = list(CLASSES[label])
            scores = [clip_score(label, one.taught[:, columns].max(axis=1)) for one in asked if one.taught is not None]
            said.append(f"{label} {average_precision(true, np.array(scores, np.float64)):.3f}")
    return [f"YAMNet's average precision on the same clips: {', '.join(said)}.", ""] if said else []


def _told(figures: dict[str, Any]) -> list[str]:
    """What a whole agent tells of the live fire, where `tocsin evaluate sound --livefire` has counted it."""
    keys = [f"told_{how}gunshot_livefire_400m" for how in ("", "direct_", "sure_")]
    if not all(key in figures for key in keys):
        return []
    total = int(figures[keys[0]]["n"])
    told, direct, sure = (round(figures[key]["value"] * total) for key in keys)
    return [
        "A whole agent (picker, shipped network, allowance for picks it doubts) on the same live fire: of "
        f"{total} shots within 400 m that the recordings hold it tells {told}, {direct} of them by their direct sound "
        f"and the others by an echo within 0.6 s, {sure} at the threshold. The shipped network has learnt from these "
        "recordings; picker and allowance have not.",
        "",
    ]


def _over_hours(figures: dict[str, Any]) -> list[str]:
    """False alarms over hours of made scenes, with what the gate let through."""
    scenes = [key.removeprefix("gate_picks_per_hour_") for key in figures if key.startswith("gate_picks_per_hour_")]
    if not scenes:
        return []
    labels = [key[len("false_per_hour_") : -len("_long")] for key in figures if key.endswith("_long")]
    lines = [
        "Over hours of scenes made of the same recordings (a bed that goes on, and sounds in it at random), heard as "
        "an agent hears: alarms an hour at the threshold, one sensor alone. The shipped network has learnt from these "
        "recordings, so other streets will be worse. Gate: picks an hour, before the model; model: windows it was "
        "asked about, of 7,200 an hour at most for what lasts and one for each pick.",
        "",
        "| scene | hours | gate | model | " + " | ".join(labels) + " |",
        "|---|---|---|---|" + "---|" * len(labels),
    ]
    for scene in scenes:
        cells = []
        for label in labels:
            one = figures.get(f"false_per_hour_{label}_{scene}")
            cells.append(f"{one['value']:.1f} ({one['low']:.1f} to {one['high']:.1f})" if one else "not counted")
        gate, asked = (figures[f"{key}_per_hour_{scene}"] for key in ("gate_picks", "model_windows"))
        lines.append(
            f"| {scene} | {gate['n']:.2f} | {gate['value']:.0f} | {asked['value']:.0f} | {' | '.join(cells)} |"
        )
    return [*lines, ""]


def _compared(job: Job, other: dict[str, Any] | None) -> list[str]:
    name = "every recording" if job.licences == "open" else "openly licensed recordings only"
    if other is None:
        return [f"The same with {name} has not been measured beside this version.", ""]
    return [
        f"The same with {name}, judged on those, {other['steps']} steps"
        + ("" if other.get("lessons", False) else ", and without lessons")
        + ":",
        "",
        table_text(other["figures"]),
        "",
    ]
