"""The mode that the hub runs in: computed from the profile, the filled fields and the clock, never typed."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from msgspec import Struct

from hub.config import PolicyConfig, Profile

Mode = Literal["off", "aggregate", "signal", "dispatch"]
MODES: Final[tuple[Mode, ...]] = ("off", "aggregate", "signal", "dispatch")

HIGHEST: Final[dict[Profile, Mode]] = {
    "statistics-only": "aggregate",
    "noise-levels": "aggregate",
    "fr-2023-380": "dispatch",
    "authorised": "dispatch",
    "lab": "dispatch",
}
PLACEHOLDERS: Final = frozenset({"", "todo", "xxx", "n/a", "na", "none", "tbd", "-", "?", "...", "à compléter"})


class Reason(Struct, frozen=True):
    """Why the mode is not higher: a stable code and the sentence's key with its values."""

    code: str
    words: str
    values: dict[str, str]


def is_filled(text: str) -> bool:
    """False for an empty field and for what stands for one (`TODO`, `n/a`, `xxx`, an example address)."""
    plain = text.strip().lower()
    return plain not in PLACEHOLDERS and "example.org" not in plain and "example.com" not in plain


def _date(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def mode_of(policy: PolicyConfig, now: dt.datetime) -> tuple[Mode, tuple[Reason, ...]]:
    """The effective mode at `now` and what holds it down."""
    reasons: list[Reason] = []
    if policy.profile == "lab":
        reasons += _lab_reasons(policy, now)
    elif policy.profile in {"fr-2023-380", "authorised"}:
        reasons.append(Reason("LEGAL_FIELD_MISSING:policy.basis", "policy_basis_missing", {"profile": policy.profile}))
    return ("off" if reasons else HIGHEST[policy.profile]), tuple(reasons)


def _lab_reasons(policy: PolicyConfig, now: dt.datetime) -> list[Reason]:
    """A laboratory has somebody who answers for it, a first day and a last one."""
    reasons = []
    for name in ("responsible_person", "start", "end"):
        if not is_filled(getattr(policy, name)):
            code = f"LEGAL_FIELD_MISSING:policy.{name}"
            reasons.append(Reason(code, "policy_field_missing", {"field": f"policy.{name}"}))
    if reasons:
        return reasons
    start, end = _date(policy.start), _date(policy.end)
    if start is None or end is None:
        return [Reason("LEGAL_FIELD_PLACEHOLDER:policy.start", "policy_date_invalid", {})]
    if not start <= now <= end:
        return [Reason("LEGAL_ORDER_EXPIRED", "policy_outside_dates", {"start": policy.start, "end": policy.end})]
    return []
