"""One line for a handler to keep in the audit log who changed an account, a sensor or a setting, and why."""

from __future__ import annotations

from aiohttp import web

from hub.access.guard import PERSON, now_us
from hub.keys import AUDIT
from hub.policy.audit import Kind, Record


async def trace(
    request: web.Request, kind: Kind, subject: str, reason: str, /, **values: str | int | float | bool
) -> None:
    """Keep that the person of this request did it; before anybody can sign in it is the terminal's owner."""
    audit = request.app[AUDIT]
    person = request.get(PERSON)
    actor = "setup" if person is None else audit.pseudonym(person.name)
    await audit.append(Record(now_us(), kind, actor, subject, reason, values))
