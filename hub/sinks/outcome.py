"""The call-back by which a receiver says what its people found: `POST /api/v1/outcomes/{endpoint}`.

It is signed as the hub's own messages are (Standard Webhooks 1.0), with the endpoint's secret or its `callback_key`,
and idempotent by its `webhook-id`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from hub.ingest.body import read_body
from hub.keys import CONFIG, STORE
from hub.problem import Problem
from hub.sinks.endpoints import KeyRefused
from hub.sinks.signing import SignatureRefused, Verifier
from hub.store.outcomes import record_outcome
from hub.store.records import Outcome, OutcomeWord

MAX_REPORT: Final = 16 * 1024
"""Bytes of a report: ten times the longest sensible one."""


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What was found: `minutes` is the time that people spent on it, `reference` the receiver's own file number."""

    incident: UUID
    outcome: OutcomeWord
    minutes: Annotated[float, Meta(ge=0.0, le=100_000.0)] | None = None
    reference: Annotated[str, Meta(max_length=200)] = ""


_decoder: Final = msgspec.json.Decoder(Report)
VERIFIERS: Final[web.AppKey[dict[str, Verifier]]] = web.AppKey("outcome_verifiers")


async def report_outcome(request: web.Request) -> web.Response:
    """Take one report: 200 `{"taken": "new" | "repeated"}`, or a problem document."""
    name = request.match_info["endpoint"]
    if request.content_length is not None and request.content_length > MAX_REPORT:
        raise Problem(413, "outcome_too_large", f"A report has at most {MAX_REPORT} bytes.")
    body = await read_body(request)
    if len(body) > MAX_REPORT:
        raise Problem(413, "outcome_too_large", f"A report has at most {MAX_REPORT} bytes.")
    message_id = await _authenticate(request, name, body)
    try:
        report = _decoder.decode(body)
    except msgspec.DecodeError as error:  # a ValidationError too
        raise Problem(422, "outcome_invalid", str(error)) from None
    taken = await record_outcome(
        request.app[STORE],
        Outcome(
            incident=report.incident,
            endpoint=name,
            message_id=message_id,
            outcome=report.outcome,
            minutes=report.minutes,
            reference=report.reference,
            at_us=time.time_ns() // 1_000,
        ),
    )
    if taken == "not_dispatched":
        raise Problem(404, "incident_not_dispatched", "This receiver was not sent to an incident of this id.")
    if taken == "id_reused":
        raise Problem(409, "webhook_id_reused", "Another report came under this webhook-id; give a new one a new id.")
    return web.json_response({"taken": taken})


async def _authenticate(request: web.Request, name: str, body: bytes) -> str:
    """The `webhook-id` of a report that the receiver signed; an unknown receiver looks like a wrong signature."""
    message_id = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    signature = request.headers.get("webhook-signature", "")
    if not (message_id and timestamp and signature) or len(message_id) > 256:
        raise Problem(401, "signature_missing", "Sign the report: webhook-id, webhook-timestamp, webhook-signature.")
    verifier = await _verifier(request.app, name)
    if verifier is None:
        raise Problem(401, "signature_refused", "The signature does not fit.")
    try:
        verifier.verify(message_id, timestamp, signature, body, time.time())
    except SignatureRefused as refused:
        raise Problem(401, refused.code, str(refused)) from None
    return message_id


async def _verifier(app: web.Application, name: str) -> Verifier | None:
    known = app[VERIFIERS]
    if name not in known:
        endpoint = next((one for one in app[CONFIG].webhooks if one.name == name), None)
        if endpoint is None:
            return None
        try:
            known[name] = await asyncio.to_thread(Verifier.of, endpoint)
        except KeyRefused:
            return None
    return known[name]


def add_routes(app: web.Application) -> None:
    """Put the address of this module on the application."""
    app[VERIFIERS] = {}
    app.router.add_post("/api/v1/outcomes/{endpoint}", report_outcome)
