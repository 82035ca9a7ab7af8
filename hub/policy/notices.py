"""Notices for the street: one page for each place, with a pictogram and a QR code that leads to the public register.

A microphone is called a microphone (rule A-10). What the law of information asks: purposes, retention, controller,
officer, rights, complaint (GDPR article 13, code de la sécurité intérieure R. 253-6).
"""

from __future__ import annotations

import io
import re
import unicodedata
from html import escape
from typing import Final

import segno

from hub.policy.telling import Teller
from hub.registry import SensorRecord
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

KNOWN: Final = SOUND_EVENTS | VIDEO_EVENTS
_MICROPHONE: Final = (
    '<rect x="34" y="10" width="32" height="52" rx="16"/><path d="M22 46v4a28 28 0 0 0 56 0v-4" fill="none" '
    'stroke="currentColor" stroke-width="7" stroke-linecap="round"/><path d="M50 78v14M34 92h32" fill="none" '
    'stroke="currentColor" stroke-width="7" stroke-linecap="round"/>'
)
_CAMERA: Final = (
    '<path d="M8 30l62-16 8 30-62 16z"/><path d="M76 26l14-4 3 12-14 4z"/><path d="M34 58v20H14" fill="none" '
    'stroke="currentColor" stroke-width="7" stroke-linecap="round"/><path d="M10 66v24" fill="none" '
    'stroke="currentColor" stroke-width="7" stroke-linecap="round"/>'
)
STYLE: Final = """
@page{size:A4;margin:14mm}
*{box-sizing:border-box}
body{margin:0 auto;max-width:182mm;padding:6mm 4mm;color:#000;background:#fff;font:12pt/1.4 "Marianne","Source Sans 3",
"Segoe UI",system-ui,"Liberation Sans",sans-serif}
.top{display:flex;gap:8mm;align-items:center;border:1.2mm solid #000;padding:6mm;flex-wrap:wrap}
.top svg{width:34mm;height:34mm;flex:none}
h1{font-size:26pt;line-height:1.1;margin:0;flex:1;min-width:60mm}
h1 small{display:block;font-size:13pt;font-weight:400;margin-top:2mm}
.never{font-weight:700;font-size:14pt;margin:6mm 0 2mm}
dl{display:grid;grid-template-columns:44mm 1fr;margin:4mm 0;border-top:.3mm solid #000}
dt,dd{margin:0;padding:2mm 0;border-bottom:.3mm solid #000;overflow-wrap:anywhere}
dt{font-weight:700;padding-right:3mm}
.code{display:flex;gap:6mm;align-items:center;margin-top:5mm;flex-wrap:wrap}
.code svg{width:38mm;height:38mm;flex:none}
.code p{flex:1;min-width:55mm;margin:0}
.en{font-size:10pt;border-top:.3mm solid #000;margin-top:5mm;padding-top:3mm}
.exercise{border:1mm dashed #000;padding:2mm 4mm;font-weight:700;text-align:center}
@media(max-width:40rem){dl{grid-template-columns:1fr}dt{border-bottom:0;padding-bottom:0}}
"""


def slug(text: str) -> str:
    """A file name of a reference: plain letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "panneau"


def groups(teller: Teller) -> dict[str, list[SensorRecord]]:
    """Sensors by the notice that was stated of them; by their own name where none was."""
    found: dict[str, list[SensorRecord]] = {}
    for sensor in teller.facts.sensors:
        if sensor.revoked_us is None:
            stated = teller.policy.facts_of(sensor.id)
            found.setdefault(stated.notice if stated and stated.notice.strip() else sensor.id, []).append(sensor)
    return found


def qr(url: str) -> str:
    """The address as a QR code in SVG."""
    out = io.BytesIO()
    segno.make(url, error="m").save(out, kind="svg", border=2, xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue().decode()


def notice(teller: Teller, english: Teller, name: str, sensors: list[SensorRecord], register_url: str) -> str:
    """The page of one place; `english` says the short text below."""
    w, policy = teller.w, teller.policy
    kinds = sorted({sensor.kind for sensor in sensors}, reverse=True)
    icons = "".join(
        f'<svg viewBox="0 0 100 100" fill="currentColor" role="img" aria-label="{escape(w(f"reg_{kind}"))}">'
        f"{_MICROPHONE if kind == 'microphone' else _CAMERA}</svg>"
        for kind in kinds
    )
    title = w("notice_title_" + "_".join(sorted(kinds)))
    mode = teller.facts.assessment.mode
    officer = ", ".join(part for part in (policy.dpo.name, policy.dpo.email, policy.dpo.phone) if part.strip())
    able = SOUND_EVENTS if kinds == ["microphone"] else VIDEO_EVENTS if kinds == ["camera"] else KNOWN
    classes = teller.events(teller.facts.assessment.classes & able) if mode in {"signal", "dispatch"} else w("reg_none")
    keep = teller.config.keeping.retention
    rows = (
        (w("reg_controller"), policy.controller),
        (w("reg_purpose"), policy.purpose),
        (w("notice_basis"), w(f"reg_profile_{policy.profile}")),
        (w("notice_does"), w(f"reg_mode_{mode}")),
        (w("notice_classes"), classes),
        (
            w("notice_retention"),
            w("notice_kept", unconfirmed=f"{keep.unconfirmed_days:g}", confirmed=f"{keep.confirmed_days:g}"),
        ),
        (w("reg_dpo"), officer),
        (w("reg_s_rights"), w("notice_rights")),
        (w("reg_rights_cnil"), w("reg_rights_cnil_text")),
    )
    missing = w("notice_missing")
    table = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value.strip() or missing)}</dd>" for key, value in rows)
    exercise = f'<p class="exercise">{escape(w("notice_exercise"))}</p>' if teller.config.exercise else ""
    never = w("notice_never_sound") if "microphone" in kinds else w("notice_never_image")
    return (
        f'<!doctype html><html lang="{teller.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}: {escape(name)}'
        f"</title><style>{STYLE}</style></head><body><main>{exercise}"
        f'<div class="top">{icons}<h1>{escape(title)}<small>{escape(name)}</small></h1></div>'
        f'<p class="never">{escape(never)}</p><dl>{table}</dl>'
        f'<div class="code">{qr(register_url)}<p>{escape(w("notice_scan"))}<br><b>{escape(register_url)}</b></p></div>'
        f'<p class="en" lang="en">{escape(english.w("notice_english", purpose=policy.purpose or "-"))}</p>'
        f"<p><small>{escape(teller.foot()[0])}</small></p></main></body></html>"
    )
