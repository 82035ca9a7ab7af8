"""Where a dispatch goes: the configuration of one webhook endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Endpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """One receiver of dispatches, with its secrets, its filters and its limits.

    `exercise` endpoints get exercises and nothing else; the others never get one. `secret` (`whsec_` + base64) signs
    with HMAC-SHA256 (`v1`), `signing_key` (`whsk_` + base64) with Ed25519 (`v1a`); `old_secrets` sign beside it in a
    rotation.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    url: Annotated[str, Meta(pattern=r"^https?://")]
    secret: str = ""
    secret_file: Path | None = None
    old_secrets: tuple[str, ...] = ()
    signing_key: str = ""
    signing_key_file: Path | None = None
    format: Literal["cloudevents", "cap", "plain"] = "cloudevents"
    events: tuple[str, ...] = ()
    """Classes that go there; empty means all."""
    exercise: bool = False
    allow_private: tuple[str, ...] = ()
    """Host names that may resolve to a private address; every other private address is refused."""
    timeout_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 10.0
