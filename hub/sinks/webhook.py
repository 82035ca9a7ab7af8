"""Delivers one message to one receiver over HTTP, signed by Standard Webhooks 1.0, and says what came back."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Final, Literal

import aiohttp
from msgspec import Struct
from yarl import URL

from hub.sinks.address_guard import AddressBlocked, GuardedResolver, check_literal
from hub.sinks.cap import CAP_TYPE, cap
from hub.sinks.cloudevents import CLOUDEVENTS_TYPE, PLAIN_TYPE, cloudevent, plain
from hub.sinks.endpoints import Endpoint, EndpointRefused
from hub.sinks.schedule import SLOW_DOWN_S, SLOW_DOWN_STATUSES, retry_after_s
from hub.sinks.signing import Signer
from hub.store.records import Delivery, Notice
from hub.words import catalogue

ANSWER_BYTES: Final = 1_024
"""How much of an answer is read and kept: enough for a reason, too little to be a load."""

CONNECTIONS: Final = 4
"""To one receiver at a time; each receiver has its own, so that a hanging one takes nothing from another."""

USER_AGENT: Final = "Tocsin-Webhook/1"

Verdict = Literal["delivered", "failed", "gone"]


class Attempt(Struct, frozen=True):
    """One attempt: its log entry, what it means, and how long the receiver asked to be left alone."""

    delivery: Delivery
    verdict: Verdict
    pause_s: float | None = None


class Webhook:
    """One receiver with its keys and connections. `now_s` is the wall clock; `source` names this hub in messages."""

    def __init__(
        self,
        endpoint: Endpoint,
        signer: Signer,
        tls: ssl.SSLContext | None,
        source: str,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint = endpoint
        self._signer = signer
        self._source = source
        self._now_s = now_s
        self._url = URL(endpoint.url)
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(endpoint.allow_private),
            use_dns_cache=False,  # each connection is checked on the addresses that it is made to
            limit=CONNECTIONS,
            ssl=tls if tls is not None else True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy variable must not carry a dispatch somewhere else
        )

    @classmethod
    async def open(cls, endpoint: Endpoint, source: str, now_s: Callable[[], float] = time.time) -> Webhook:
        """Read keys and certificates in a thread. Raises EndpointRefused (KeyRefused is one)."""
        signer, tls = await asyncio.to_thread(prepare, endpoint)
        await asyncio.to_thread(catalogue)  # read here, so that no message has to be
        return cls(endpoint, signer, tls, source, now_s)

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    def render(self, notice: Notice) -> tuple[str, bytes]:
        """Content type and body; the same notice always gives the same bytes."""
        if self.endpoint.format == "cap":
            return CAP_TYPE, cap(notice, self._source)
        if self.endpoint.format == "plain":
            return PLAIN_TYPE, plain(notice)
        return CLOUDEVENTS_TYPE, cloudevent(notice, self._source)

    async def deliver(self, notice: Notice, attempt: int) -> Attempt:
        """Send once. Only a 2xx counts; a redirect is never followed; 410 means never again."""
        content_type, body = self.render(notice)
        sent_s = self._now_s()
        headers = {
            "content-type": content_type,
            "user-agent": USER_AGENT,
            "webhook-id": notice.message_id,
            "webhook-timestamp": str(int(sent_s)),
            "webhook-signature": self._signer.sign(notice.message_id, int(sent_s), body),
        }
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        answer = ""
        pause_s: float | None = None
        try:
            check_literal(self._url.host or "", self.endpoint.allow_private)
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                answer = (await response.content.read(ANSWER_BYTES)).decode("utf-8", "replace").replace("\x00", "")
                pause_s = retry_after_s(response.headers.get("Retry-After"), sent_s)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failure:
            error = error_word(failure)
            # A status without its body is no answer: the receiver may have died half-way.
            status = None
        if status is not None and not 200 <= status < 300:
            error = f"http_{status}"
            if status in SLOW_DOWN_STATUSES:
                pause_s = max(pause_s or 0.0, SLOW_DOWN_S)
        delivery = Delivery(
            message_id=notice.message_id,
            incident=notice.incident.id if notice.incident else None,
            endpoint=self.endpoint.name,
            kind=notice.kind,
            attempt=attempt,
            at_us=int(sent_s * 1e6),
            status=status,
            ok=error is None,
            latency_ms=round((time.perf_counter() - started) * 1e3, 3),
            error=error,
            request=headers,
            answer=answer[:ANSWER_BYTES],
        )
        verdict: Verdict = "delivered" if error is None else "gone" if status == 410 else "failed"
        return Attempt(delivery, verdict, None if error is None else pause_s)


def prepare(endpoint: Endpoint) -> tuple[Signer, ssl.SSLContext | None]:
    """What an endpoint needs to be used, read from its files; blocks. Raises EndpointRefused where it cannot."""
    if problem := endpoint.problem():
        raise EndpointRefused(f"webhook {endpoint.name}: {problem}")
    encrypted = URL(endpoint.url).scheme == "https"
    return Signer.of(endpoint), _tls_context(endpoint) if encrypted else None


def error_word(failure: Exception) -> str:
    """A stable word for why no answer came."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, AddressBlocked):
            return AddressBlocked.code
        cause = cause.__cause__
    if isinstance(failure, TimeoutError):
        return "timeout"
    if isinstance(failure, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return "tls"
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return "name_not_found"
    if isinstance(failure, aiohttp.ClientConnectorError):
        return "connect"
    if isinstance(failure, aiohttp.ServerDisconnectedError | ConnectionResetError | aiohttp.ClientPayloadError):
        return "closed"
    return "bad_answer"


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if endpoint.client_certificate_file is not None:
            context.load_cert_chain(endpoint.client_certificate_file)
    except (OSError, ssl.SSLError) as error:
        raise EndpointRefused(f"webhook {endpoint.name}: its certificates cannot be used: {error}") from error
    return context
