"""What a deployment states about itself: who answers for it, on what basis, where, until when.

Software can't check that a law exists. It checks that a named person stated a reference, keeps and publishes the
statement, checks dates, places and hashes, and closes by itself. Dates are ISO 8601; an empty field holds the mode
down.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Profile = Literal["statistics-only", "noise-levels", "fr-2023-380", "authorised", "lab"]
Modality = Literal["sound_level", "sound_event", "video_count", "video_event"]
Cover = Literal["audio", "video", "coupling", "dispatch"]
PlaceKind = Literal["street", "closed_site", "school", "worship", "political", "health", "dwelling"]

Point = tuple[float, float]


class _Stated(Struct, frozen=True, forbid_unknown_fields=True):
    """A group of statements; every one may be empty, and what is empty is said."""


class Dpo(_Stated, frozen=True):
    """The data protection officer."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Dpia(_Stated, frozen=True):
    """The impact assessment (GDPR article 35) that covers this deployment."""

    id: str = ""
    version: str = ""
    date: str = ""
    dpo_opinion_ref: str = ""
    review_due: str = ""
    config_hash: str = ""
    """Hash of the configuration that was assessed, as `tocsin policy check` prints it; another one makes it stale."""


class Order(_Stated, frozen=True):
    """The prefect's order of law 2023-380 article 10: 31 days at most; a renewal is a new order, never a later end."""

    number: str = ""
    prefecture: str = ""
    signed: str = ""
    publication_url: str = ""
    start: str = ""
    end: str = ""
    event: str = ""
    services: tuple[str, ...] = ()
    perimeter: tuple[Point, ...] = ()
    """Polygon of (latitude, longitude)."""


class Attestation(_Stated, frozen=True):
    """The conformity attestation: the build and the models that were attested."""

    number: str = ""
    issuer: str = ""
    software: str = ""
    models: tuple[str, ...] = ()


class Operator(_Stated, frozen=True):
    """A person who may decide: designated and trained by name."""

    name: str = ""
    service: str = ""
    trained_on: str = ""
    until: str = ""


class Basis(_Stated, frozen=True):
    """The specific legal basis of the profile `authorised`, as a named person asserted it."""

    reference: str = ""
    jurisdiction: str = ""
    authority: str = ""
    start: str = ""
    end: str = ""
    perimeter: tuple[Point, ...] = ()
    covers: tuple[Cover, ...] = ()
    classes: tuple[str, ...] = ()
    signatory: str = ""


class Council(_Stated, frozen=True):
    """The elected council's yearly vote on this deployment; twelve months after it the deployment closes by itself."""

    renewal_ref: str = ""
    renewed_on: str = ""


class SensorFacts(_Stated, frozen=True):
    """What the law asks of one sensor. `id` may end in `*`; the first that fits a sensor is the one that counts."""

    id: str = ""
    kind: Literal["microphone", "camera"] = "camera"
    place: PlaceKind = "street"
    classes: tuple[str, ...] = ()
    notice: str = ""
    """Reference of the notice that stands in the street."""
    mask_review: str = ""
    """Who reviewed the masks, and when."""
    calibration: str = ""
    """Reference of the calibration report."""
    movable: bool = False
    """A camera that turns; refused outside reviewed presets, and none are known here."""
    turns_camera: str = ""
    """A camera that this sensor would turn, select or bookmark; no profile but `authorised` with `coupling` has it."""
    latitude: float | None = None
    longitude: float | None = None

    def fits(self, sensor: str) -> bool:
        """True where these facts are of `sensor`."""
        return sensor.startswith(self.id[:-1]) if self.id.endswith("*") else sensor == self.id


class Retention(_Stated, frozen=True):
    """Days that each kind is kept; the profile's ceilings stand above."""

    detections_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    incidents_days: Annotated[int, Meta(ge=1, le=3650)] = 365
    levels_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    video_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    audit_days: Annotated[int, Meta(ge=1, le=3650)] = 365


class Publication(_Stated, frozen=True):
    """What the public register tells of who runs this and what it costs; a change does not touch the assessment."""

    direction: str = ""
    contact: str = ""
    website: str = ""
    supplier: str = ""
    contract: str = ""
    cost_per_year: str = ""
    council_vote: str = ""
    """Reference and date of the council's vote."""
    source_code: str = ""
    since: str = ""
    """First day of operation."""


class PolicyConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The legal profile and what it needs; the mode is computed, never typed. A bare install does statistics."""

    profile: Profile = "statistics-only"
    controller: str = ""
    purpose: str = ""
    dpo: Dpo = Dpo()
    dpia: Dpia = Dpia()
    order: Order = Order()
    attestation: Attestation = Attestation()
    operators: tuple[Operator, ...] = ()
    basis: Basis = Basis()
    council: Council = Council()
    sensors: tuple[SensorFacts, ...] = ()
    retention: Retention = Retention()
    bin_minutes: Annotated[int, Meta(ge=1, le=1440)] = 20
    experiment_end: str = ""
    """An end of the experiment of law 2023-380 later than the known one needs its official reference beside it."""
    experiment_reference: str = ""
    hosting_region: str = "EU"
    publication: Publication = Publication()
    requests: tuple[str, ...] = ()
    """Functions that somebody asked for by name; those behind a red line are refused with its number."""
    responsible_person: str = ""
    start: str = ""
    """First day of the laboratory."""
    end: str = ""
    """Last day of the laboratory."""

    def facts_of(self, sensor: str) -> SensorFacts | None:
        """What was stated of `sensor`: the first that fits; None where nothing was."""
        return next((facts for facts in self.sensors if facts.fits(sensor)), None)


def field_at(policy: PolicyConfig, path: str) -> Any:
    """The value at a dotted path such as `dpo.email`."""
    value: Any = policy
    for name in path.split("."):
        value = getattr(value, name)
    return value
