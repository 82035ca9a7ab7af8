"""From a source to an incident: place, evidence and arrivals of something that banged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.fusion.air import Air, travel_times
from hub.fusion.picks import PickSet, Source
from hub.fusion.calibration import CALIBRATION
from hub.fusion.evidence import CAP_SILENCE, capped, logit
from hub.fusion.geometry import disc, ellipse_of, strip
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.incident import Arrival, Ellipse, Evidence, Place
from sensors.protocol import Detection


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Detections sorted by onset and id, as picks in a plane: `rows` are the sites behind the sensor indexes.

    Times are seconds after `zero_us`.
    """

    plane: Plane
    zero_us: int
    rows: NDArray[np.intp]
    picks: PickSet
    detections: tuple[Detection, ...]


def neighbourhood(table: SiteTable, detections: Sequence[Detection]) -> Neighbourhood:
    """Picks of these detections (sorted, all of known sites, at least one) in a plane of their own."""
    rows = np.array([table.index[d.sensor] for d in detections], np.intp)
    unique, sensor = np.unique(rows, return_inverse=True)
    plane = Plane.at(float(np.mean(table.latitude[unique])), float(np.mean(table.longitude[unique])))
    x, y = plane.metres(table.latitude[unique], table.longitude[unique])
    zero = detections[0].onset
    picks = PickSet(
        x=x,
        y=y,
        z=table.height[unique],
        sensor=sensor.astype(np.intp),
        time=np.array([d.onset - zero for d in detections], float) * 1e-6,
        sigma=np.array([d.clock_sigma_us for d in detections], float) * 1e-6,
        weight=np.array([d.score for d in detections], float),
        level=np.array([max(d.peak_db or 0.0, 0.0) for d in detections], float),
    )
    return Neighbourhood(plane, zero, unique, picks, tuple(detections))


@dataclass(frozen=True, slots=True)
class Shot:
    """What banged, before it has an identity: the parts of an incident."""

    event: str
    onset_us: int
    end_us: int
    latitude: float
    longitude: float
    place: Place
    rounds: int | None
    evidence: tuple[Evidence, ...]
    arrivals: tuple[Arrival, ...]

    @property
    def detections(self) -> frozenset[object]:
        """Ids of the detections that it explains."""
        return frozenset(arrival.detection for arrival in self.arrivals)


def event_of(detections: Sequence[Detection]) -> str:
    """The class that these sensors speak of most, by sum of scores."""
    votes: dict[str, float] = {}
    for d in detections:
        votes[d.event] = votes.get(d.event, 0.0) + d.score
    return max(sorted(votes), key=lambda event: votes[event])


def located(hood: Neighbourhood, source: Source, table: SiteTable, air: Air, settings: FusionSettings) -> Shot:
    """A shot with a place and an ellipse."""
    picks = hood.picks
    used = [hood.detections[i] for i in source.picks]
    latitude, longitude = hood.plane.degrees(source.x, source.y)
    distance = np.hypot(picks.x - source.x, picks.y - source.y)[picks.sensor[source.picks]]
    rms = math.sqrt(float(np.mean(source.residuals**2)))
    place = Place(
        kind="ellipse", latitude=latitude, longitude=longitude, ellipse=ellipse_of(source.covariance),
        residual_ms=round(1e3 * rms, 3),
    )  # fmt: skip
    arrivals = tuple(
        Arrival(sensor=d.sensor, detection=d.id, onset_us=d.onset, distance_m=round(float(m), 2),
                residual_ms=round(1e3 * float(r), 3))
        for d, m, r in zip(used, distance, source.residuals, strict=True)
    )  # fmt: skip
    evidence = _heard(hood, source, used, table, air, settings, rms)
    return Shot(
        event=event_of(used),
        onset_us=hood.zero_us + round(float(source.emissions[0]) * 1e6),
        end_us=hood.zero_us + round(float(source.emissions[-1]) * 1e6),
        latitude=latitude,
        longitude=longitude,
        place=place,
        rounds=len(source.emissions),
        evidence=evidence,
        arrivals=arrivals,
    )


def _heard(
    hood: Neighbourhood, source: Source, used: list[Detection], table: SiteTable, air: Air, settings: FusionSettings,
    rms_s: float,
) -> tuple[Evidence, ...]:  # fmt: skip
    """Base rate, agreement, scores and silence."""
    ids = tuple(d.id for d in used)
    sensors = sorted({d.sensor for d in used})
    latitude, longitude = hood.plane.degrees(source.x, source.y)
    east, north = (float(v) for v in table.plane.metres(latitude, longitude))
    radius = max((float(v) for v in np.hypot(hood.picks.x - source.x, hood.picks.y - source.y)[
        source.sensors(hood.picks)]), default=0.0)  # fmt: skip
    rows = [r for r in table.near(east, north, radius) if table.microphone[r] and table.sites[r].capture_ok]
    level = _level_at_1m(hood, source, used)
    silent: list[Evidence] = []
    for row in rows:
        site = table.sites[row]
        if site.id in sensors:
            continue
        metres = float(math.hypot(table.east[row] - east, table.north[row] - north))
        missed = chance_of_hearing(level, metres, site.noise_db)
        silent.append(
            Evidence(
                kind="silence",
                log_odds=math.log(max(1.0 - missed, 0.05)),
                words="evidence_silence" if site.noise_db is None else "evidence_silence_noise",
                values={"sensor": site.id, "distance_m": round(metres), "noise_db": round(site.noise_db or 0.0)},
                sensor=site.id,
            )
        )
    best: dict[str, float] = {}
    for d in used:
        best[d.sensor] = max(best.get(d.sensor, 0.0), d.score)
    mean_score = sum(logit(score) for score in best.values()) / len(best)
    in_range = len(set(sensors) | {table.sites[r].id for r in rows})
    return (
        Evidence(kind="base_rate", log_odds=CALIBRATION.base_rate, words="evidence_base_rate"),
        Evidence(
            kind="agreement",
            log_odds=CALIBRATION.agreement(len(sensors)),
            words="evidence_agreement",
            values={"agreeing": len(sensors), "in_range": in_range, "residual_ms": round(1e3 * rms_s, 1)},
            detections=ids,
        ),
        Evidence(
            kind="sound",
            log_odds=CALIBRATION.sound(mean_score),
            words="evidence_sound",
            values={"score": round(1.0 / (1.0 + math.exp(-mean_score)), 2)},
            detections=ids,
        ),
        *capped(silent, CAP_SILENCE),
    )


def _level_at_1m(hood: Neighbourhood, source: Source, used: list[Detection]) -> float | None:
    """Peak level at 1 m that the sensors imply by spherical spreading, dB; the median; None where no level is told."""
    levels = []
    for i, d in zip(source.picks, used, strict=True):
        if d.peak_db is not None:
            j = hood.picks.sensor[i]
            metres = math.hypot(hood.picks.x[j] - source.x, hood.picks.y[j] - source.y)
            levels.append(d.peak_db + 20.0 * math.log10(max(metres, 1.0)))
    return float(np.median(levels)) if levels else None


def chance_of_hearing(level_1m_db: float | None, distance_m: float, noise_db: float | None) -> float:
    """Probability that a working microphone reports a bang of this level from this distance over its noise.

    A logistic in the margin of the expected peak over the noise: 50 % at 15 dB, 6 dB wide (obstruction varies by
    that much). Without a level a shot of 150 dB at 1 m is assumed; without a noise, 55 dB(A).
    """
    expected = (150.0 if level_1m_db is None else level_1m_db) - 20.0 * math.log10(max(distance_m, 1.0))
    margin = expected - 0.005 * distance_m - (55.0 if noise_db is None else noise_db)
    return 0.95 / (1.0 + math.exp(-(margin - CALIBRATION.hearing_margin_db) / CALIBRATION.hearing_width_db))


def unplaced(hood: Neighbourhood, strong: list[int], table: SiteTable, air: Air, settings: FusionSettings) -> Shot:
    """A shot heard by one or two microphones: a disc, or a strip; never a false point."""
    picks = hood.picks
    first = strong[0]
    one = picks.sensor[first]
    pair = next((i for i in strong if picks.sensor[i] != one), None)
    if pair is None:
        used = [first]
        east, north = float(picks.x[one]), float(picks.y[one])
        radius = settings.first_sensor_m
        place = Place(
            kind="disc", latitude=hood.plane.degrees(east, north)[0], longitude=hood.plane.degrees(east, north)[1],
            ellipse=Ellipse(semi_major_m=radius, semi_minor_m=radius, bearing_deg=0.0),
            outline=disc(hood.plane, east, north, radius),
        )  # fmt: skip
    else:
        used = [first, pair]
        other = picks.sensor[pair]
        late = float(picks.time[pair] - picks.time[first])
        base = math.hypot(picks.x[other] - picks.x[one], picks.y[other] - picks.y[one])
        sigma = math.sqrt(
            picks.sigma[first] ** 2 + picks.sigma[pair] ** 2 + 2 * settings.pick_sigma_s**2
            + (settings.speed_sigma * base / air.speed_mps) ** 2
        )  # fmt: skip
        outline, middle = strip(
            hood.plane, (float(picks.x[one]), float(picks.y[one])), (float(picks.x[other]), float(picks.y[other])),
            late * air.speed_mps, 1.96 * sigma * air.speed_mps, settings.first_sensor_m,
        )  # fmt: skip
        latitude, longitude = hood.plane.degrees(*middle)
        place = Place(kind="strip", latitude=latitude, longitude=longitude, outline=outline)
    detections = [hood.detections[i] for i in used]
    ids = tuple(d.id for d in detections)
    score = sum(logit(d.score) for d in detections) / len(detections)
    evidence = (
        Evidence(kind="base_rate", log_odds=CALIBRATION.base_rate, words="evidence_base_rate"),
        Evidence(
            kind="agreement", log_odds=CALIBRATION.agreement(len(used)),
            words="evidence_one_sensor" if pair is None else "evidence_two_sensors", detections=ids,
        ),
        Evidence(
            kind="sound", log_odds=CALIBRATION.sound(score), words="evidence_sound",
            values={"score": round(1.0 / (1.0 + math.exp(-score)), 2)}, detections=ids,
        ),
    )  # fmt: skip
    nearest = 0.0
    return Shot(
        event=event_of(detections), onset_us=detections[0].onset, end_us=detections[-1].onset,
        latitude=place.latitude, longitude=place.longitude, place=place, rounds=None, evidence=evidence,
        arrivals=tuple(
            Arrival(sensor=d.sensor, detection=d.id, onset_us=d.onset, distance_m=nearest, residual_ms=0.0)
            for d in detections
        ),
    )  # fmt: skip


def coincident(picks: PickSet, first: int, second: int, air: Air) -> bool:
    """True if two picks may be one sound: no farther apart in time than sound needs between the two sensors."""
    a, b = picks.sensor[first], picks.sensor[second]
    between = travel_times(picks.x[b] - picks.x[a], picks.y[b] - picks.y[a], picks.z[b] - picks.z[a], air)
    return bool(abs(picks.time[second] - picks.time[first]) <= float(between) + 0.01)
