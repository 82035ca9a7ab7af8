"""The rules, each with its code: what a deployment states is measured against its profile at one moment.

A rule is a pure function from the statement and the clock to reasons; every reason here holds the mode at `off`,
that of its sensor or of everything (those that lower it less are in `hub.policy.standing`). The sentences are in
`hub/words/policy.toml`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct

from hub.policy.basis import Operator, PolicyConfig, field_at
from hub.policy.profiles import (
    AUDIT_DAYS,
    DECREE_CLASSES,
    EXPERIMENT_END,
    MIN_BIN_MINUTES,
    ORDER_MAX_DAYS,
    PROFILES,
    PROTECTED_PLACES,
    VIDEO_DAYS_MAX,
    Mode,
)
from hub.policy.redlines import crossed
from hub.polygon import inside
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS, Heartbeat


class Reason(Struct, frozen=True):
    """Why the mode is not higher: a stable code, the sentence's key with its values, the sensor where it is one's.

    `lowers_to` is the highest mode that is left; `event` is the one class that it is about, where it is one.
    """

    code: str
    words: str
    values: dict[str, str]
    sensor: str | None = None
    lowers_to: Mode = "off"
    event: str | None = None


PLACEHOLDERS: Final = frozenset(
    {"", "todo", "xxx", "xx", "n/a", "na", "none", "tbd", "tba", "-", "--", "?", "...", "fixme", "à compléter", "null"}
)


def is_filled(value: object) -> bool:
    """False for an empty field and for what stands for one (`TODO`, `n/a`, `xxx`, an example address)."""
    if isinstance(value, str):
        plain = value.strip().lower()
        return plain not in PLACEHOLDERS and not any(sign in plain for sign in ("example.org", "example.com"))
    if isinstance(value, tuple):
        return bool(value) and all(is_filled(part) for part in value if isinstance(part, str))
    return value is not None


def moment(text: str, zone: dt.tzinfo | None, *, end: bool = False) -> dt.datetime | None:
    """A date or time (ISO 8601), in `zone` where it names none; a bare date as an `end` is the whole day; else None.

    An order that ends on the tenth ends at midnight where it was signed, not at midnight in Greenwich.
    """
    plain = text.strip()
    try:
        parsed = dt.datetime.fromisoformat(plain)
    except ValueError:
        return None
    if len(plain) == 10 and end:
        parsed += dt.timedelta(days=1)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone or dt.UTC)


Rule = Callable[[PolicyConfig, dt.datetime], Iterable[Reason]]


def required_fields(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """G-01, G-02: each field that the profile needs is filled, and a placeholder is an empty field."""
    for path in PROFILES[policy.profile].required:
        value = field_at(policy, path)
        if not is_filled(value):
            placeholder = isinstance(value, str) and value.strip() != ""
            code = "LEGAL_FIELD_PLACEHOLDER" if placeholder else "LEGAL_FIELD_MISSING"
            yield Reason(f"{code}:{path}", "policy_field_missing", {"field": f"policy.{path}"})


_SEVERAL: Final = re.compile(r"[,;/+&|\n]")
"""What a list of purposes is written with; an "and" inside a sentence makes no second one."""


def one_purpose(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """V-09: one purpose; a second one is another deployment, with its own assessment and register."""
    if policy.profile != "lab" and _SEVERAL.search(policy.purpose):
        yield Reason("LEGAL_PURPOSE_SECOND", "policy_purpose_second", {"purpose": policy.purpose})


def council(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """O-11: the council renews each year, or the deployment closes by itself."""
    if policy.profile == "lab" or not is_filled(policy.council.renewed_on):
        return  # the missing field has its own reason
    renewed = moment(policy.council.renewed_on, now.tzinfo)
    if renewed is None:
        values = {"field": "policy.council.renewed_on"}
        yield Reason("LEGAL_FIELD_PLACEHOLDER:council.renewed_on", "policy_date_invalid", values)
    elif not renewed <= now < a_year_after(renewed):
        yield Reason("LEGAL_COUNCIL_SUNSET", "policy_council_sunset", {"date": policy.council.renewed_on})


def a_year_after(day: dt.datetime) -> dt.datetime:
    """The same day of the next year; 28 February after a leap day."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def red_lines(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """E-01: a function or a class behind a red line is refused with the line's number, in every profile."""
    asked = [*policy.requests, *(name for facts in policy.sensors for name in facts.classes)]
    for name, line in crossed(name for name in asked if name not in SOUND_EVENTS | VIDEO_EVENTS):
        yield Reason(f"LEGAL_REDLINE:{line.number}", line.words, {"asked": name})
    for facts in policy.sensors:
        if facts.place == "school" and policy.profile not in {"noise-levels", "lab"}:
            yield Reason("LEGAL_REDLINE:14", "redline_14", {"asked": facts.id}, facts.id)
        if facts.place in PROTECTED_PLACES and set(facts.classes) - {"fire"}:
            yield Reason("LEGAL_REDLINE:13", "redline_13", {"asked": facts.id}, facts.id)
        if facts.movable or facts.place == "dwelling":
            yield Reason("LEGAL_REDLINE:11", "redline_11", {"asked": facts.id}, facts.id)


def sound(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """A-01, A-04, J-02: sound in the public street needs a basis that names it; sound never steers a camera."""
    covers = set(policy.basis.covers) if policy.profile == "authorised" else set()
    for facts in policy.sensors:
        listens = facts.kind == "microphone" and policy.profile != "noise-levels"
        if listens and policy.profile == "fr-2023-380":
            yield Reason("LEGAL_MODALITY", "policy_modality_sound", {"profile": policy.profile}, facts.id)
        elif listens and policy.profile != "lab" and "audio" not in covers:
            yield Reason("LEGAL_AUDIO_PUBLIC_NO_LAW", "policy_audio_no_law", {"sensor": facts.id}, facts.id)
        if facts.turns_camera and policy.profile != "lab" and "coupling" not in covers:
            values = {"sensor": facts.id, "camera": facts.turns_camera}
            yield Reason("LEGAL_AUDIO_VIDEO_COUPLING", "policy_coupling", values, facts.id)


def classes(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """J-01, V-03: a class is in the profile's closed list, and in the basis where that names classes."""
    ceiling = PROFILES[policy.profile]
    allowed = set(ceiling.classes)
    if policy.profile == "fr-2023-380":
        allowed |= DECREE_CLASSES
    if policy.profile == "authorised" and policy.basis.classes:
        allowed &= set(policy.basis.classes)
    for facts in policy.sensors:
        for name in facts.classes:
            if name not in allowed and not crossed([name]):
                values = {"event": name, "profile": policy.profile}
                yield Reason("LEGAL_CLASS_NOT_LISTED", "policy_class_not_listed", values, facts.id)


def _interval(start: str, end: str, where: str, now: dt.datetime) -> Iterator[Reason]:
    if not (is_filled(start) and is_filled(end)):
        return  # the missing field has its own reason
    first, last = moment(start, now.tzinfo), moment(end, now.tzinfo, end=True)
    if first is None or last is None:
        name = f"{where}start" if first is None else f"{where}end"
        yield Reason(f"LEGAL_FIELD_PLACEHOLDER:{name}", "policy_date_invalid", {"field": f"policy.{name}"})
    elif not first <= now < last:
        yield Reason("LEGAL_ORDER_EXPIRED", "policy_outside_dates", {"start": start, "end": end})


def dates(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """J-03, J-04, G-01: every basis has its days; when they are over the profile closes by itself."""
    if policy.profile == "lab":
        yield from _interval(policy.start, policy.end, "", now)
    if policy.profile == "authorised":
        yield from _interval(policy.basis.start, policy.basis.end, "basis.", now)
    if policy.profile == "fr-2023-380":
        yield from _interval(policy.order.start, policy.order.end, "order.", now)
        yield from _order_length(policy)
        yield from _experiment(policy, now)
    if policy.profile != "lab" and is_filled(policy.dpia.review_due):
        due = moment(policy.dpia.review_due, now.tzinfo, end=True)
        if due is None:
            values = {"field": "policy.dpia.review_due"}
            yield Reason("LEGAL_FIELD_PLACEHOLDER:dpia.review_due", "policy_date_invalid", values)
        elif now >= due:
            yield Reason("LEGAL_DPIA_STALE", "policy_dpia_review", {"date": policy.dpia.review_due})


def _order_length(policy: PolicyConfig) -> Iterator[Reason]:
    first, last = moment(policy.order.start, dt.UTC), moment(policy.order.end, dt.UTC, end=True)
    if first is not None and last is not None and last - first > dt.timedelta(days=ORDER_MAX_DAYS):
        days = str((last - first).days)
        yield Reason("LEGAL_ORDER_TOO_LONG", "policy_order_too_long", {"days": days, "most": str(ORDER_MAX_DAYS)})


def _experiment(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    end = EXPERIMENT_END
    later = moment(policy.experiment_end, now.tzinfo)
    if later is not None and is_filled(policy.experiment_reference):
        end = later.date()
    if now.date() > end:
        yield Reason("LEGAL_EXPERIMENT_ENDED", "policy_experiment_ended", {"date": end.isoformat()})


def sensors(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """J-08, J-15, G-05: each sensor has its notice, masks reviewed, calibration, and stands inside the perimeter."""
    codes = {"notice": "LEGAL_NO_NOTICE", "mask_review": "LEGAL_NO_MASK_REVIEW", "calibration": "LEGAL_NO_CALIBRATION"}
    perimeter = {"fr-2023-380": policy.order.perimeter, "authorised": policy.basis.perimeter}.get(policy.profile, ())
    for facts in policy.sensors:
        for name in PROFILES[policy.profile].sensor_required:
            if not is_filled(getattr(facts, name)):
                yield Reason(codes[name], f"policy_no_{name}", {"sensor": facts.id}, facts.id)
        if policy.profile == "noise-levels" and is_filled(facts.notice) and "micro" not in facts.notice.lower():
            yield Reason("LEGAL_NO_NOTICE", "policy_notice_microphone", {"sensor": facts.id}, facts.id)
        placed = facts.latitude is not None and facts.longitude is not None and len(perimeter) >= 3
        if placed and not inside((facts.latitude or 0.0, facts.longitude or 0.0), perimeter):
            yield Reason("LEGAL_OUT_OF_PERIMETER", "policy_out_of_perimeter", {"sensor": facts.id}, facts.id)


def out_of_place(policy: PolicyConfig, sensor: str, heartbeat: Heartbeat | None) -> Reason | None:
    """J-08, sensor state: the masks of a camera that was moved are no longer those reviewed; None where all is well.

    It is measured message by message and not by the lease: a camera that may not look can't tell that it is back.
    """
    if heartbeat is None or heartbeat.capture_reason != "moved":
        return None
    if "mask_review" not in PROFILES[policy.profile].sensor_required:
        return None
    return Reason("LEGAL_NO_MASK_REVIEW", "policy_camera_moved", {"sensor": sensor}, sensor)


def kept(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """G-03, E-02, V-02: retention under the caps, bins of 20 minutes at least."""
    least, most = AUDIT_DAYS
    if not least <= policy.retention.audit_days <= most:
        values = {"kind": "audit_days", "least": str(least), "most": str(most)}
        yield Reason("LEGAL_RETENTION_OVER_CAP", "policy_retention", values)
    if policy.retention.video_days > VIDEO_DAYS_MAX:
        values = {"kind": "video_days", "least": "0", "most": str(VIDEO_DAYS_MAX)}
        yield Reason("LEGAL_RETENTION_OVER_CAP", "policy_retention", values)
    if policy.bin_minutes < MIN_BIN_MINUTES:
        yield Reason("LEGAL_STATS_REALTIME", "policy_bins", {"least": str(MIN_BIN_MINUTES)})
    if policy.hosting_region.strip().upper() not in {"EU", "EEA", "UE", "EEE"}:
        yield Reason("LEGAL_REGION", "policy_region", {"region": policy.hosting_region})


def designated(operator: Operator, now: dt.datetime) -> bool:
    """True while the designation of a person runs: named, of a service, trained by `now`, not over."""
    named = all(is_filled(text) for text in (operator.name, operator.service))
    trained = moment(operator.trained_on, now.tzinfo)
    until = moment(operator.until, now.tzinfo, end=True)
    return named and trained is not None and until is not None and trained <= now < until


def operators(policy: PolicyConfig, now: dt.datetime) -> Iterator[Reason]:
    """G-07, J-09: people who decide are designated and trained, and their designation runs."""
    if policy.profile != "fr-2023-380" or not policy.operators:
        return
    if not any(designated(operator, now) for operator in policy.operators):
        yield Reason("LEGAL_NOT_HABILITATED", "policy_nobody_habilitated", {})


def may_confirm(policy: PolicyConfig, person: str, now: dt.datetime) -> Reason | None:
    """Why `person` may not confirm now; None where she may. Only `fr-2023-380` asks for a designation by name."""
    if policy.profile != "fr-2023-380":
        return None
    if any(operator.name == person and designated(operator, now) for operator in policy.operators):
        return None
    return Reason("LEGAL_NOT_HABILITATED", "policy_not_habilitated", {"person": person})


RULES: Final[tuple[Rule, ...]] = (
    red_lines,
    sound,
    classes,
    required_fields,
    one_purpose,
    dates,
    council,
    sensors,
    kept,
    operators,
)
