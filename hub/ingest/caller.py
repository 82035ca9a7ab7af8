"""Who speaks: a sensor by its signature, or a foreign one by its bearer token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web
from yarl import URL

from hub.config import HubConfig
from hub.ingest.signature import Claim, Nonces, check_digest, parse_claim, signature_base, verifies
from hub.keys import CONFIG, REGISTRY
from hub.problem import Problem
from hub.registry import SensorRecord

CLOCK: Final[web.AppKey[Callable[[], int]]] = web.AppKey("clock")
"""The hub's UTC clock in microseconds."""
NONCES: Final = web.AppKey("nonces", Nonces)


def authorities(host: str, scheme: str, config: HubConfig) -> tuple[str, ...]:
    """The values of `@authority` that are ours: as the request says it, and as people reach us through a proxy."""
    plain = host.strip().lower().removesuffix(":443" if scheme == "https" else ":80")
    if not config.http.public_url:
        return (plain,)
    url = URL(config.http.public_url)
    public = (url.host_subcomponent or "").lower()
    return (plain, public if url.is_default_port() or url.port is None else f"{public}:{url.port}")


async def sensor_of(request: web.Request) -> tuple[SensorRecord, Claim | None]:
    """The registered sensor that a request names, before anything of its body is read; `prove` decides whether it is
    true.

    Problem 401 where it names none that is known, 403 `sensor_revoked` only after `prove`.
    """
    registry = request.app[REGISTRY]
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        kind, _, token = authorization.partition(" ")
        sensor = await registry.sensor_of_token(token.strip()) if kind.lower() == "bearer" else None
        if sensor is None:
            raise Problem(
                401, "token_invalid", "This token is not known; make one with `tocsin sensors token`.",
                headers={"WWW-Authenticate": 'Bearer realm="tocsin"'},
            )  # fmt: skip
        return sensor, None
    for name in ("Signature-Input", "Signature"):
        if name not in request.headers:
            raise Problem(
                401, "credentials_missing", f"{name} is missing: sign the request (RFC 9421) or send a bearer token.",
                headers={"WWW-Authenticate": 'Signature realm="tocsin", Bearer realm="tocsin"'},
            )  # fmt: skip
    now_s = request.app[CLOCK]() / 1e6
    claim = parse_claim(_joined(request, "Signature-Input"), _joined(request, "Signature"), now_s)
    sensor = await registry.sensor(claim.keyid)
    if sensor is None or (sensor.public_key is None and sensor.revoked_us is None):
        raise Problem(401, "sensor_unknown", f"No sensor {claim.keyid} is enrolled here; run `tocsin enrol`.")
    return sensor, claim


def _joined(request: web.Request, name: str) -> str:
    return ", ".join(request.headers.getall(name))


async def prove(request: web.Request, sensor: SensorRecord, claim: Claim | None, body: bytes) -> SensorRecord:
    """Check that `sensor` itself speaks, and still may.

    Problem 400 for a digest that does not match, 401 for a wrong signature or a replay, 403 `sensor_revoked`.
    """
    if claim is not None:
        headers = {name: _joined(request, name) for name in claim.components if name in request.headers}
        check_digest(headers.get("content-digest", ""), body)
        bases = [
            signature_base(claim, request.method, authority, request.rel_url.raw_path, headers)
            for authority in dict.fromkeys(authorities(request.host, request.scheme, request.app[CONFIG]))
        ]
        if sensor.public_key is None or not any(verifies(sensor.public_key, claim.signature, base) for base in bases):
            if sensor.next_key is None or not any(verifies(sensor.next_key, claim.signature, base) for base in bases):
                raise Problem(401, "signature_invalid", f"This is not the signature of {sensor.id} over this request.")
            sensor = await request.app[REGISTRY].promote(sensor.id)
        if not request.app[NONCES].fresh(claim.keyid, claim.nonce, request.app[CLOCK]() / 1e6):
            raise Problem(401, "signature_replayed", "This nonce was used before; sign each request anew.")
    if sensor.revoked_us is not None:
        raise Problem(403, "sensor_revoked", f"{sensor.id} was revoked; it is let in again with a new enrolment code.")
    return sensor
