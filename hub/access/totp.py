"""The second factor: time-based one-time codes (RFC 6238: HMAC-SHA-1, 30 s, six digits), each good once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import quote

STEP_S: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""160 bits, as RFC 4226 section 4 recommends."""
DRIFT_STEPS: Final = 1
"""A code of the step before or after is taken: a phone's clock is seconds off (RFC 6238 section 5.2)."""


def new_secret() -> bytes:
    """A new shared secret."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """The code of one step of 30 s since the Unix epoch (RFC 4226 section 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: bytes, code: str, now_s: float, last_step: int) -> int | None:
    """The step whose code this is; None where it is none, or one that was used already (`last_step` or before)."""
    typed = code.replace(" ", "")
    now = int(now_s) // STEP_S
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        # All are compared, so that the time of the answer tells nothing.
        if hmac.compare_digest(code_at(secret, step).encode(), typed.encode()) and step > last_step:
            found = step
    return found


def address(name: str, secret: bytes, issuer: str = "Tocsin") -> str:
    """What an authenticator reads from a QR code."""
    key = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{quote(f'{issuer}:{name}', safe='')}?secret={key}&issuer={quote(issuer)}"
