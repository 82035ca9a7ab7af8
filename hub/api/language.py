"""Which language a reader wants."""

from __future__ import annotations

from aiohttp import web

from hub.keys import CONFIG
from hub.words import LANGUAGES, Language


def language_of(request: web.Request) -> Language:
    """`?lang=`, else the best of `Accept-Language` (RFC 9110 section 12.5.4), else the hub's own."""
    asked = request.query.get("lang", "")
    if asked in LANGUAGES:
        return asked
    best, best_weight = request.app[CONFIG].language, 0.0
    for part in request.headers.get("Accept-Language", "")[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        short = tag[:2].lower()
        if short in LANGUAGES and weight > best_weight:
            best, best_weight = short, weight
    return best
