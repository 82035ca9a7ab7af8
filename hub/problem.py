"""Errors as people and machines read them: RFC 9457 problem documents with a stable `type` and `code`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from hub.salvage import is_damage
from hub.store.engine import StoreBusy

TYPE_PREFIX: Final = "https://tocsin.example/problems/"
"""Only a name: a client compares it, nobody fetches it (RFC 9457 section 3.1.1)."""

log = structlog.get_logger()


class Problem(Exception):
    """One refused request: HTTP status, stable code, what happened and what to do; `extra` joins the document."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def response(self) -> web.Response:
        """The answer to send."""
        body = {
            "type": TYPE_PREFIX + self.code.partition(":")[0].lower().replace("_", "-"),
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(body),
            content_type="application/problem+json",
            headers=self.headers,
        )


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn what a handler raises into a problem document; a client never sees a traceback."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        code = HTTPStatus(refusal.status).name.lower()
        headers = {name: refusal.headers[name] for name in ("Allow", "Retry-After") if name in refusal.headers}
        detail = refusal.text or refusal.reason
        return Problem(refusal.status, code, detail, headers=headers).response()
    except ConnectionResetError:
        raise
    except StoreBusy as busy:
        return _unavailable(request, busy)
    except (OperationalError, InterfaceError) as fault:  # full, read-only or failing disk; a database that went away
        return _unavailable(request, fault)
    except (
        Exception
    ) as fault:  # the last line: whatever broke, the client gets a clean answer and the log the traceback
        if isinstance(fault, DBAPIError) and is_damage(fault.orig):
            return _unavailable(request, fault)
        log.exception("request_failed", method=request.method, path=request.path)
        return Problem(500, "internal_error", "The hub could not answer; the fault is in its log.").response()


def _unavailable(request: web.Request, fault: Exception) -> web.Response:
    reason = str(getattr(fault, "orig", None) or fault)
    log.error("state_unavailable", method=request.method, path=request.path, reason=reason)
    detail = "The hub's state can't be used now; nothing was changed. Try again."
    return Problem(503, "state_unavailable", detail, headers={"Retry-After": "5"}).response()
