"""The public register: one page that says what runs, on what basis, with what results; generated, never typed."""

from __future__ import annotations

import base64
from typing import Final

from hub.policy.cells import K
from hub.policy.chart import chart
from hub.policy.facts import Act
from hub.policy.page import Block, Document, Grid, Listed, Pairs, Section, Text
from hub.policy.telling import HIDDEN, Teller
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

NEVER: Final = ("identity", "sound", "image", "speech", "decide", "predict")
Rows = tuple[tuple[str, str], ...]


def register(teller: Teller) -> Document:
    """The whole register."""
    w, config = teller.w, teller.config
    other = "en" if teller.language == "fr" else "fr"
    notes = []
    if config.exercise:
        notes.append(w("reg_exercise"))
    if teller.facts.assessment.mode == "off":
        notes.append(w("reg_off"))
    if teller.facts.suspended:
        names = ", ".join(w("reg_everything") if n == "*" else teller.classes((n,)) for n in teller.facts.suspended)
        notes.append(w("reg_stopped", names=names))
    parts = ("who", "what", "law", "where", "data", "how", "results", "human", "audit", "changes", "rights")
    makers = (who, what, law, _where, data, how, results, human, audit, changes, _rights)
    return Document(
        title=w("reg_title", name=config.site.name),
        lead=w("reg_lead"),
        language=teller.language,
        sections=tuple(
            Section(w(f"reg_s_{part}"), tuple(make(teller))) for part, make in zip(parts, makers, strict=True)
        ),
        foot=teller.foot(),
        notes=tuple(notes),
        links=(
            (w("reg_other_language"), f"/register?lang={other}"),
            (w("reg_noise_and_figures"), "/public"),
            ("register.json", "/register.json"),
            ("Etalab", "/register/etalab.json"),
            ("ATRS", "/register/atrs.json"),
            ("DTPR", "/register/dtpr.json"),
            ("Algoritmeregister", "/register/algoritmeregister.json"),
        ),
    )


def who(teller: Teller) -> list[Block]:
    """Controller, officer, supplier, cost."""
    policy, w = teller.policy, teller.w
    told = policy.publication
    officer = ", ".join(part for part in (policy.dpo.name, policy.dpo.email, policy.dpo.phone) if part.strip())
    rows = [(w("reg_controller"), policy.controller)]
    if policy.profile == "lab":
        rows.append((w("reg_responsible"), policy.responsible_person))
    rows += [
        (w("reg_direction"), told.direction),
        (w("reg_contact"), told.contact),
        (w("reg_dpo"), officer),
        (w("reg_supplier"), told.supplier),
        (w("reg_contract"), told.contract),
        (w("reg_cost"), told.cost_per_year),
        (w("reg_council"), _vote(teller)),
    ]
    return [Pairs(tuple(rows))]


def _vote(teller: Teller) -> str:
    stated = teller.policy.council
    renewal = (stated.renewal_ref, teller.date(stated.renewed_on) if stated.renewed_on.strip() else "")
    return ", ".join(part for part in (teller.policy.publication.council_vote, *renewal) if part.strip())


def what(teller: Teller) -> list[Block]:
    """Purpose, profile, mode, classes, and what it never does."""
    w, now = teller.w, teller.facts.assessment
    known = SOUND_EVENTS | VIDEO_EVENTS
    on = now.classes & known if now.mode in {"signal", "dispatch"} else frozenset()
    rows: Rows = (
        (w("reg_purpose"), teller.policy.purpose),
        (w("reg_profile"), f"{w('reg_profile_' + teller.policy.profile)} ({teller.policy.profile})"),
        (w("reg_mode"), w(f"reg_mode_{now.mode}")),
        (w("reg_classes_on"), teller.events(on)),
        (w("reg_classes_off"), teller.events(known - on)),
        (w("reg_coupled"), teller.yes(now.couples)),
    )
    return [Pairs(rows), Text(w("reg_never")), Listed(tuple(w(f"reg_never_{name}") for name in NEVER))]


def law(teller: Teller) -> list[Block]:
    """Basis, dates, assessment, and what holds the mode down."""
    policy, w, now = teller.policy, teller.w, teller.facts.assessment
    rows: list[tuple[str, str]] = []
    if policy.profile == "fr-2023-380":
        order, proof = policy.order, policy.attestation
        text = w(
            "reg_order_text",
            number=order.number,
            prefecture=order.prefecture,
            signed=teller.date(order.signed),
            event=order.event,
        )
        rows += [
            (w("reg_order"), text),
            (w("reg_published"), order.publication_url),
            (w("reg_runs"), w("reg_from_to", start=teller.date(order.start), end=teller.date(order.end))),
            (w("reg_attestation"), f"{proof.number}, {proof.issuer}, {proof.software}"),
        ]
    elif policy.profile == "authorised":
        basis = policy.basis
        values = {name: getattr(basis, name) for name in ("reference", "jurisdiction", "authority", "signatory")}
        rows += [
            (w("reg_basis"), w("reg_basis_text", **values)),
            (w("reg_covers"), ", ".join(w(f"reg_cover_{name}") for name in basis.covers)),
            (w("reg_runs"), w("reg_from_to", start=teller.date(basis.start), end=teller.date(basis.end))),
        ]
    elif policy.profile == "lab":
        rows += [
            (w("reg_basis"), w("reg_basis_lab")),
            (w("reg_runs"), w("reg_from_to", start=teller.date(policy.start), end=teller.date(policy.end))),
        ]
    else:
        rows.append((w("reg_basis"), w("reg_basis_statistics")))
    if policy.profile != "lab":
        dpia = policy.dpia
        told = w(
            "reg_dpia_text",
            id=dpia.id,
            version=dpia.version,
            date=teller.date(dpia.date),
            opinion=dpia.dpo_opinion_ref,
            review=teller.date(dpia.review_due),
        )
        rows.append((w("reg_dpia"), told if dpia.id.strip() else ""))
    if (closes := teller.closing()) is not None:
        days = max(0, (closes - teller.facts.at).days)
        # The end of the last day is midnight: the day told is the one before it.
        last = int(closes.timestamp() * 1e6) - 1
        rows.append((w("reg_closes"), w("reg_closes_on", date=teller.day(last), days=days)))
    blocks: list[Block] = [Pairs(tuple(rows))]
    reasons = [f"{one.code}: {w(one.words, **one.values)}" for one in now.reasons]
    warnings = [w(one.words, **one.values) for one in now.warnings]
    if reasons or warnings:
        blocks += [Text(w("reg_why_not_more")), Listed((*reasons, *warnings))]
    else:
        blocks.append(Text(w("reg_nothing_holds")))
    return [*blocks, Text(w("reg_law_note"))]


def where(teller: Teller) -> list[Block]:
    """The sensors."""
    w = teller.w
    rows = teller.sensor_rows()
    kinds = [sensor.kind for sensor in teller.facts.sensors if sensor.revoked_us is None]
    counts = {"microphones": kinds.count("microphone"), "cameras": kinds.count("camera")}
    head = tuple(w(f"reg_{name}") for name in ("sensor", "kind", "place", "notice", "state", "attended"))
    return [Grid(w("reg_sensors_caption", **counts), head, rows), teller.hours_grid()]


def _where(teller: Teller) -> list[Block]:
    drawn = chart(teller)
    return [*where(teller), *((drawn,) if drawn is not None else ())]


def data(teller: Teller) -> list[Block]:
    """Kinds of data with how long they may be kept and how old they are."""
    w, config, retention = teller.w, teller.config, teller.policy.retention
    keep = config.keeping.retention
    two = w("reg_days_two", unconfirmed=f"{keep.unconfirmed_days:g}", confirmed=f"{keep.confirmed_days:g}")
    absent = w("reg_not_here")
    rows = (
        (w("reg_d_sound"), w("reg_d_sound_content"), w("reg_two_seconds"), absent, absent),
        (w("reg_d_image"), w("reg_d_image_content"), w("reg_one_frame"), absent, absent),
        (
            w("reg_d_messages"),
            w("reg_d_messages_content"),
            teller.kept_messages(),
            teller.oldest("messages"),
            teller.purged("messages"),
        ),
        (
            w("reg_d_incidents"),
            w("reg_d_incidents_content"),
            two,
            teller.oldest("incidents"),
            teller.purged("confirmed", "unconfirmed"),
        ),
        (
            w("reg_d_deliveries"),
            w("reg_d_deliveries_content"),
            w("reg_days", days=f"{keep.delivery_days:g}"),
            teller.oldest("deliveries"),
            teller.purged("delivery"),
        ),
        (
            w("reg_d_audit"),
            w("reg_d_audit_content"),
            w("reg_days", days=retention.audit_days),
            teller.oldest("audit"),
            teller.purged("audit"),
        ),
    )
    head = tuple(w(f"reg_data_{name}") for name in ("kind", "content", "kept", "oldest", "purge"))
    recipients = ", ".join(endpoint.name for endpoint in config.webhooks) or w("reg_none")
    pairs: Rows = (
        (w("reg_recipients"), recipients),
        (w("reg_hosting"), w("reg_hosting_eu", region=teller.policy.hosting_region)),
        (w("reg_bins"), w("reg_minutes", minutes=teller.policy.bin_minutes)),
        (w("reg_tracks"), str(teller.facts.audio_tracks_dropped)),
    )
    return [Grid(w("reg_data_caption"), head, rows), Pairs(pairs)]


def how(teller: Teller) -> list[Block]:
    """Method, models, software."""
    w = teller.w
    models = tuple(
        (one.name, one.sha256, teller.classes(one.labels), teller.yes(bool(one.card))) for one in teller.facts.models
    )
    head = (w("reg_model"), w("reg_fingerprint"), w("reg_class"), w("reg_card"))
    pairs: Rows = (
        (w("reg_automation"), w("reg_automation_text")),
        (w("reg_software"), f"Tocsin {teller.facts.software}"),
        (w("reg_source"), teller.policy.publication.source_code),
    )
    return [Text(w("reg_method")), Pairs(pairs), Grid(w("reg_models_caption"), head, models)]


def results(teller: Teller) -> list[Block]:
    """Outcomes, precision, errors of both kinds, refusals."""
    w, facts = teller.w, teller.facts
    hidden = w("reg_not_hidden") if teller.config.exercise else w("reg_hidden", k=K, sign=HIDDEN)
    checked = facts.red_lines_checked_us
    passed = w("reg_red_lines_none") if checked is None else w("reg_red_lines_passed", date=teller.moment(checked))
    pairs: Rows = (
        (w("reg_unconfirmed"), str(facts.dispatched_unconfirmed)),
        (w("reg_missed"), str(len(facts.missed))),
        (w("reg_red_lines"), passed),
    )
    return [
        teller.outcome_grid(),
        Text(hidden),
        teller.precision_grid(),
        Text(w("reg_both")),
        teller.zone_grid(),
        Pairs(pairs),
        teller.refusal_grid(facts.refusals, facts.refusal_days),
    ]


def human(teller: Teller) -> list[Block]:
    """What people do, as counts."""
    w, facts = teller.w, teller.facts
    able, stated = teller.able()
    median = facts.median_decision_s
    named = ((w("reg_operators"), w("reg_operators_text", able=able, all=stated)),) if stated else ()
    pairs: Rows = (
        *named,
        (w("reg_confirmations"), str(teller.config.confirmations)),
        (w("reg_decided", since=teller.day(facts.quality_since_us)), str(facts.decided)),
        (w("reg_median"), "" if median is None else w("reg_seconds", seconds=teller.number(median))),
    )
    return [Pairs(pairs), Text(w("reg_no_target"))]


def audit(teller: Teller) -> list[Block]:
    """The signed head, and how to check."""
    w, facts = teller.w, teller.facts
    head = facts.head
    rows: list[tuple[str, str]] = [(w("reg_audit_size"), teller.number(facts.audit_size))]
    if head is not None:
        rows += [
            (w("reg_audit_root"), head.root.hex()),
            (w("reg_audit_at"), teller.moment(head.at_us)),
            (w("reg_audit_covers"), teller.number(head.size)),
            (w("reg_audit_key"), base64.b64encode(head.public_key).decode()),
        ]
    reads = ", ".join(f"{reason}: {count}" for reason, count in sorted(facts.reads.items()))
    rows.append((w("reg_reads"), reads or w("reg_none")))
    return [Pairs(tuple(rows)), Text(w("reg_audit_how"))]


def changes(teller: Teller) -> list[Block]:
    """What changed, from the audit log."""
    w = teller.w
    if not teller.facts.history:
        return [Text(w("reg_no_change"))]
    head = tuple(w(f"reg_change_{name}") for name in ("date", "what", "detail"))
    rows = tuple((teller.moment(act.at_us), *_change(teller, act)) for act in teller.facts.history)
    return [Grid(w("reg_changes_caption"), head, rows)]


def _change(teller: Teller, act: Act) -> tuple[str, str]:
    w = teller.w
    if act.kind == "start":
        values = {name: act.values.get(name, "") for name in ("profile", "mode", "policy")}
        return w("reg_c_start"), w("reg_c_start_detail", **values)
    if act.kind == "suspension":
        name = w("reg_everything") if act.subject == "*" else act.subject
        return w("reg_c_stopped" if act.values.get("stopped") else "reg_c_resumed"), f"{name}: {act.reason}"
    # Of an account the role is told and never who.
    detail = str(act.values.get("role", "")) if act.kind == "person" else act.subject
    return w(f"reg_c_{act.kind}"), ", ".join(part for part in (detail, act.reason) if part)


def _rights(teller: Teller) -> list[Block]:
    w, policy, facts = teller.w, teller.policy, teller.facts
    late = sum(request.late(facts.now_us) for request in facts.requests)
    answered = sum(request.answered_us is not None for request in facts.requests)
    pairs: Rows = (
        (w("reg_rights_where"), policy.dpo.email),
        (w("reg_rights_report"), policy.publication.contact or policy.dpo.email),
        (w("reg_rights_cnil"), w("reg_rights_cnil_text")),
        (w("reg_rights_counts"), f"{len(facts.requests)} / {answered} / {late}"),
    )
    return [Text(w("reg_rights_text")), Pairs(pairs)]
