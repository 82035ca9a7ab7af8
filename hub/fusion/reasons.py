"""The terms of what was heard: how many sensors agree, how sure they are, and who should have heard it and did not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hub.fusion.calibration import CALIBRATION
from hub.fusion.evidence import CAP_SILENCE, capped, logit, probability_of
from hub.fusion.sites import SiteTable
from hub.incident import Evidence, Place
from sensors.protocol import Detection

DOUBT = 0.1
"""A sensor that is less sure than this of a sound that others heard well is far away or behind a roof, and says no
less."""
PLACE_CERTAIN = 0.99
"""A place surer than this needs no word."""
SPOKEN_SILENCES = 8
"""Silent sensors that get a sentence of their own, the nearest ones; more would bury the others."""


def agreement(used: Sequence[Detection], in_range: int, rms_ms: float) -> Evidence:
    """How much the number of sensors that agree on a place and time says."""
    ids = tuple(d.id for d in used)
    sensors = len({d.sensor for d in used})
    log_odds = CALIBRATION.agreement(sensors)
    if sensors == 1:
        return Evidence(
            kind="agreement", log_odds=log_odds, words="evidence_one_sensor", values={"sensor": used[0].sensor},
            detections=ids,
        )  # fmt: skip
    if sensors == 2:
        return Evidence(kind="agreement", log_odds=log_odds, words="evidence_two_sensors", detections=ids)
    return Evidence(
        kind="agreement", log_odds=log_odds, words="evidence_agreement",
        values={"agreeing": sensors, "in_range": max(in_range, sensors), "residual_ms": round(rms_ms, 1)},
        detections=ids,
    )  # fmt: skip


def base_rate() -> Evidence:
    """How rare shots are among the bangs that microphones report, before anything else is known."""
    share = 1.0 / (1.0 + math.exp(-CALIBRATION.base_rate))
    return Evidence(
        kind="base_rate", log_odds=CALIBRATION.base_rate, words="evidence_base_rate",
        values={"percent": round(100.0 * share)},
    )  # fmt: skip


def sound(used: Sequence[Detection]) -> Evidence:
    """What the classifiers say, all together: one modality, hearing one sound, is counted once and capped.

    Of each sensor the surest detection; their log-odds are averaged, for echoes and distance make errors that the
    sensors share; more sensors add with falling returns.
    """
    best: dict[str, float] = {}
    for d in used:
        best[d.sensor] = max(best.get(d.sensor, 0.0), d.score)
    mean = sum(logit(max(score, DOUBT)) for score in best.values()) / len(best)
    return Evidence(
        kind="sound", log_odds=CALIBRATION.sound(mean, len(best)), words="evidence_sound",
        values={"score": round(1.0 / (1.0 + math.exp(-mean)), 2)}, detections=tuple(d.id for d in used),
    )  # fmt: skip


def place_term(told: Iterable[Evidence], place: Place, sensors: int) -> tuple[Evidence, ...]:
    """What the place takes away from belief: an incident is real where it is told to be, or it helps nobody.

    The probability of the other terms is multiplied by that of the place being right, which few sensors, a long ellipse
    and a second place make smaller. Nothing is said where the place is next to certain.
    """
    if place.kind != "ellipse" or place.ellipse is None:
        return ()
    right = CALIBRATION.place_right(sensors, place.ellipse.semi_major_m, place.alternative is not None)
    if right > PLACE_CERTAIN:
        return ()
    real = probability_of(told)
    words = "evidence_place" if place.alternative is None else "evidence_place_two"
    values: dict[str, str | float | int] = {"sensors": sensors, "percent": round(100.0 * right)}
    return (Evidence(kind="place", log_odds=logit(real * right) - logit(real), words=words, values=values),)


def silence(
    at: tuple[float, float], heard_at_m: NDArray[np.float64], heard: set[str], level_1m_db: float | None,
    table: SiteTable,
) -> tuple[tuple[Evidence, ...], int]:  # fmt: skip
    """Terms of the microphones in range that heard nothing, nearest first; and how many microphones were in range.

    In range is who is nearer than the second farthest of those who heard it: one far sensor with a free view doesn't
    put a whole town in range.
    """
    east, north = (float(v) for v in table.plane.metres(*at))
    reach = float(np.sort(heard_at_m)[-2 if len(heard_at_m) > 3 else -1])
    rows = [r for r in table.near(east, north, reach).tolist() if table.microphone[r] and table.sites[r].capture_ok]
    silent: list[tuple[float, Evidence]] = []
    for row in rows:
        site = table.sites[row]
        if site.id in heard:
            continue
        metres = math.hypot(table.east_m[row] - east, table.north_m[row] - north)
        noise = site.noise_db
        chance = chance_of_hearing(level_1m_db, metres, noise)
        silent.append((
            metres,
            Evidence(
                kind="silence", log_odds=math.log1p(-chance),
                words="evidence_silence" if noise is None else "evidence_silence_noise",
                values={"sensor": site.id, "distance_m": round(metres), "noise_db": round(noise or 0.0)},
                sensor=site.id,
            ),
        ))  # fmt: skip
    silent.sort(key=lambda item: item[0])
    terms = capped([term for _, term in silent], CAP_SILENCE)
    in_range = len(heard | {table.sites[r].id for r in rows})
    if len(terms) <= SPOKEN_SILENCES:
        return tuple(terms), in_range
    rest = terms[SPOKEN_SILENCES:]
    others = Evidence(
        kind="silence", log_odds=sum(term.log_odds for term in rest), words="evidence_silence_others",
        values={"count": len(rest)},
    )  # fmt: skip
    return (*terms[:SPOKEN_SILENCES], others), in_range


def chance_of_hearing(level_1m_db: float | None, distance_m: float, noise_db: float | None) -> float:
    """Probability that a working microphone reports a bang of this level from this distance over its noise.

    A logistic in the margin of the expected peak (spherical spreading, 5 dB a kilometre of air) over the noise. Without
    a level a shot of 150 dB at 1 m is assumed; without a noise, 50 dB(A).
    """
    expected = (150.0 if level_1m_db is None else level_1m_db) - 20.0 * math.log10(max(distance_m, 1.0))
    margin = expected - 0.005 * distance_m - (50.0 if noise_db is None else noise_db)
    return CALIBRATION.hears / (
        1.0 + math.exp(-(margin - CALIBRATION.hearing_margin_db) / CALIBRATION.hearing_width_db)
    )
