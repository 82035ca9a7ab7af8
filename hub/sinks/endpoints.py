"""Where a dispatch goes: the configuration of one webhook endpoint, its secrets and its filters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from yarl import URL

from hub.fusion.geometry import distance_to_ring_m, inside
from hub.incident import Incident, Place

Point = tuple[float, float]


class EndpointRefused(ValueError):
    """An endpoint whose configuration is unsafe or cannot work; the message says what to change."""

    code = "endpoint_refused"


class KeyRefused(EndpointRefused):
    """A key that is not what its prefix says; the message names the endpoint, never the key."""

    code = "webhook_key_refused"


class Endpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """One receiver of dispatches, with its secrets, its filters and its limits.

    `exercise` endpoints get exercises and nothing else; the others never get one. `secret` (`whsec_` + base64) signs
    with HMAC-SHA256 (`v1`), `signing_key` (`whsk_` + base64) with Ed25519 (`v1a`); `old_secrets` (of both kinds) sign
    beside them in a rotation.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    url: Annotated[str, Meta(pattern=r"^https?://")]
    secret: str = ""
    secret_file: Path | None = None
    old_secrets: tuple[str, ...] = ()
    signing_key: str = ""
    signing_key_file: Path | None = None
    purpose: Literal["dispatch", "escalation"] = "dispatch"
    """`dispatch` gets what people confirmed. `escalation` calls those on duty in the control room to an incident that
    nobody looks at: it says that one waits, not where nor how sure the hub is, and never gets a dispatch."""
    format: Literal["cloudevents", "cap", "plain"] = "cloudevents"
    events: tuple[str, ...] = ()
    """Classes that go there; empty means all."""
    zones: dict[str, tuple[Point, ...]] = {}
    """Polygons of (latitude, longitude) by name: an incident that may lie in one of them goes there; none means all."""
    minimum_probability: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    exercise: bool = False
    allow_private: tuple[str, ...] = ()
    """Host names that may resolve to a private address; every other private address is refused."""
    timeout_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 10.0
    ca_file: Path | None = None
    """Authority that signed the receiver's certificate, where it is not a public one."""
    client_certificate_file: Path | None = None
    """Certificate with its key by which the hub shows itself (mutual TLS)."""
    callback_key: str = ""
    """`whpk_` + base64: the Ed25519 key that signs the receiver's outcome call-backs; without it, `secret` does."""

    def wants(self, incident: Incident) -> bool:
        """True where a confirmed `incident` goes to this endpoint."""
        return self.purpose == "dispatch" and self._concerns(incident)

    def calls(self, incident: Incident) -> bool:
        """True where an `incident` that nobody looks at is called out to this endpoint."""
        return self.purpose == "escalation" and self._concerns(incident)

    def problem(self) -> str:
        """What in it is unsafe or can't work, and what to change; empty where nothing is."""
        url = URL(self.url)
        if not url.host:
            return f"{self.url!r} names no host"
        if url.user or url.password:
            return "a name or password in the URL would end up in logs"
        if url.scheme == "http" and url.host not in self.allow_private:
            return f"use https, or name {url.host} in `allow_private` if it is your own"
        if self.purpose == "escalation" and self.format == "cap":
            return "CAP warns the public; a call to those on duty is no warning"
        return ""

    def _concerns(self, incident: Incident) -> bool:
        return (
            incident.exercise == self.exercise
            and (not self.events or incident.event in self.events)
            and incident.probability >= self.minimum_probability
            and (not self.zones or any(may_lie_in(incident.place, zone) for zone in self.zones.values()))
        )


def may_lie_in(place: Place, polygon: tuple[Point, ...]) -> bool:
    """True where the place lies in the polygon, or so near that its 95 % ellipse may reach into it.

    The ellipse is taken as the circle of its major axis: one message too many is better than a district that hears of
    nothing. Of a strip or a disc every corner of the outline counts.
    """
    reach_m = place.ellipse.semi_major_m if place.ellipse else 0.0
    points = ((place.latitude, place.longitude), *place.outline)
    return distance_to_ring_m(polygon, *points[0]) <= reach_m or any(inside(polygon, *point) for point in points[1:])
