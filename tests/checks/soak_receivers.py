"""Receivers of the fault campaign: a good one that fails now and then, and others that only misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from aiohttp import web
from standardwebhooks.webhooks import Webhook as Reference
from standardwebhooks.webhooks import WebhookVerificationError

SECRET: Final = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Receivers:
    """What dispatch got, and receivers that misbehave; the good one fails now and then too, also after it kept."""

    dice: random.Random
    got: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    calls: Counter[str] = field(default_factory=Counter)
    calm: bool = False

    async def good(self, request: web.Request) -> web.StreamResponse:
        """Verify, keep, and answer well, badly, or not at all."""
        body = await request.read()
        try:
            Reference(SECRET).verify(body, dict(request.headers), json_parse=False)
        except WebhookVerificationError:
            self.calls["refused"] += 1  # signed an hour ahead or behind, while the hub's clock was off
            return web.Response(status=400)
        event = json.loads(body)
        self.calls["good"] += 1
        if event["type"] == "org.tocsin.incident.confirmed":
            self.got[event["subject"]].add(request.headers["webhook-id"])
        chance = 1.0 if self.calm else self.dice.random()
        if chance < 0.1:
            return web.Response(status=500)
        if chance < 0.15 and request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def bad(self, request: web.Request) -> web.StreamResponse:
        """500, hang, close or 410, by the path."""
        name = request.path.strip("/")
        self.calls[name] += 1
        if name == "hangs":
            await asyncio.sleep(30)
        if name == "closes" and request.transport is not None:
            request.transport.abort()
        return web.Response(status=410 if name == "gone" else 500)


def certificate(folder: Path) -> ssl.SSLContext:
    """TLS for a name that is not ours, signed by nobody."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, None)
    )  # fmt: skip
    path = folder / "wrong.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
