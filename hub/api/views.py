"""An incident as a person or a machine reads it: the values, and the sentences in the reader's language."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hub.fusion.plane import Plane
from hub.incident import Incident, Place, Site
from hub.store import StoredIncident
from hub.words import Language, say
from sensors.protocol import SOUND_EVENTS

_PROBABILITY_WORDS: Final = (
    (0.90, "probability_very_likely"),
    (0.66, "probability_likely"),
    (0.33, "probability_possible"),
    (0.10, "probability_unlikely"),
    (0.00, "probability_very_unlikely"),
)
"""The likelihood scale of the IPCC (AR5 guidance note, table 1), with "about as likely as not" said as "possible"."""


_EXPLAINED: Final = (
    "agreement", "video", "camera", "person", "silence", "rounds", "alternative", "place", "context", "clock",
    "withdrawn", "second_look",
)  # fmt: skip
"""Kinds of evidence that the explanation tells, in its order."""
_SILENT: Final = 2
"""Silent sensors that the explanation names, the nearest ones; the list tells all."""
_LOUDEST: Final = 2
"""Sensors that it names where nothing but each one's own ear speaks: those that say most."""


def probability_word(probability: float, language: Language) -> str:
    """The word of a probability."""
    key = next(key for floor, key in _PROBABILITY_WORDS if probability >= floor)
    return say(key, {}, language)


def _from_nearest(place: Place, sites: Iterable[Site]) -> tuple[str, float, float] | None:
    """(name, distance in metres, bearing in degrees) from the nearest sensor to the place; None without sensors."""
    best: tuple[str, float, float] | None = None
    plane = Plane.at(place.latitude, place.longitude)
    for site in sites:
        east, north = (-float(metres) for metres in plane.metres(site.latitude, site.longitude))
        distance = math.hypot(east, north)
        if best is None or distance < best[1]:
            best = (site.id, distance, math.degrees(math.atan2(east, north)) % 360.0)
    return best


def own_sites(event: str, sites: Iterable[Site]) -> list[Site]:
    """The sensors that a place may be told from: a sound's from microphones, so that no sound names a camera."""
    kind = "microphone" if event in SOUND_EVENTS else "camera"
    return [site for site in sites if site.kind == kind]


def place_words(place: Place, sites: Iterable[Site], language: Language) -> str:
    """The place as one would say it over the radio: from the nearest sensor, with the error."""
    nearest = _from_nearest(place, sites)
    if nearest is None:
        return say("place_unknown", {}, language)
    sensor, distance_m, bearing_deg = nearest
    if place.kind != "ellipse":
        return say(f"place_{place.kind}", {"sensor": sensor}, language)
    error_m = max(1, round(place.ellipse.semi_major_m)) if place.ellipse else 0
    if distance_m < 15.0:
        return say("place_at_sensor", {"sensor": sensor, "error_m": error_m}, language)
    direction = say(f"direction_{round(bearing_deg / 45.0) % 8}", {}, language)
    values = {"sensor": sensor, "distance_m": round(distance_m), "direction": direction, "error_m": error_m}
    return say("place_ellipse", values, language)


def event_name(event: str, language: Language) -> str:
    """The class's name for people."""
    return say(f"event_{event}", {}, language)


def percent(probability: float) -> int:
    """Whole per cent, never 0 or 100: nothing here is certain."""
    return min(99, max(1, round(probability * 100)))


def summary(incident: Incident, where: str, language: Language) -> str:
    """One line: what, how many rounds, where, how sure."""
    parts = [event_name(incident.event, language)]
    if incident.rounds:
        key = "summary_rounds_one" if incident.rounds == 1 else "summary_rounds_many"
        parts.append(say(key, {"rounds": incident.rounds}, language))
    parts.append(where)
    word = probability_word(incident.probability, language)
    parts.append(f"{word}, {say('summary_percent', {'percent': percent(incident.probability)}, language)}")
    if incident.late:
        parts.append(say("summary_late", {}, language))
    line = " · ".join(parts)
    return f"{say('summary_exercise', {}, language)} · {line}" if incident.exercise else line


def explanation(incident: Incident, language: Language) -> str:
    """Why it is believed, in one sentence: who heard it, who saw it, who did not hear it, rounds, how sure."""
    order = {kind: rank for rank, kind in enumerate(_EXPLAINED)}
    told = [piece for piece in incident.evidence if piece.kind in order]
    silent = [piece for piece in told if piece.kind == "silence"][_SILENT:]
    told = sorted((p for p in told if p not in silent), key=lambda piece: order[piece.kind])
    if not told:
        told = sorted((p for p in incident.evidence if p.kind == "sound"), key=lambda p: -p.log_odds)[:_LOUDEST]
    parts = [say(piece.words, piece.values, language).rstrip(".").replace(". ", "; ") for piece in told]
    parts = [part if at == 0 else part[:1].lower() + part[1:] for at, part in enumerate(parts)]
    return "; ".join([*parts, say("summary_percent", {"percent": percent(incident.probability)}, language)]) + "."


def incident_view(stored: StoredIncident, sites: Mapping[str, Site], language: Language) -> dict[str, Any]:
    """The incident as the interface gives it."""
    incident = stored.incident
    where = place_words(incident.place, own_sites(incident.event, sites.values()), language)
    view: dict[str, Any] = msgspec.to_builtins(incident)
    view["place"]["words"] = where
    view["event_name"] = event_name(incident.event, language)
    view["probability_word"] = probability_word(incident.probability, language)
    view["summary"] = summary(incident, where, language)
    view["explanation"] = explanation(incident, language)
    view["sentences"] = [
        {
            "text": say(piece.words, piece.values, language),
            "log_odds": piece.log_odds,
            "kind": piece.kind,
            "sensor": piece.sensor,
        }
        for piece in incident.evidence
    ]
    view["state"] = stored.state
    view["created_us"] = stored.created_us
    view["decided_us"] = stored.decided_us
    view["decided_by"] = stored.decided_by
    view["decisions"] = msgspec.to_builtins(stored.decisions)
    view["deliveries"] = msgspec.to_builtins(stored.deliveries)
    return view
