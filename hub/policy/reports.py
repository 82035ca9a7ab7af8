"""Reports of a week (to the prefect) and of a year (to the council), from the same counters as the register."""

from __future__ import annotations

from typing import Final, Literal

from hub.policy import register as told
from hub.policy.page import Block, Document, Grid, Section, Text
from hub.policy.telling import Teller

Span = Literal["week", "year"]
DAYS: Final[dict[Span, int]] = {"week": 7, "year": 365}


def report(teller: Teller, span: Span) -> Document:
    """Both kinds of error stand in it, whatever they are: false alarms and missed events."""
    w, facts = teller.w, teller.facts
    since = facts.now_us - DAYS[span] * 86_400_000_000
    parts: list[tuple[str, list[Block]]] = [
        ("reg_s_results", told.results(teller)),
        ("report_missed", _missed(teller, since)),
        ("reg_s_human", told.human(teller)),
        ("reg_s_law", told.law(teller)),
        ("reg_s_where", told.where(teller)),
        ("reg_s_data", told.data(teller)),
        ("reg_s_changes", told.changes(teller)),
        ("report_requests", _requests(teller, since)),
        ("reg_s_audit", told.audit(teller)),
    ]
    if span == "year":
        parts.insert(0, ("reg_s_who", told.who(teller)))
        parts.insert(1, ("reg_s_what", told.what(teller)))
        parts.append(("report_renewal", [Text(w("report_renewal_text"))]))
    return Document(
        title=w(f"report_{span}", name=teller.config.site.name),
        lead=w("report_lead", since=teller.day(since), until=teller.day(facts.now_us)),
        language=teller.language,
        sections=tuple(Section(w(key), tuple(blocks)) for key, blocks in parts),
        foot=teller.foot(),
        notes=(w("reg_exercise"),) if teller.config.exercise else (),
    )


def _missed(teller: Teller, since_us: int) -> list[Block]:
    w = teller.w
    rows = tuple(
        (teller.moment(one.happened_us), w(f"event_{one.event}"), w(f"report_from_{one.source}"))
        for one in teller.facts.missed
        if one.reported_us >= since_us
    )
    if not rows:
        return [Text(w("report_no_missed"))]
    head = (w("reg_change_date"), w("reg_class"), w("report_from"))
    return [Grid(w("report_missed_caption"), head, rows)]


def _requests(teller: Teller, since_us: int) -> list[Block]:
    w, now = teller.w, teller.facts.now_us
    rows = tuple(
        (
            teller.day(one.received_us),
            w(f"report_kind_{one.kind}"),
            teller.day(one.due_us),
            w(f"report_answer_{one.answer}") if one.answer else w("report_waiting"),
            teller.yes(one.late(now)),
        )
        for one in teller.facts.requests
        if max(one.received_us, one.answered_us or now) >= since_us
    )
    if not rows:
        return [Text(w("report_no_request"))]
    head = tuple(w(f"report_{name}") for name in ("received", "kind", "due", "answer", "late"))
    return [Grid(w("report_requests_caption"), head, rows)]


def letter(teller: Teller, reference: str) -> Document:
    """The answer "no data on you is held", with what proves it: it is the honest one where no identity is kept."""
    w = teller.w
    return Document(
        title=w("letter_title", reference=reference),
        lead=w("letter_lead"),
        language=teller.language,
        sections=(
            Section(w("letter_why"), (Text(w("letter_why_text")), *told.data(teller))),
            Section(w("reg_s_audit"), tuple(told.audit(teller))),
            Section(w("reg_s_rights"), (Text(w("letter_rights")), Text(w("reg_rights_cnil_text")))),
        ),
        foot=teller.foot(),
    )
