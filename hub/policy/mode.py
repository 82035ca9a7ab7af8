"""The effective mode: computed from the profile, the filled fields, the clock and human suspension; never typed.

The lowest wins: what the profile allows at most, and `off` wherever a rule has a reason against it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from hub.policy.basis import Council, Modality, PolicyConfig, Publication
from hub.policy.profiles import PROFILES, Mode, lower
from hub.policy.rules import RULES, Reason
from hub.policy.standing import STANDING_RULES, Standing

EVERYTHING: Final = "*"
"""The name under which everything at once is suspended."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Assessment(Struct, frozen=True):
    """What a deployment may do at one moment, and why not more."""

    mode: Mode
    reasons: tuple[Reason, ...]
    couples: bool
    """True where sound and camera may be joined in one incident."""
    classes: frozenset[str]
    modalities: frozenset[Modality]
    warnings: tuple[Reason, ...] = ()
    suspended: frozenset[str] = frozenset()

    def may_dispatch(self, event: str) -> bool:
        """True where a confirmed incident of this class may leave the hub."""
        return self.mode == "dispatch" and all(reason.event != event for reason in self.reasons)

    @property
    def accepted(self) -> bool:
        """True where nothing at all speaks against it."""
        return not self.reasons

    def of_sensor(self, sensor: str, policy: PolicyConfig) -> tuple[Mode, tuple[Reason, ...]]:
        """The mode of one sensor and what holds it down."""
        if self.mode == "off":
            return "off", tuple(reason for reason in self.reasons if reason.sensor is None and reason.event is None)
        facts = policy.facts_of(sensor)
        own = tuple(reason for reason in self.reasons if facts is not None and reason.sensor == facts.id)
        if sensor in self.suspended:
            own += (Reason("LEGAL_SUSPENDED", "policy_suspended_sensor", {"sensor": sensor}, sensor),)
        if facts is None:
            own += tuple(_unstated(policy, sensor))
        return ("off" if own else self.mode), own


def _unstated(policy: PolicyConfig, sensor: str) -> list[Reason]:
    """A sensor of which nothing was stated has no notice: only a profile that asks nothing of sensors lets it speak."""
    if not PROFILES[policy.profile].sensor_required:
        return []
    return [Reason("LEGAL_NO_NOTICE", "policy_no_notice", {"sensor": sensor}, sensor)]


def config_hash(policy: PolicyConfig, around: str = "") -> str:
    """Hash of what a DPIA has to cover; the hash that the DPIA itself names and the publisher's address are not.

    The council's vote renews what was assessed and changes nothing of it. `around` is that of `Standing`.
    """
    dpia = msgspec.structs.replace(policy.dpia, config_hash="")
    assessed = msgspec.structs.replace(policy, dpia=dpia, publication=Publication(), council=Council())
    return hashlib.sha256(_encoder.encode(assessed) + around.encode()).hexdigest()[:16]


def assess(
    policy: PolicyConfig, now: dt.datetime, suspended: Collection[str] = (), standing: Standing | None = None
) -> Assessment:
    """Measure a deployment against its profile at `now`; `suspended` names sensors and classes, or `EVERYTHING`.

    Without a `standing` only what is stated is measured, as of a file that nobody runs.
    """
    ceiling = PROFILES[policy.profile]
    reasons = [reason for rule in RULES for reason in rule(policy, now)]
    if standing is not None:
        reasons += [reason for rule in STANDING_RULES for reason in rule(policy, now, standing)]
    assessed = policy.dpia.config_hash.strip()
    if assessed and assessed != (running := config_hash(policy, standing.around if standing else "")):
        reasons.append(Reason("LEGAL_DPIA_STALE", "policy_dpia_drift", {"hash": running}))
    if EVERYTHING in suspended:
        reasons.append(Reason("LEGAL_SUSPENDED", "policy_suspended", {}))
    highest = ceiling.highest
    couples, classes, modalities = ceiling.couples, ceiling.classes, ceiling.modalities
    warnings: list[Reason] = []
    if policy.profile == "authorised":
        covers = set(policy.basis.covers)
        couples = "coupling" in covers
        highest = "dispatch" if "dispatch" in covers else "signal"
        classes = classes & frozenset(policy.basis.classes)
        modalities = frozenset(m for m in modalities if ("audio" if m.startswith("sound") else "video") in covers)
        if "audio" in covers:
            values = {"signatory": policy.basis.signatory, "reference": policy.basis.reference}
            warnings.append(Reason("LEGAL_AUDIO_PUBLIC_NO_LAW", "policy_audio_asserted", values))
    for reason in reasons:
        if reason.code.startswith("LEGAL_REDLINE"):
            highest = "off"
        elif reason.sensor is None and reason.event is None:
            highest = lower(highest, reason.lowers_to)
    return Assessment(
        mode=highest,
        reasons=tuple(reasons),
        couples=couples and highest != "off",
        classes=classes - frozenset(suspended),
        modalities=modalities,
        warnings=tuple(warnings),
        suspended=frozenset(suspended),
    )
