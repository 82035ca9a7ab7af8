"""HTTP message signatures of sensors (RFC 9421, `ed25519`) with Content-Digest (RFC 9530), checked strictly.

The general library takes 220 µs a request here, the primitives 75 µs; so the one profile that sensors use is checked
with
`cryptography` alone, and the tests hold it against the library. The profile: one signature; at least method, authority,
path, content type and content digest are covered; `created`, `keyid` and `nonce` are there; `alg` is `ed25519` or
absent.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from hub.problem import Problem

REQUIRED: Final = frozenset({"@method", "@authority", "@path", "content-type", "content-digest"})
MAX_COMPONENTS: Final = 16
WINDOW_S: Final = 300
"""How far `created` may lie from the hub's clock, either way."""
_INPUT: Final = re.compile(
    r'\s*([a-z*][a-z0-9_.*-]{0,63})=(\(("[a-z0-9@-]{1,64}"(?: "[a-z0-9@-]{1,64}")*)\)'
    r'((?:;[a-z]{1,16}=(?:"[ !#-\[\]-~]{0,128}"|[0-9]{1,15}))*))\s*'
)
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:"([^"]*)"|([0-9]+))')
_SIGNATURE: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/]{86}==):\s*")
_DIGEST: Final = re.compile(r"(?:^|,)\s*(sha-256|sha-512)=:([A-Za-z0-9+/=]{44,88}):\s*(?=,|$)")
_ALGORITHMS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class Claim(Struct, frozen=True):
    """What a request's signature says of itself, before it is checked. `created` is in seconds."""

    keyid: str
    nonce: str
    created: int
    components: tuple[str, ...]
    parameters: str
    signature: bytes


def _refuse(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": 'Signature realm="tocsin"'})


def parse_claim(signature_input: str, signature: str, now_s: float) -> Claim:
    """Read both header fields; Problem 401 where they are not in the profile or `created` is outside the window."""
    found, value = _INPUT.fullmatch(signature_input), _SIGNATURE.fullmatch(signature)
    if found is None or value is None or found[1] != value[1]:
        raise _refuse("signature_malformed", "Signature-Input and Signature must hold one signature of one label.")
    components = tuple(found[3].replace('"', "").split(" "))
    if len(components) > MAX_COMPONENTS or len(set(components)) != len(components):
        raise _refuse("signature_malformed", "A component is covered twice, or there are too many.")
    if missing := REQUIRED.difference(components):
        raise _refuse("signature_incomplete", f"The signature must also cover {', '.join(sorted(missing))}.")
    parameters: dict[str, str] = {name: text or number for name, text, number in _PARAMETER.findall(found[4])}
    created, keyid, nonce = (parameters.get(name, "") for name in ("created", "keyid", "nonce"))
    if not (created.isdigit() and keyid and nonce) or parameters.get("alg", "ed25519") != "ed25519":
        raise _refuse("signature_incomplete", 'The signature needs created, keyid and nonce, and alg="ed25519" if any.')
    if abs(int(created) - now_s) > WINDOW_S or ("expires" in parameters and int(parameters["expires"] or 0) < now_s):
        raise _refuse(
            "signature_stale",
            f"The signature was made {int(now_s) - int(created)} s ago by the hub's clock, {WINDOW_S} s are allowed;"
            " set the sensor's clock.",
        )
    return Claim(keyid, nonce, int(created), components, found[2], base64.b64decode(value[2]))


def check_digest(content_digest: str, body: bytes) -> None:
    """Compare every known digest of the field with `body`; Problem 400 where one differs or none is known."""
    digests = _DIGEST.findall(content_digest)
    if not digests:
        raise Problem(400, "digest_unsupported", "Content-Digest must hold sha-256 or sha-512.")
    for name, encoded in digests:
        try:
            expected = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            expected = b""
        if _ALGORITHMS[name](body).digest() != expected:
            raise Problem(400, "digest_mismatch", f"The body does not match the {name} of Content-Digest.")


def signature_base(claim: Claim, method: str, authority: str, path: str, headers: Mapping[str, str]) -> bytes:
    """The bytes that were signed (RFC 9421 section 2.5); Problem 401 where a covered field is not in the request."""
    lines = []
    for name in claim.components:
        if name.startswith("@"):
            value = {"@method": method, "@authority": authority, "@path": path}.get(name)
        else:
            value = headers.get(name)
        if value is None:
            raise _refuse("signature_malformed", f"The signature covers {name}, which is not in the request.")
        lines.append(f'"{name}": {value.strip()}\n')
    lines.append(f'"@signature-params": {claim.parameters}')
    return "".join(lines).encode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=10_000)
def _loaded(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)


def verifies(public_key: bytes, signature: bytes, base: bytes) -> bool:
    """True where `signature` of `base` was made with the private half of `public_key` (raw 32 bytes)."""
    try:
        _loaded(public_key).verify(signature, base)
    except (InvalidSignature, ValueError):
        return False
    return True


class Nonces:
    """Remembers nonces for as long as their signature could be sent again; bounded.

    Two generations of one window each, so that forgetting costs nothing. What is remembered is a 64-bit hash (10,000
    sensors at five
    requests a second: 6 million in ten minutes would be too many; at the limit the oldest generation goes early, and
    a replay then
    still changes nothing, because messages are idempotent by their id).
    """

    def __init__(self, limit: int = 400_000) -> None:
        self._limit = limit
        self._new: set[int] = set()
        self._old: set[int] = set()
        self._since_s = 0.0

    def fresh(self, keyid: str, nonce: str, now_s: float) -> bool:
        """Take one nonce of one key at `now_s`; False where it was used before."""
        # `created` may lie a window in the future and is good for a window after that.
        if now_s - self._since_s > 2 * WINDOW_S or len(self._new) >= self._limit // 2:
            self._old = self._new if now_s - self._since_s <= 4 * WINDOW_S else set()
            self._new = set()
            self._since_s = now_s
        key = hash((keyid, nonce))
        if key in self._new or key in self._old:
            return False
        self._new.add(key)
        return True
