"""Signs and verifies messages by Standard Webhooks 1.0: `v1` is HMAC-SHA256, `v1a` is Ed25519.

What is signed is `{id}.{timestamp}.{raw body}`. In a rotation the header carries the signatures of the new and of the
old keys, separated by spaces, and a receiver accepts any one of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hub.sinks.endpoints import Endpoint, KeyRefused

TOLERANCE_S: Final = 300
"""A call-back whose time differs more is refused: the tolerance of the reference library."""


class SignatureRefused(ValueError):
    """A message that was not signed by who it should be, or not now."""

    code = "signature_refused"


@dataclass(frozen=True, slots=True)
class Signer:
    """The keys of one endpoint, ready to sign; at least one. The representation shows none of them."""

    _secrets: tuple[bytes, ...]
    _keys: tuple[Ed25519PrivateKey, ...]

    def __repr__(self) -> str:
        return f"Signer(v1={len(self._secrets)}, v1a={len(self._keys)})"

    @classmethod
    def of(cls, endpoint: Endpoint) -> Signer:
        """Read the endpoint's keys (files too: call it in a thread). Raises KeyRefused."""
        texts = [endpoint.secret, endpoint.signing_key, *endpoint.old_secrets]
        for path in (endpoint.secret_file, endpoint.signing_key_file):
            if path is not None:
                try:
                    texts.append(path.read_text(encoding="ascii"))
                except (OSError, UnicodeDecodeError) as error:
                    raise KeyRefused(f"webhook {endpoint.name}: {path} cannot be read: {error}") from error
        secrets: list[bytes] = []
        keys: list[Ed25519PrivateKey] = []
        for text in filter(None, (text.strip() for text in texts)):
            if text.startswith("whsk_"):
                keys.append(_private_key(endpoint.name, text))
            else:
                secrets.append(_secret(endpoint.name, text))
        if not secrets and not keys:
            raise KeyRefused(f"webhook {endpoint.name}: give it a `secret` (whsec_...) or a `signing_key` (whsk_...)")
        return cls(tuple(secrets), tuple(keys))

    def sign(self, message_id: str, timestamp_s: int, body: bytes) -> str:
        """The value of the `webhook-signature` header."""
        signed = signed_bytes(message_id, timestamp_s, body)
        macs = (f"v1,{_text(_mac(secret, signed))}" for secret in self._secrets)
        signatures = (f"v1a,{_text(key.sign(signed))}" for key in self._keys)
        return " ".join((*macs, *signatures))


@dataclass(frozen=True, slots=True)
class Verifier:
    """The keys by which one receiver signs what it sends back."""

    _secrets: tuple[bytes, ...]
    _keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def of(cls, endpoint: Endpoint) -> Verifier:
        """`callback_key` where there is one, else the endpoint's secrets. Raises KeyRefused."""
        if endpoint.callback_key:
            return cls((), (_public_key(endpoint.name, endpoint.callback_key),))
        return cls(Signer.of(endpoint)._secrets, ())

    def verify(self, message_id: str, timestamp: str, signature: str, body: bytes, now_s: float) -> None:
        """Return where one signature fits and the time is near; raise SignatureRefused otherwise."""
        try:
            timestamp_s = int(timestamp)
        except ValueError:
            raise SignatureRefused("webhook-timestamp is not a whole number of seconds") from None
        if abs(now_s - timestamp_s) > TOLERANCE_S:
            raise SignatureRefused("webhook-timestamp is more than five minutes away from the hub's clock")
        signed = signed_bytes(message_id, timestamp_s, body)
        for part in signature.split(" "):
            version, _, encoded = part.partition(",")
            if self._fits(version, _decoded(encoded), signed):
                return
        raise SignatureRefused("no signature in webhook-signature fits")

    def _fits(self, version: str, given: bytes, signed: bytes) -> bool:
        if version == "v1":
            return any(hmac.compare_digest(_mac(secret, signed), given) for secret in self._secrets)
        if version == "v1a":
            return any(_verified(key, given, signed) for key in self._keys)
        return False


def signed_bytes(message_id: str, timestamp_s: int, body: bytes) -> bytes:
    """What the signature covers."""
    return f"{message_id}.{timestamp_s}.".encode() + body


def _mac(secret: bytes, signed: bytes) -> bytes:
    return hmac.new(secret, signed, hashlib.sha256).digest()


def _verified(key: Ed25519PublicKey, given: bytes, signed: bytes) -> bool:
    try:
        key.verify(given, signed)
    except InvalidSignature:
        return False
    return True


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _secret(name: str, text: str) -> bytes:
    secret = _decoded(text.removeprefix("whsec_"))
    # Standard Webhooks 1.0, "Signature scheme": between 24 and 64 bytes.
    if not text.startswith("whsec_") or not 24 <= len(secret) <= 64:
        raise KeyRefused(f"webhook {name}: a secret is `whsec_` and the base64 of 24 to 64 random bytes")
    return secret


def _private_key(name: str, text: str) -> Ed25519PrivateKey:
    # 32 bytes are the seed; 64 are the seed and the public key, as libsodium keeps them.
    raw = _decoded(text.removeprefix("whsk_"))
    if len(raw) not in (32, 64):
        raise KeyRefused(f"webhook {name}: a signing key is `whsk_` and the base64 of 32 or 64 bytes")
    key = Ed25519PrivateKey.from_private_bytes(raw[:32])
    if raw[32:] and key.public_key().public_bytes_raw() != raw[32:]:
        raise KeyRefused(f"webhook {name}: the two halves of the signing key do not belong together")
    return key


def _public_key(name: str, text: str) -> Ed25519PublicKey:
    raw = _decoded(text.removeprefix("whpk_"))
    if not text.startswith("whpk_") or len(raw) != 32:
        raise KeyRefused(f"webhook {name}: a call-back key is `whpk_` and the base64 of 32 bytes")
    return Ed25519PublicKey.from_public_bytes(raw)
