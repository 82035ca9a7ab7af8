"""An incident that a person reports: a call, a patrol, what a colleague saw. Nothing measured it, and it says so.

It passes the same gate as a detection: no class that the profile does not list, nothing below the mode `signal`,
nothing that was stopped. It is open like any other, and only a person's later decision sends anybody.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from hub.incident import Ellipse, Evidence, Incident, Place
from hub.policy.gate import Gate, Refusal

TOLD: Final = "person"
"""The kind of its one piece of evidence: by this a report is known among incidents."""
PROBABILITY: Final = 0.5
"""Neither believed nor doubted: no sensor weighed it."""


def refusal_of(gate: Gate, event: str, now_us: int) -> Refusal | None:
    """Why an incident of this class may not be reported now; None where it may. A refusal is counted by the gate."""
    assessment = gate.assessment(now_us)
    refused = None
    if assessment.mode == "off":
        first = assessment.reasons[0]
        refused = Refusal(first.code, first.words, first.values)
    elif assessment.mode == "aggregate" or not assessment.classes:
        values = {"profile": gate.policy.profile, "event": event}
        refused = Refusal("LEGAL_CLASS_NOT_LISTED", "policy_no_events", values)
    elif event not in assessment.classes or event in assessment.suspended:
        values = {"profile": gate.policy.profile, "event": event}
        refused = Refusal("LEGAL_CLASS_NOT_LISTED", "policy_class_not_listed", values)
    if refused is not None:
        gate.refused[refused.code] += 1
    return refused


def reported(
    identifier: UUID,
    event: str,
    place: tuple[float, float],
    radius_m: float,
    happened_us: int,
    why: str,
    now_us: int,
    *,
    exercise: bool,
) -> Incident:
    """The incident as reported: within `radius_m` of (latitude, longitude), `why` in the reporter's words."""
    latitude, longitude = place
    return Incident(
        id=identifier,
        revision=1,
        event=event,
        onset_us=happened_us,
        end_us=happened_us,
        updated_us=now_us,
        place=Place("ellipse", latitude, longitude, Ellipse(radius_m, radius_m, 0.0)),
        probability=PROBABILITY,
        evidence=(Evidence(TOLD, 0.0, "evidence_person", {"why": why}),),
        exercise=exercise,
        settled=True,
    )
