"""The draft of the impact assessment (GDPR article 35(7)): what the hub knows is filled in, the rest people are asked.

"Final" is refused while an answer is missing. What a person wrote stands in a TOML file beside the configuration, under
`[answers]`, by the keys of `QUESTIONS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hub.policy import register as told
from hub.policy.chart import chart
from hub.policy.page import Block, Document, Grid, Listed, Pairs, Question, Section, Text
from hub.policy.profiles import PROFILES
from hub.policy.risks import RISKS
from hub.policy.rules import RULES, is_filled
from hub.policy.standing import STANDING_RULES
from hub.policy.telling import Teller

QUESTIONS: Final = (
    "signatures",
    "aim",
    "benefit",
    "asked_by",
    "legal_analysis",
    "models_on_site",
    "processors",
    "alternatives",
    "proportionality",
    "information",
    "article_21",
    *(f"risk_{risk.number}" for risk in RISKS),
    "organisation",
    "opinion_dpo",
    "opinion_people",
    "opinion_cnil",
    "accepted_risks",
    "action_plan",
    "review",
    "fria_categories",
    "fria_harms",
    "fria_governance",
)
"""Every field that a human must write (report part C, marks H and A+H), in the order of the document."""


CHECKED: Final = tuple(rule.__name__ for rule in (*RULES, *STANDING_RULES))
"""The rules that a deployment is measured against, by their names."""


class AnswersRefused(ValueError):
    """The file of answers can't be used; the text says why."""

    code = "dpia_answers_refused"


def read_answers(path: Path | None) -> dict[str, str]:
    """The answers in a TOML file; none without one. Raises AnswersRefused."""
    if path is None:
        return {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AnswersRefused(f"{path}: {error}") from error
    answers = raw.get("answers")
    if not isinstance(answers, dict) or set(raw) != {"answers"}:
        raise AnswersRefused(f"{path}: the answers stand under one table, [answers].")
    for key, value in answers.items():
        if key not in QUESTIONS:
            raise AnswersRefused(f"{path}: {key!r} is no question; known are {', '.join(QUESTIONS)}.")
        if not isinstance(value, str):
            raise AnswersRefused(f"{path}: the answer to {key!r} is a text.")
    return answers


def missing(answers: Mapping[str, str]) -> list[str]:
    """Questions without an answer; a placeholder is none."""
    return [key for key in QUESTIONS if not is_filled(answers.get(key, ""))]


def dpia(teller: Teller, answers: Mapping[str, str], *, final: bool) -> Document:
    """The document. Raises ValueError for a final one while an answer is missing."""
    lacking = missing(answers)
    if final and lacking:
        raise ValueError(f"not final: {', '.join(lacking)}")
    w = teller.w
    parts: tuple[tuple[str, list[Block]], ...] = (
        ("cover", _cover(teller, answers)),
        ("description", _description(teller, answers)),
        ("necessity", _necessity(teller, answers)),
        ("risks", _risks(teller, answers)),
        ("measures", _measures(teller, answers)),
        ("opinions", _asked(teller, answers, "opinion_dpo", "opinion_people", "opinion_cnil")),
        ("decision", _decision(teller, answers)),
        ("fria", _fria(teller, answers)),
        ("record", _record(teller)),
        ("logging", told.audit(teller)),
        *((("order", told.law(teller)),) if teller.policy.profile == "fr-2023-380" else ()),
        ("red_lines", _red_lines(teller)),
    )
    notes = [] if final else [w("dpia_note_draft", count=len(lacking), total=len(QUESTIONS))]
    if teller.config.exercise:
        notes.append(w("reg_exercise"))
    return Document(
        title=w("dpia_title", name=teller.config.site.name),
        lead=w("dpia_lead"),
        language=teller.language,
        sections=tuple(Section(w(f"dpia_s_{name}"), tuple(blocks)) for name, blocks in parts),
        foot=teller.foot(),
        mark=w("dpia_final" if final else "dpia_draft"),
        notes=tuple(notes),
    )


def _asked(teller: Teller, answers: Mapping[str, str], *keys: str) -> list[Block]:
    return [
        Question(key, teller.w(f"dpia_q_{key}"), answers.get(key, "") if is_filled(answers.get(key, "")) else "")
        for key in keys
    ]


def _cover(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w, policy, facts = teller.w, teller.policy, teller.facts
    officer = ", ".join(part for part in (policy.dpo.name, policy.dpo.email) if part.strip())
    models = ", ".join(f"{one.name} {one.sha256[:16]}" for one in facts.models)
    rows = (
        (w("reg_controller"), policy.controller),
        (w("reg_dpo"), officer),
        (w("dpia_version"), policy.dpia.version),
        (w("dpia_date"), teller.day(facts.now_us)),
        (w("dpia_config"), facts.config_hash),
        (w("reg_software"), f"Tocsin {facts.software}"),
        (w("reg_model"), models),
        (w("reg_profile"), f"{w('reg_profile_' + policy.profile)} ({policy.profile})"),
    )
    return [Pairs(rows), *_asked(teller, answers, "signatures")]


def _description(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w = teller.w
    cycle = tuple(w(f"dpia_cycle_{step}") for step in ("capture", "inference", "gate", "signal", "decision", "end"))
    return [
        *_asked(teller, answers, "aim", "benefit", "asked_by"),
        *told.what(teller)[:1],
        *told.law(teller),
        *_asked(teller, answers, "legal_analysis"),
        *told.where(teller),
        *((drawn,) if (drawn := chart(teller)) is not None else ()),
        *told.data(teller),
        Text(w("dpia_cycle")),
        Listed(cycle),
        *told.how(teller),
        *_asked(teller, answers, "models_on_site", "processors"),
    ]


def _necessity(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w, facts = teller.w, teller.facts
    late = sum(one.late(facts.now_us) for one in facts.requests)
    rights = (
        (w("dpia_requests"), str(len(facts.requests))),
        (w("dpia_late"), str(late)),
        (w("reg_unconfirmed"), str(facts.dispatched_unconfirmed)),
    )
    rules = tuple(w(f"dpia_rule_{name}") for name in CHECKED)
    return [
        *_asked(teller, answers, "alternatives", "proportionality"),
        *told.results(teller),
        Text(w("dpia_minimisation")),
        Listed(tuple(w(f"reg_never_{name}") for name in told.NEVER)),
        Text(w("dpia_rules")),
        Listed(rules),
        *_asked(teller, answers, "information", "article_21"),
        Pairs(rights),
        Text(w("reg_automation_text")),
    ]


def _risks(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w = teller.w
    head = (w("dpia_risk"), w("dpia_source"), w("dpia_threat"), w("dpia_held_by"))
    rows = tuple(
        (
            f"R{risk.number} {w(f'dpia_r{risk.number}')}",
            w(f"dpia_r{risk.number}_source"),
            w(f"dpia_r{risk.number}_threat"),
            w(f"dpia_r{risk.number}_measure"),
        )
        for risk in RISKS
    )
    asked: list[Block] = []
    for risk in RISKS:
        key = f"risk_{risk.number}"
        question = w("dpia_q_risk", risk=f"R{risk.number}, {w(f'dpia_r{risk.number}')}")
        asked.append(Question(key, question, answers.get(key, "") if is_filled(answers.get(key, "")) else ""))
    return [Grid(w("dpia_risks_caption"), head, rows), *asked]


def _measures(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w = teller.w
    head = (w("dpia_risk"), w("dpia_rule"), w("dpia_test"))
    rows = tuple((f"R{risk.number}", ", ".join(risk.rules), ", ".join(risk.tests)) for risk in RISKS)
    return [
        Text(w("dpia_measures")),
        Grid(w("dpia_measures_caption"), head, rows),
        *_asked(teller, answers, "organisation"),
    ]


def _decision(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w, policy = teller.w, teller.policy
    rows = (
        (w("dpia_review_due"), policy.dpia.review_due),
        (w("dpia_config"), teller.facts.config_hash),
    )
    asked = _asked(teller, answers, "accepted_risks", "action_plan", "review")
    return [*asked, Pairs(rows), Text(w("dpia_stale"))]


def _fria(teller: Teller, answers: Mapping[str, str]) -> list[Block]:
    w = teller.w
    since = teller.policy.publication.since
    rows = ((w("dpia_since"), since), (w("reg_mode"), w(f"reg_mode_{teller.facts.assessment.mode}")))
    asked = _asked(teller, answers, "fria_categories", "fria_harms", "fria_governance")
    return [Text(w("dpia_fria")), Pairs(rows), *told.human(teller), *asked]


def _record(teller: Teller) -> list[Block]:
    w, policy = teller.w, teller.policy
    recipients = ", ".join(endpoint.name for endpoint in teller.config.webhooks) or w("reg_none")
    return [
        Pairs(
            (
                (w("reg_controller"), policy.controller),
                (w("reg_purpose"), policy.purpose),
                (w("dpia_people"), w("dtpr_affected")),
                (w("reg_data_kind"), w("reg_d_messages_content")),
                (w("reg_recipients"), recipients),
                (w("reg_hosting"), w("reg_hosting_eu", region=policy.hosting_region)),
                (w("reg_data_kept"), teller.kept_messages()),
                (w("dpia_security"), w("dpia_security_text")),
            )
        )
    ]


def _red_lines(teller: Teller) -> list[Block]:
    w, checked = teller.w, teller.facts.red_lines_checked_us
    passed = w("reg_red_lines_none") if checked is None else w("reg_red_lines_passed", date=teller.moment(checked))
    fields = ", ".join(PROFILES[teller.policy.profile].required)
    return [Pairs(((w("reg_red_lines"), passed), (w("dpia_required"), fields)))]
