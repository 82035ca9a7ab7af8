"""The gate before the log: what the profile does not allow is refused with its code and never stored."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from typing import Final, Protocol

from msgspec import Struct

from hub.policy.basis import Modality, PolicyConfig
from hub.policy.mode import Assessment, assess
from hub.policy.profiles import PROFILES, PROTECTED_PLACES, Mode
from hub.policy.rules import Reason, may_confirm, out_of_place
from hub.policy.standing import Standing
from hub.polygon import inside
from sensors.protocol import SOUND_EVENTS, AnyMessage, Detection, Heartbeat, Occupancy, SoundLevel

FRESH_US: Final = 1_000_000
"""An assessment is used for a second: a mode falls within that of its date, and a batch of a thousand costs one."""


class Refusal(Struct, frozen=True):
    """Why a message was refused: a stable code, and the sentence's key with its values."""

    code: str
    words: str
    values: dict[str, str]


class Speaker(Protocol):
    """What the gate needs to know of the sensor that speaks."""

    @property
    def id(self) -> str:
        """Its registered name."""


def modality_of(message: AnyMessage) -> Modality | None:
    """What kind of use a message is; None for one that says nothing of the street."""
    if isinstance(message, Detection):
        return "sound_event" if message.event in SOUND_EVENTS else "video_event"
    if isinstance(message, SoundLevel):
        return "sound_level"
    if isinstance(message, Occupancy):
        return "video_count"
    return None


class Gate:
    """Decides message by message, and counts what it refused; `zone` is where dates without a zone are meant."""

    def __init__(self, policy: PolicyConfig, zone: dt.tzinfo = dt.UTC) -> None:
        self.policy = policy
        self._zone = zone
        self.refused: Counter[str] = Counter()
        self._suspended: frozenset[str] = frozenset()
        self.standing: Standing | None = None
        self._assessment: Assessment | None = None
        self._assessed_us = 0
        self._sensors: dict[str, tuple[Mode, tuple[Reason, ...]]] = {}

    def suspend(self, names: Collection[str]) -> None:
        """What people suspended, from this moment on: sensors, classes, or everything."""
        self._suspended = frozenset(names)
        self._assessment = None

    def stand(self, standing: Standing) -> None:
        """How the hub stands now: what was reported, what runs."""
        self.standing = standing
        self._assessment = None

    def assessment(self, now_us: int) -> Assessment:
        """What the deployment may do now."""
        if self._assessment is None or abs(now_us - self._assessed_us) >= FRESH_US:
            now = dt.datetime.fromtimestamp(now_us / 1e6, self._zone)
            self._assessment = assess(self.policy, now, self._suspended, self.standing)
            self._assessed_us = now_us
            self._sensors.clear()
        return self._assessment

    def refusal(self, message: AnyMessage, sensor: Speaker, now_us: int) -> Refusal | None:
        """Why `message` may not be taken in; None where it may. Heartbeats always may: a stop must be seen to hold."""
        if isinstance(message, Heartbeat):
            return None
        refused = self._judge(message, sensor.id, self.assessment(now_us)) or self._outside(sensor)
        if refused is None and (out := out_of_place(self.policy, sensor.id, getattr(sensor, "heartbeat", None))):
            refused = Refusal(out.code, out.words, out.values)
        if refused is None and isinstance(message, Detection):
            refused = self._attested(message)
        if refused is not None:
            self.refused[refused.code] += 1
        return refused

    def _of_place(self, message: AnyMessage, sensor: str) -> Refusal | None:
        """Red line 13, and the classes that were stated of the sensor: it says nothing else, whatever it is able to."""
        facts = self.policy.facts_of(sensor)
        if facts is None:
            return None
        event = message.event if isinstance(message, Detection) else None
        watches = isinstance(message, Detection | Occupancy) and event != "fire"
        if facts.place in PROTECTED_PLACES and watches:
            return Refusal("LEGAL_REDLINE:13", "redline_13", {"asked": sensor})
        if event is not None and facts.classes and event not in facts.classes:
            values: dict[str, str] = {"profile": self.policy.profile, "event": event}
            return Refusal("LEGAL_CLASS_NOT_LISTED", "policy_class_not_listed", values)
        return None

    def _outside(self, sensor: Speaker) -> Refusal | None:
        """J-03: where the sensor is registered counts too, whatever the configuration says of its place."""
        by_profile = {"fr-2023-380": self.policy.order.perimeter, "authorised": self.policy.basis.perimeter}
        perimeter = by_profile.get(self.policy.profile, ())
        place = (getattr(sensor, "latitude", None), getattr(sensor, "longitude", None))
        if len(perimeter) < 3 or place[0] is None or place[1] is None or inside((place[0], place[1]), perimeter):
            return None
        return Refusal("LEGAL_OUT_OF_PERIMETER", "policy_out_of_perimeter", {"sensor": sensor.id})

    def _attested(self, message: Detection) -> Refusal | None:
        """J-07: where the attestation names models, only these speak; a hash may be told by its beginning."""
        named = self.policy.attestation.models
        if self.policy.profile != "fr-2023-380" or not named:
            return None
        spoke = message.model.rpartition("@")[2]
        if any(hash_of.startswith(spoke) or spoke.startswith(hash_of) for hash_of in map(str.lower, named)):
            return None
        return Refusal("LEGAL_ATTESTATION_MISMATCH", "policy_attestation_model", {"model": message.model})

    def may_confirm(self, person: str, now_us: int) -> Refusal | None:
        """Why `person` may not confirm an incident; None where she may. A refusal is counted."""
        reason = may_confirm(self.policy, person, dt.datetime.fromtimestamp(now_us / 1e6, self._zone))
        if reason is None:
            return None
        self.refused[reason.code] += 1
        return Refusal(reason.code, reason.words, reason.values)

    def _judge(self, message: AnyMessage, sensor: str, assessment: Assessment) -> Refusal | None:
        profile = self.policy.profile
        known = self._sensors.get(sensor)
        if known is None:
            known = self._sensors[sensor] = assessment.of_sensor(sensor, self.policy)
        mode, reasons = known
        if mode == "off":
            first = reasons[0] if reasons else assessment.reasons[0]
            return Refusal(first.code, first.words, first.values)
        modality = modality_of(message)
        if isinstance(message, Detection) and not PROFILES[profile].classes:
            return Refusal("LEGAL_CLASS_NOT_LISTED", "policy_no_events", {"profile": profile, "event": message.event})
        if modality is not None and modality not in assessment.modalities:
            words = "policy_modality_sound" if modality.startswith("sound") else "policy_modality_video"
            return Refusal("LEGAL_MODALITY", words, {"profile": profile})
        if isinstance(message, Detection) and message.event not in assessment.classes:
            values: dict[str, str] = {"profile": profile, "event": message.event}
            return Refusal("LEGAL_CLASS_NOT_LISTED", "policy_class_not_listed", values)
        return self._of_place(message, sensor)
