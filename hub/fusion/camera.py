"""What a camera adds to something that was heard: people who run at that time, near that place."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hub.fusion.evidence import CAP_CAMERA, capped
from hub.fusion.geometry import distance_to_ring_m
from hub.fusion.settings import FusionSettings
from hub.fusion.sites import SiteTable
from hub.incident import Evidence, Site
from sensors.protocol import Detection

LIKELIHOOD = {"crowd_movement": 1.6, "person_down": 1.6, "intrusion": 0.3}
"""Log-odds of a sure detection right there and then, by class; others tell nothing of a shot."""


def seen_area(site: Site, zone: str | None) -> tuple[tuple[float, float], ...]:
    """The ground polygon that a detection speaks of: its zone, else the field of view, else nothing."""
    if zone is not None and len(site.zones.get(zone, ())) >= 3:
        return site.zones[zone]
    return site.field_of_view if len(site.field_of_view) >= 3 else ()


def distance_m(site: Site, d: Detection, latitude: float, longitude: float) -> float:
    """Metres from a place to what the camera spoke of; 0 inside its view."""
    area = seen_area(site, d.zone)
    if area:
        return distance_to_ring_m(area, latitude, longitude)
    return distance_to_ring_m(
        ((site.latitude, site.longitude), (site.latitude, site.longitude), (site.latitude, site.longitude)),
        latitude, longitude,
    )  # fmt: skip


def corroboration(
    seen: Iterable[Detection], latitude: float, longitude: float, blur_m: float, onset_us: int, exercise: bool,
    table: SiteTable, settings: FusionSettings,
) -> tuple[Evidence, ...]:  # fmt: skip
    """Terms of the cameras that saw something near this place and time: the best detection of each camera.

    `blur_m` is how unsure the place is. The closer in space and time and the surer the detection, the more it adds.
    """
    best: dict[str, Evidence] = {}
    for d in seen:
        weight = LIKELIHOOD.get(d.event)
        row = table.index.get(d.sensor)
        after_s = (d.onset - onset_us) * 1e-6
        if weight is None or row is None or d.exercise != exercise:
            continue
        if not -settings.camera_before_s <= after_s <= settings.camera_after_s:
            continue
        metres = max(distance_m(table.sites[row], d, latitude, longitude) - blur_m, 0.0)
        if metres > settings.camera_reach_m:
            continue
        near = 1.0 - metres / (2.0 * settings.camera_reach_m)
        soon = math.exp(-max(after_s, 0.0) / settings.camera_after_s) if after_s >= 0 else 0.5
        term = Evidence(
            kind="camera",
            log_odds=weight * near * soon * d.score,
            words=f"evidence_camera_{d.event}" if after_s >= 0 else f"evidence_camera_{d.event}_before",
            values={"sensor": d.sensor, "delay_s": round(abs(after_s), 1), "distance_m": round(metres)},
            sensor=d.sensor,
            detections=(d.id,),
        )
        if d.sensor not in best or term.log_odds > best[d.sensor].log_odds:
            best[d.sensor] = term
    return tuple(capped([best[sensor] for sensor in sorted(best)], CAP_CAMERA))
