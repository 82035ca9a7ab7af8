"""Reading incidents for a stated reason: who does not work with them says why, and the audit log keeps it (rule G-06).

It holds for one incident, for a list, for the map's GeoJSON and for the live stream alike, so that no view is a way
around it. One incident is kept each time it is read; a list or a stream is one consultation for `SAME_VIEW_US`, as a
page that is open asks for its lists again whenever its connection comes back.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hub.access.guard import PERSON, PROGRAM, now_us
from hub.api.language import language_of
from hub.keys import AUDIT
from hub.policy.audit import Record
from hub.problem import Problem
from hub.words import say

OPERATIONAL: Final = frozenset({"operator", "supervisor"})
"""Roles whose work the incidents are; every other reader, person or program, gives a reason."""
REASONS: Final = ("audit", "complaint", "data_subject_request", "incident_review", "maintenance", "judicial")
"""The closed list of article 25 of directive 2016/680: a consultation has a reason that can be counted."""
SAME_VIEW_US: Final = 600_000_000
MOST_REMEMBERED: Final = 10_000

_VIEWS: Final[web.AppKey[dict[tuple[str, str, str], int]]] = web.AppKey("views_told")


async def tell_read(request: web.Request, subject: str, *, view: bool = False) -> None:
    """Let a reader on with his reason in the audit log; `view` says that the same one may be asked for again.

    Raises Problem 400 `LEGAL_READ_WITHOUT_REASON`, with the reasons to choose from, where none of them is given.
    """
    person, at_us = request[PERSON], now_us()
    if person is not None and person.role in OPERATIONAL:
        return
    reason = request.query.get("reason", "")
    if reason not in REASONS:
        said = say("policy_read_without_reason", {"reasons": ", ".join(REASONS)}, language_of(request))
        raise Problem(400, "LEGAL_READ_WITHOUT_REASON", said, reasons=list(REASONS))
    audit = request.app[AUDIT]
    role = "program" if person is None else person.role
    actor = f"program {request.get(PROGRAM, '')}" if person is None else audit.pseudonym(person.name)
    told, key = request.app[_VIEWS], (actor, subject, reason)
    if view and at_us - told.get(key, 0) < SAME_VIEW_US:
        return
    await audit.append(Record(at_us, "read", actor, subject, reason, {"role": role}))
    if view:
        if len(told) >= MOST_REMEMBERED:
            told.clear()
        told[key] = at_us


def add(app: web.Application) -> None:
    """Remember on `app` which views were told lately."""
    app[_VIEWS] = {}
