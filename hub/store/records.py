"""The values that the store takes and gives: decisions, stored incidents, changes, deliveries; and how it refuses."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from hub.incident import Incident, State

Action = Literal["acknowledge", "confirm", "reject", "unsure", "close"]

STATE_OF: Final[dict[Action, State]] = {
    "acknowledge": "acknowledged",
    "confirm": "confirmed",
    "reject": "rejected",
    "unsure": "unsure",
    "close": "closed",
}
"""The state that each act of a person leads to."""

OutcomeWord = Literal["real", "not_real", "unknown"]
ChangeKind = Literal["incident", "decision", "delivery", "outcome", "expired", "escalated"]
MessageKind = Literal["dispatch", "update", "cancel", "test", "escalation"]
OutboxState = Literal["pending", "delivered", "dead", "superseded"]


class Decision(Struct, frozen=True, forbid_unknown_fields=True):
    """What one person decides about one incident at the revision that the person was looking at."""

    person: str
    action: Action
    reason: str
    at_us: int
    revision: int


class Delivery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One attempt to deliver one message: what was sent (never the secret), what came back, how long it took.

    `status` is None where no answer came; `error` is a stable word (`timeout`, `connect`, `tls`, ...).
    """

    message_id: str
    incident: UUID | None
    endpoint: str
    kind: MessageKind
    attempt: int
    at_us: int
    status: int | None
    ok: bool
    latency_ms: float
    error: str | None = None
    request: dict[str, str] = {}
    answer: str = ""


class Outcome(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What dispatch found on the spot; `minutes` is the time its people spent, `reference` its own file number."""

    incident: UUID
    endpoint: str
    message_id: str
    outcome: OutcomeWord
    minutes: float | None
    reference: str
    at_us: int


class StoredIncident(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An incident with what people did about it."""

    incident: Incident
    state: State
    created_us: int
    changed_us: int
    decided_us: int | None = None
    decided_by: str | None = None
    escalated: int = 0
    """How many times it was called out again because nobody looked at it."""
    decisions: tuple[Decision, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that happened, numbered without gaps in the order of commits; a reader resumes after `sequence`.

    `id` is the incident, `reference` the revision or the row that the change is about.
    """

    sequence: int
    kind: ChangeKind
    id: str
    reference: int
    at_us: int


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier message that an update or a cancel follows."""

    message_id: str
    sent_us: int


class Called(Struct, frozen=True, forbid_unknown_fields=True):
    """One person on duty whom an escalation calls, until when the duty lasts."""

    person: str
    level: int
    until_us: int


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """The `number`-th call of `most` to an incident that waits since `since_us`; `on_duty` may be empty."""

    number: int
    most: int
    since_us: int
    on_duty: tuple[Called, ...] = ()


class Notice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one message says, whatever its format. It is kept as it was when it was made, so that a retry is the same.

    It names no person but those on duty whom an escalation calls: dispatch needs to know that a human confirmed, not
    who; the hub's records have the name.
    """

    kind: MessageKind
    message_id: str
    incident: Incident | None
    """None in a test message only."""
    confirmed_us: int
    sent_us: int
    reason: str = ""
    references: tuple[Reference, ...] = ()
    call: Call | None = None
    """Of an escalation only."""


class OutboxRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One message on its way to one endpoint."""

    sequence: int
    endpoint: str
    state: OutboxState
    attempts: int
    created_us: int
    due_us: int
    notice: Notice
    error: str | None = None


class UnknownIncident(KeyError):
    """There is no incident with this id."""

    code = "unknown_incident"

    def __init__(self, incident: UUID) -> None:
        super().__init__(f"there is no incident {incident}")
        self.incident = incident


class TransitionRefused(Exception):
    """The life-cycle does not allow this act now; nothing was changed."""

    code = "transition_refused"

    def __init__(self, incident: UUID, state: State, action: Action, why: str = "") -> None:
        super().__init__(why or f"incident {incident} is {state}: it cannot be {STATE_OF[action]} any more")
        self.incident = incident
        self.state = state
        self.action = action


class SecondPersonNeeded(TransitionRefused):
    """The same person confirmed twice where two are asked for."""

    code = "second_person_needed"


class StaleRevision(Exception):
    """The incident changed in substance after the revision that the person was looking at; look again, then decide."""

    code = "stale_revision"

    def __init__(self, incident: UUID, seen: int, current: int) -> None:
        super().__init__(f"incident {incident} is at revision {current}, and {seen} looked different; look again")
        self.incident = incident
        self.seen = seen
        self.current = current
