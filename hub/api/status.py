"""What the hub is and how it is: for the console's head line, for probes, and for the start of everything."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

import msgspec
from aiohttp import web
from yarl import URL

from hub.access.guard import PERSON, now_us, visitor
from hub.access.routes import json_response
from hub.api.drill import drill_view
from hub.api.language import language_of
from hub.config import HubConfig
from hub.keys import ACCOUNTS, CONFIG, GATE, LOG, MENDINGS, RUNNER, STORE
from hub.twin import Mended
from hub.words import Language, say
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

VERSION: Final = importlib.metadata.version("tocsin")


async def inner_view(app: web.Application, language: Language) -> dict[str, Any]:
    """What everybody may know of the hub, and what those who are signed in see beside it."""
    config = app[CONFIG]
    return {
        **status_view(app, language),
        "drill": await drill_view(app),
        "mended": [mended_view(one, language) for one in app[MENDINGS].all],
        "video": msgspec.to_builtins(config.video) if config.video.url else None,
        "classes": sorted(app[GATE].assessment(now_us()).classes),
        "event_names": {name: say(f"event_{name}", {}, language) for name in sorted(SOUND_EVENTS | VIDEO_EVENTS)},
    }


def status_view(app: web.Application, language: Language) -> dict[str, Any]:
    """What everybody may know of the hub."""
    config = app[CONFIG]
    assessment = app[GATE].assessment(now_us())
    mode, reasons = assessment.mode, assessment.reasons
    return {
        "version": VERSION,
        "site": msgspec.to_builtins(config.site),
        "time_zone": config.time_zone,
        "language": language,
        "profile": config.policy.profile,
        "mode": mode,
        "mode_word": say(f"mode_{mode}", {}, language),
        "mode_reasons": [{"code": r.code, "text": say(r.words, r.values, language)} for r in reasons],
        "mode_warnings": [say(w.words, w.values, language) for w in assessment.warnings],
        "exercise": config.exercise,
        "sign_in_with": sign_in_with(config),
        "tiles_url": config.map.tiles_url,
        "tiles_attribution": config.map.attribution,
        "now_us": now_us(),
    }


def mended_view(done: Mended, language: Language) -> dict[str, Any]:
    """A damage of the disk that was mended, with its sentence."""
    words = "database_mended" if not done.lost else "database_mended_in_part"
    text = say(words, {"file": done.file, "lost": done.lost}, language)
    return {"file": done.file, "at_us": done.at_us, "pages": done.pages, "lost_rows": done.lost, "text": text}


def sign_in_with(config: HubConfig) -> str | None:
    """The name of the identity provider that people may sign in with; None where there is none."""
    if not config.oidc.issuer:
        return None
    return config.oidc.label or URL(config.oidc.issuer).host


async def status(request: web.Request) -> web.Response:
    """`GET /api/v1/status`; the counts are for those who are signed in."""
    app, language = request.app, language_of(request)
    person = request.get(PERSON) or await visitor(request)
    view = status_view(app, language) if person is None else await inner_view(app, language)
    view["person"] = None if person is None else {"name": person.name, "role": person.role}
    view["setup_needed"] = person is None and await request.app[ACCOUNTS].count() == 0
    view["counts"] = await request.app[STORE].counts() if person is not None else {}
    return json_response(view)


async def healthz(_request: web.Request) -> web.Response:
    """`GET /healthz`: the process answers."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: the log takes messages and fusion runs."""
    runner = request.app[RUNNER]
    trouble = [text for text in (request.app[LOG].health().fault, runner.trouble()) if text]
    return json_response({"status": "trouble" if trouble else "ok", "trouble": trouble}, 503 if trouble else 200)


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app.router.add_get("/api/v1/status", status)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
