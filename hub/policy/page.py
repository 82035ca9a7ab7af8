"""Documents as values, and their HTML: no script, no outside file, printable, dark and light, readable on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from msgspec import Struct

from hub.words import Language

CONTENT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


class Text(Struct, frozen=True):
    """A paragraph."""

    text: str


class Listed(Struct, frozen=True):
    """Items of a list."""

    items: tuple[str, ...]


class Pairs(Struct, frozen=True):
    """Names with what they are; an empty value is shown as not stated."""

    rows: tuple[tuple[str, str], ...]


class Grid(Struct, frozen=True):
    """A table with its caption; its first column names the rows."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Question(Struct, frozen=True):
    """What a human has to write: the field's key, the question, the answer (empty where there is none)."""

    key: str
    question: str
    answer: str


class Picture(Struct, frozen=True):
    """An SVG that this program drew itself, with what it shows in words, and a line under it."""

    svg: str
    words: str
    legend: str = ""


Block = Text | Listed | Pairs | Grid | Question | Picture


class Section(Struct, frozen=True):
    """A titled part of a document."""

    title: str
    blocks: tuple[Block, ...]


class Document(Struct, frozen=True):
    """A whole page. `mark` is a word printed over it, such as DRAFT; `foot` are the lines at its end."""

    title: str
    lead: str
    language: Language
    sections: tuple[Section, ...]
    foot: tuple[str, ...] = ()
    mark: str = ""
    notes: tuple[str, ...] = ()
    """Boxes under the title: what a reader has to know first."""
    links: tuple[tuple[str, str], ...] = ()


_BACKTICKS: Final = re.compile(r"`([^`]*)`")
_MISSING: Final = {"fr": "non renseigné", "en": "not stated"}
_TO_WRITE: Final = {"fr": "À écrire par une personne", "en": "For a person to write"}
_CONTENTS: Final = {"fr": "Sommaire", "en": "Contents"}

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f27;--soft:#525a68;--line:#d5d9e0;--ground:#fff;--panel:#f4f5f8;--mark:#9a3b00;
--link:#0b4fa8;--markground:#fff4e8}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a9b1c0;--line:#363c48;--ground:#13161c;--panel:#1c2029;
--mark:#ffb074;--link:#8bb9ff;--markground:#2b2118}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.55 "Marianne","Source Sans 3","Segoe UI",system-ui,
"Liberation Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
header{border-bottom:3px solid var(--ink);padding-bottom:1.25rem;margin-bottom:1.5rem}
h1{font-size:clamp(1.6rem,1.1rem + 2.2vw,2.5rem);line-height:1.15;margin:.25rem 0 .5rem;text-wrap:balance}
h2{font-size:1.3rem;line-height:1.25;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line)}
p{margin:.6rem 0;max-width:44rem;text-wrap:pretty}
.lead{font-size:1.12rem;color:var(--soft)}
.mark{display:inline-block;border:2px solid var(--mark);color:var(--mark);font-weight:700;letter-spacing:.06em;
padding:.1rem .6rem;border-radius:.2rem}
.note{border-left:4px solid var(--mark);background:var(--markground);padding:.7rem 1rem;margin:1rem 0;max-width:none}
a{color:var(--link)}
nav{font-size:.95rem;color:var(--soft)}
nav ol{columns:18rem;margin:.4rem 0;padding-left:1.4rem}
nav li{break-inside:avoid;margin:.15rem 0}
.also a{display:inline-block;margin-right:1rem}
dl{display:grid;grid-template-columns:minmax(11rem,17rem) 1fr;gap:0;margin:1rem 0;border-top:1px solid var(--line)}
dt,dd{margin:0;padding:.45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
dt{color:var(--soft);padding-right:1rem}
.none{color:var(--soft);font-style:italic}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.3rem 0;font-size:.95rem}
th,td{border-bottom:1px solid var(--line);padding:.45rem .75rem .45rem 0;text-align:left;vertical-align:top}
thead th{border-bottom:2px solid var(--ink);font-size:.9rem}
tbody th{font-weight:600}
ul{padding-left:1.2rem;max-width:44rem}
li{margin:.25rem 0;overflow-wrap:anywhere}
.ask{border:1px dashed var(--mark);padding:.7rem 1rem;margin:.9rem 0;break-inside:avoid}
.ask strong{color:var(--mark);font-size:.85rem;display:block}
.ask .answer{white-space:pre-line}
code,.hash{font-family:ui-monospace,"Cascadia Mono","Liberation Mono",monospace;font-size:.9em;overflow-wrap:anywhere}
figure{margin:1rem 0}
figure svg{max-width:100%;height:auto}
figcaption{color:var(--soft);font-size:.92rem}
footer{margin-top:3rem;border-top:3px solid var(--ink);padding-top:1rem;color:var(--soft);font-size:.92rem}
footer p{max-width:none;overflow-wrap:anywhere}
@media(max-width:40rem){main{padding:1.25rem 1rem 3rem}dl{grid-template-columns:1fr}dt{border-bottom:0;padding-bottom:0;
font-size:.92rem}dd{padding-top:.1rem}
.cards table,.cards tbody,.cards caption{display:block}
.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cards tr{display:grid;grid-template-columns:9rem 1fr;padding:.6rem 0;border-bottom:1px solid var(--line)}
.cards tbody th{grid-column:1/-1;border:0;padding:0 0 .2rem}
.cards td{display:contents}.cards td>span{padding:.1rem 0;overflow-wrap:anywhere}
.cards td::before{content:attr(data-of);color:var(--soft);font-size:.92rem;padding:.1rem .75rem .1rem 0}}
@media print{:root{--ink:#000;--soft:#333;--line:#bbb;--ground:#fff;--panel:#fff;--link:#000;--mark:#000;
--markground:#fff}
body{font-size:10.5pt}main{max-width:none;padding:0}h2{break-after:avoid}table,dl{break-inside:auto}tr{break-inside:avoid}
.also{display:none}@page{margin:18mm 16mm}}
"""


def shown(text: str, language: Language) -> str:
    """Escaped; what is empty is said to be."""
    return f"<span>{escape(text)}</span>" if text.strip() else f'<span class="none">{_MISSING[language]}</span>'


def _block(block: Block, language: Language) -> str:
    match block:
        case Text(text):
            return "<p>" + _BACKTICKS.sub(r"<code>\1</code>", escape(text)) + "</p>"
        case Listed(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Pairs(rows):
            inner = "".join(f"<dt>{escape(name)}</dt><dd>{shown(value, language)}</dd>" for name, value in rows)
            return f"<dl>{inner}</dl>"
        case Grid(caption, head, rows):
            heads = "".join(f'<th scope="col">{escape(word)}</th>' for word in head)
            body = "".join(_row(row, head, language) for row in rows)
            kind = "wide cards" if len(head) > 2 else "wide"
            return (
                f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
                f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
            )
        case Question(key, question, answer):
            label = "" if answer.strip() else f"<strong>{_TO_WRITE[language]} · <code>{escape(key)}</code></strong>"
            text = f'<p class="answer">{escape(answer)}</p>' if answer.strip() else ""
            kind = "" if answer.strip() else ' class="ask"'
            return f"<div{kind}>{label}<p><em>{escape(question)}</em></p>{text}</div>"
        case Picture(svg, words, legend):
            under = f"<figcaption>{escape(legend)}</figcaption>" if legend else ""
            return f'<figure><div role="img" aria-label="{escape(words)}">{svg}</div>{under}</figure>'


def _row(row: Sequence[str], head: Sequence[str], language: Language) -> str:
    named = zip(head[1:], row[1:], strict=True)
    cells = "".join(f'<td data-of="{escape(name)}">{shown(cell, language)}</td>' for name, cell in named)
    return f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>'


def _contents(sections: Iterable[Section], language: Language) -> str:
    items = "".join(f'<li><a href="#s{n}">{escape(one.title)}</a></li>' for n, one in enumerate(sections, 1))
    word = _CONTENTS[language]
    return f'<nav aria-label="{word}"><ol>{items}</ol></nav>'


def html(document: Document) -> str:
    """The whole page."""
    language = document.language
    mark = f'<p><span class="mark">{escape(document.mark)}</span></p>' if document.mark else ""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in document.notes)
    links = "".join(f'<a href="{escape(where)}">{escape(word)}</a>' for word, where in document.links)
    also = f'<p class="also">{links}</p>' if links else ""
    parts = "".join(
        f'<section aria-labelledby="s{number}"><h2 id="s{number}">{number}. {escape(section.title)}</h2>'
        + "".join(_block(block, language) for block in section.blocks)
        + "</section>"
        for number, section in enumerate(document.sections, 1)
    )
    foot = "".join(f"<p>{escape(line)}</p>" for line in document.foot)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(document.title)}</title>'
        f"<style>{STYLE}</style></head><body><main><header>{mark}<h1>{escape(document.title)}</h1>"
        f'<p class="lead">{escape(document.lead)}</p>{notes}{also}{_contents(document.sections, language)}</header>'
        f"{parts}<footer>{foot}</footer></main></body></html>"
    )
