"""From a source to what an incident says: place, arrivals and evidence of something that banged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub.fusion.air import Air, travel_times
from hub.fusion.context import Context
from hub.fusion.geometry import disc, ellipse_of, strip
from hub.fusion.hood import Neighbourhood
from hub.fusion.picks import PickSet, Source
from hub.fusion.reasons import agreement, base_rate, silence, sound
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.incident import Arrival, Ellipse, Evidence, Place
from sensors.protocol import Detection


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


def located(
    hood: Neighbourhood, source: Source, table: SiteTable, air: Air, settings: FusionSettings, context: Context
) -> Shot:
    """A shot with a place and an ellipse."""
    picks = hood.picks
    used = [hood.detections[i] for i in source.picks]
    latitude, longitude = hood.plane.degrees(source.x, source.y)
    distance = np.hypot(picks.x - source.x, picks.y - source.y)[picks.sensor[source.picks]]
    rms_ms = 1e3 * math.sqrt(float(np.mean(source.residuals**2)))
    other = None if source.alternative is None else hood.plane.degrees(*source.alternative)
    place = Place(
        kind="ellipse", latitude=latitude, longitude=longitude, ellipse=ellipse_of(source.covariance),
        alternative=other, residual_ms=round(rms_ms, 2),
    )  # fmt: skip
    arrivals = tuple(
        Arrival(
            sensor=d.sensor, detection=d.id, onset_us=d.onset, distance_m=round(float(m), 1),
            residual_ms=round(1e3 * float(r), 2),
        )
        for d, m, r in zip(used, distance, source.residuals, strict=True)
    )  # fmt: skip
    onset_us = hood.zero_us + round(float(source.emissions[0]) * 1e6)
    levels = _level_at_1m(picks, source)
    silent, in_range = silence((latitude, longitude), distance, {d.sensor for d in used}, levels, table)
    rounds = len(source.emissions)
    return Shot(
        event=event_of(used),
        onset_us=onset_us,
        end_us=hood.zero_us + round(float(source.emissions[-1]) * 1e6),
        latitude=latitude,
        longitude=longitude,
        place=place,
        rounds=rounds,
        evidence=(
            agreement(used, in_range, rms_ms),
            *((Evidence(kind="rounds", log_odds=0.0, words="evidence_rounds", values={"rounds": rounds}),)
              if rounds > 1 else ()),
            *_second_place(source),
            sound(used),
            *silent,
            base_rate(),
            *context.terms(latitude, longitude, onset_us),
        ),
        arrivals=arrivals,
    )  # fmt: skip


def _second_place(source: Source) -> tuple[Evidence, ...]:
    """Says how far away the second place is, where there is one."""
    if source.alternative is None:
        return ()
    metres = math.hypot(source.alternative[0] - source.x, source.alternative[1] - source.y)
    values: dict[str, str | float | int] = {"distance_m": round(metres)}
    return (Evidence(kind="alternative", log_odds=0.0, words="evidence_alternative", values=values),)


def _level_at_1m(picks: PickSet, source: Source) -> float | None:
    """Peak level at 1 m that the sensors imply by spherical spreading, dB: the median; None where none is told."""
    level = picks.level[source.picks]
    who = picks.sensor[source.picks]
    metres = np.maximum(np.hypot(picks.x[who] - source.x, picks.y[who] - source.y), 1.0)
    told = level > 0.0
    return float(np.median((level + 20.0 * np.log10(metres))[told])) if told.any() else None


def unplaced(
    hood: Neighbourhood, strong: Sequence[int], table: SiteTable, air: Air, settings: FusionSettings, context: Context
) -> Shot:
    """A shot heard by too few microphones for a point: a disc, or a strip; never a false point.

    `strong` are the picks whose classifier is sure, in time; the first of them is taken, with the first of another
    sensor that may be the same sound.
    """
    picks = hood.picks
    first = strong[0]
    pair = next((i for i in strong[1:] if _coincident(picks, first, i, air)), None)
    if pair is None:
        used = [first]
        place = _disc(hood, int(picks.sensor[first]), settings)
    else:
        used = [first, pair]
        place = _strip(hood, first, pair, air, settings)
    detections = [hood.detections[i] for i in used]
    reach = np.array([settings.first_sensor_m / 2.0])
    at = (place.latitude, place.longitude)
    silent, in_range = silence(at, reach, {d.sensor for d in detections}, None, table)
    return Shot(
        event=event_of(detections), onset_us=detections[0].onset, end_us=detections[-1].onset,
        latitude=place.latitude, longitude=place.longitude, place=place, rounds=None,
        evidence=(
            agreement(detections, in_range, 0.0), sound(detections), *silent,
            base_rate(), *context.terms(*at, detections[0].onset),
        ),
        arrivals=tuple(
            Arrival(sensor=d.sensor, detection=d.id, onset_us=d.onset, distance_m=0.0, residual_ms=0.0)
            for d in detections
        ),
    )  # fmt: skip


def _disc(hood: Neighbourhood, sensor: int, settings: FusionSettings) -> Place:
    east, north, radius = float(hood.picks.x[sensor]), float(hood.picks.y[sensor]), settings.first_sensor_m
    latitude, longitude = hood.plane.degrees(east, north)
    return Place(
        kind="disc", latitude=latitude, longitude=longitude,
        ellipse=Ellipse(semi_major_m=radius, semi_minor_m=radius, bearing_deg=0.0),
        outline=disc(hood.plane, east, north, radius),
    )  # fmt: skip


def _strip(hood: Neighbourhood, first: int, second: int, air: Air, settings: FusionSettings) -> Place:
    picks = hood.picks
    one, other = picks.sensor[first], picks.sensor[second]
    base = math.hypot(picks.x[other] - picks.x[one], picks.y[other] - picks.y[one])
    sigma_s = math.sqrt(
        picks.sigma[first] ** 2 + picks.sigma[second] ** 2
        + 2.0 * (settings.pick_sigma_s**2 + settings.path_sigma_s**2)
        + 2.0 * (settings.site_sigma_m / air.speed_mps) ** 2
        + (settings.speed_sigma * base / air.speed_mps) ** 2
    )  # fmt: skip
    outline, middle = strip(
        hood.plane, (float(picks.x[one]), float(picks.y[one])), (float(picks.x[other]), float(picks.y[other])),
        float(picks.time[second] - picks.time[first]) * air.speed_mps, 1.96 * sigma_s * air.speed_mps,
        settings.first_sensor_m,
    )  # fmt: skip
    latitude, longitude = hood.plane.degrees(*middle)
    return Place(kind="strip", latitude=latitude, longitude=longitude, outline=outline)


def _coincident(picks: PickSet, first: int, second: int, air: Air) -> bool:
    """True if picks of two places may be one sound: no farther apart in time than sound needs between them."""
    a, b = picks.sensor[first], picks.sensor[second]
    metres = math.hypot(picks.x[b] - picks.x[a], picks.y[b] - picks.y[a])
    lag = abs(float(picks.time[second] - picks.time[first]))
    return metres > 5.0 and lag <= metres / air.speed_mps + 0.01


def clock_terms(shot: Shot, unsure: Sequence[Detection], table: SiteTable, air: Air) -> tuple[Evidence, ...]:
    """Sensors left out for their clocks that seem to have heard it too: said, and not counted."""
    told: dict[str, Evidence] = {}
    east, north = table.plane.metres(shot.latitude, shot.longitude)
    for d in unsure:
        row = table.index.get(d.sensor)
        if row is None or d.sensor in told:
            continue
        travel = travel_times(table.east[row] - east, table.north[row] - north, 0.0, air)
        late_us = d.onset - shot.onset_us - float(travel) * 1e6
        if -3.0 * d.clock_sigma_us <= late_us <= 3.0 * d.clock_sigma_us + shot.end_us - shot.onset_us:
            told[d.sensor] = Evidence(
                kind="clock", log_odds=0.0, words="evidence_clock",
                values={"sensor": d.sensor, "sigma_ms": round(d.clock_sigma_us / 1e3)}, sensor=d.sensor,
                detections=(d.id,),
            )  # fmt: skip
    return tuple(told[sensor] for sensor in sorted(told))
