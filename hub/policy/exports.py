"""The register as data: our own schema, and the fields of Etalab's inventory, ATRS, DTPR and the Dutch register.

Field names: guides.etalab.gouv.fr "inventaire des algorithmes" (ODAP schema); ATRS template version 3; DTPR schema
`ai/2026-08-12-beta` (CC BY 4.0); Publicatiestandaard of the Dutch Algoritmeregister.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any, Final, Literal, get_args

from hub.policy.cells import TOTAL, K, suppress
from hub.policy.page import Grid
from hub.policy.register import NEVER
from hub.policy.telling import Teller

SCHEMA: Final = "tocsin-register-1"
Form = Literal["register", "etalab", "atrs", "dtpr", "algoritmeregister"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)


def export(form: Form, teller: Teller) -> dict[str, Any]:
    """The register in one of its forms."""
    makers = {"register": own, "etalab": etalab, "atrs": atrs, "dtpr": dtpr, "algoritmeregister": dutch}
    return makers[form](teller)


def own(teller: Teller) -> dict[str, Any]:
    """Everything of the page as data; hidden counts are null, times ISO 8601."""
    facts, config, policy = teller.facts, teller.config, teller.policy
    now, head = facts.assessment, facts.head
    able, stated = teller.able()
    figures = teller.figures()
    keep = config.keeping.retention
    return {
        "schema": SCHEMA,
        "generated_at": facts.at.isoformat(timespec="seconds"),
        "config_hash": facts.config_hash,
        "software": facts.software,
        "exercise": config.exercise,
        "name": config.site.name,
        "controller": policy.controller,
        "publication": {name: getattr(policy.publication, name) for name in policy.publication.__struct_fields__},
        "data_protection_officer": {"name": policy.dpo.name, "email": policy.dpo.email, "phone": policy.dpo.phone},
        "purpose": policy.purpose,
        "profile": policy.profile,
        "mode": now.mode,
        "reasons": [{"code": one.code, "text": teller.w(one.words, **one.values)} for one in now.reasons],
        "classes_on": sorted(now.classes) if now.mode in {"signal", "dispatch"} else [],
        "couples_sound_and_cameras": now.couples,
        "closes_by_itself": closes.isoformat() if (closes := teller.closing()) else None,
        "suspended": list(facts.suspended),
        "sensors": [
            {"id": row[0], "kind": row[1], "place": row[2], "notice": row[3], "state": row[4], "hours": row[5]}
            for row in teller.sensor_rows()
        ],
        "retention_days": {
            "messages": config.log_retention.detections_s / 86_400,
            "incidents_unconfirmed": keep.unconfirmed_days,
            "incidents_transmitted": keep.confirmed_days,
            "deliveries": keep.delivery_days,
            "audit": policy.retention.audit_days,
            "sound": 0,
            "images": 0,
        },
        "oldest": {kind: _iso(teller, at) for kind, at in facts.oldest_us.items()},
        "recipients": [endpoint.name for endpoint in config.webhooks],
        "hosting_region": policy.hosting_region,
        "audio_tracks_dropped": facts.audio_tracks_dropped,
        "models": [
            {"name": one.name, "sha256": one.sha256, "labels": list(one.labels), "card": one.card}
            for one in facts.models
        ],
        "results": {
            "signals_since": _iso(teller, facts.window_us),
            "signals": suppress(facts.states, 1 if config.exercise else K) if facts.states else {},
            "small_cells_under": None if config.exercise else K,
            "precision_since": _iso(teller, facts.quality_since_us),
            "precision": figures[TOTAL],
            "hours_by_sensor": facts.hours,
            "by_zone": _by_zone(teller),
            "precision_by_class": {name: one for name, one in figures.items() if name != TOTAL},
            "transmitted": facts.dispatched,
            "transmitted_without_confirmation": facts.dispatched_unconfirmed,
            "missed_reported_by_others": len(facts.missed),
            "refusals_by_code": facts.refusals,
            "refusals_days": facts.refusal_days,
            "weekly_report_handed_over": _iso(teller, facts.standing.reported_us),
            "outcomes_told": {
                event: {"told": told, "transmitted": sent} for event, (told, sent) in facts.standing.coverage.items()
            },
        },
        "red_lines": {"never": list(NEVER), "checked_at": _iso(teller, facts.red_lines_checked_us), "passed": True}
        if facts.red_lines_checked_us is not None
        else {"never": list(NEVER), "checked_at": None, "passed": None},
        "human": {
            "designated": stated,
            "designated_and_trained_today": able,
            "confirmations_needed": config.confirmations,
            "judged": facts.decided,
            "median_seconds_to_judgement": facts.median_decision_s,
        },
        "audit": {
            "size": facts.audit_size,
            "head": None
            if head is None
            else {
                "size": head.size,
                "at": _iso(teller, head.at_us),
                "root": head.root.hex(),
                "public_key": base64.b64encode(head.public_key).decode(),
                "signature": base64.b64encode(head.signature).decode(),
            },
            "reads_by_reason": facts.reads,
        },
        "requests": {
            "received": len(facts.requests),
            "answered": sum(one.answered_us is not None for one in facts.requests),
            "late": sum(one.late(facts.now_us) for one in facts.requests),
        },
    }


def _by_zone(teller: Teller) -> dict[str, dict[str, str]]:
    grid = teller.zone_grid()
    names = ("sensors", "hours", "transmitted", "real", "not_real", "unknown")
    rows = grid.rows if isinstance(grid, Grid) else ()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def _iso(teller: Teller, at_us: int | None) -> str | None:
    if at_us is None:
        return None
    return dt.datetime.fromtimestamp(at_us / 1e6, teller.facts.at.tzinfo).isoformat(timespec="seconds")


def etalab(teller: Teller) -> dict[str, Any]:
    """One line of an administration's inventory of algorithms."""
    w, policy = teller.w, teller.policy
    told = policy.publication
    return {
        "Administration": policy.controller,
        "Direction": told.direction,
        "Email de contact": told.contact or policy.dpo.email,
        "Date de mise à jour": teller.facts.at.date().isoformat(),
        "Nom de l'algorithme": f"Tocsin, {teller.config.site.name}",
        "Contexte": w(f"reg_profile_{policy.profile}"),
        "Finalité": policy.purpose,
        "Impact": w("reg_automation_text"),
        "Nombre de décisions par an": teller.facts.decided,
        "Caractère automatisé": w("reg_automation_text"),
        "Base légale": _basis(teller),
        "Données traitées": w("reg_d_messages_content"),
        "Source des données": f"{w('reg_microphone')}, {w('reg_camera')}",
        "Type d'algorithme": ", ".join(one.name for one in teller.facts.models),
        "Opérations effectuées": w("reg_method"),
        "Développement interne ou externe": told.supplier,
        "Code source": told.source_code,
        "URL": "/register",
    }


def atrs(teller: Teller) -> dict[str, Any]:
    """Tiers 1 and 2 of the Algorithmic Transparency Recording Standard."""
    w, policy, facts = teller.w, teller.policy, teller.facts
    told = policy.publication
    return {
        "atrs_version": "v3.0",
        "tier_1": {
            "name": f"Tocsin, {teller.config.site.name}",
            "description": w("reg_lead"),
            "website_url": told.website,
            "contact_email": told.contact or policy.dpo.email,
        },
        "tier_2": {
            "owner_and_responsibility": {
                "organisation_or_department": policy.controller,
                "team": told.direction,
                "external_supplier_involvement": told.supplier,
                "procurement_procedure": told.contract,
            },
            "description_and_rationale": {
                "detailed_description": w("reg_method"),
                "scope": policy.purpose,
                "phase": facts.assessment.mode,
                "system_architecture": told.source_code,
            },
            "deployment_context": {
                "integration_into_broader_operational_process": w(f"reg_mode_{facts.assessment.mode}"),
                "human_review": w("reg_automation_text"),
                "frequency_and_scale_of_usage": facts.decided,
                "required_training": policy.profile == "fr-2023-380",
                "appeals_and_review": w("reg_rights_text"),
            },
            "tool_specification": {
                "models": [{"name": one.name, "version": one.sha256} for one in facts.models],
                "maintenance": facts.software,
                "performance": teller.figures()[TOTAL],
            },
            "data_specification": {
                "source_data": w("reg_d_messages_content"),
                "sensitive_attributes": w("reg_never_identity"),
                "retention": teller.kept_messages(),
            },
            "risks_mitigations_and_impact_assessments": {
                "impact_assessments": policy.dpia.id,
                "risks_and_mitigations": [w(f"reg_never_{name}") for name in NEVER],
            },
        },
    }


def dtpr(teller: Teller) -> dict[str, Any]:
    """The elements of Digital Trust for Places and Routines, by category."""
    w, policy = teller.w, teller.policy
    kinds = sorted({sensor.kind for sensor in teller.facts.sensors if sensor.revoked_us is None})
    elements = {
        "purpose": [policy.purpose],
        "accountable": [policy.controller],
        "affected": [w("dtpr_affected")],
        "functional_modes": [w(f"reg_mode_{teller.facts.assessment.mode}")],
        "risks_mitigation": [w(f"reg_never_{name}") for name in NEVER],
        "rights": [w("reg_rights_text"), policy.dpo.email],
        "input_dataset": [w(f"reg_{kind}") for kind in kinds],
        "processing": [w("reg_method")],
        "output_dataset": [w("reg_d_messages_content")],
        "access": [endpoint.name for endpoint in teller.config.webhooks] or [w("reg_none")],
        "retention": [teller.kept_messages()],
        "storage": [w("reg_hosting_eu", region=policy.hosting_region)],
    }
    return {
        "schema": "ai/2026-08-12-beta",
        "locale": teller.language,
        "name": f"Tocsin, {teller.config.site.name}",
        "elements": [{"category": category, "values": values} for category, values in elements.items()],
    }


def dutch(teller: Teller) -> dict[str, Any]:
    """The fields of the Dutch register of algorithms; their values in the reader's language, which `taal` names."""
    w, policy, facts = teller.w, teller.policy, teller.facts
    told = policy.publication
    running = facts.assessment.mode != "off"
    high = facts.assessment.mode == "dispatch"
    closes = teller.closing()
    return {
        "standaard": "Publicatiestandaard Algoritmeregister 1.0",
        "taal": teller.language,
        "naam": f"Tocsin, {teller.config.site.name}",
        "korte_omschrijving": w("reg_lead"),
        "organisatie": policy.controller,
        "status": ("In ontwikkeling" if teller.config.exercise else "In gebruik") if running else "Buiten gebruik",
        "publicatiecategorie": "Hoog-risico AI-systeem" if high else "Overige algoritmes",
        "contactgegevens": told.contact or policy.dpo.email,
        "website": told.website,
        "begindatum": told.since,
        "einddatum": closes.date().isoformat() if closes else "",
        "doel_en_impact": policy.purpose,
        "afwegingen": w("reg_both"),
        "menselijke_tussenkomst": w("reg_automation_text"),
        "risicobeheer": [w(f"reg_never_{name}") for name in NEVER],
        "wettelijke_basis": _basis(teller),
        "impacttoetsen": f"DPIA {policy.dpia.id} ({policy.dpia.version})" if policy.dpia.id.strip() else "",
        "gegevens": w("reg_d_messages_content"),
        "technische_werking": w("reg_method"),
        "leverancier": told.supplier,
        "broncode": told.source_code,
    }


def _basis(teller: Teller) -> str:
    policy = teller.policy
    if policy.profile == "fr-2023-380":
        return f"{teller.w('reg_profile_fr-2023-380')}, {policy.order.number}"
    if policy.profile == "authorised":
        return policy.basis.reference
    return teller.w("reg_basis_lab" if policy.profile == "lab" else "reg_basis_statistics")
