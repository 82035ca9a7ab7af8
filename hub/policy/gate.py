"""The gate before the log: what the profile does not allow is refused with its code and never stored."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Final, Protocol

from msgspec import Struct

from hub.config import PolicyConfig
from hub.policy.mode import Mode, Reason, mode_of
from sensors.protocol import SOUND_EVENTS, AnyMessage, Detection, Heartbeat, Occupancy, SoundLevel


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


FR_2023_380_VIDEO: Final = frozenset(
    {"abandoned_object", "wrong_way", "intrusion", "person_down", "crowd_movement", "crowd_density", "fire"}
)
"""Those of the eight classes of decree 2023-828 art. 3 that this vocabulary names; weapons are not detected here."""


class Gate:
    """Decides message by message, and counts what it refused."""

    def __init__(self, policy: PolicyConfig) -> None:
        self._policy = policy
        self._profile = policy.profile
        self.refused: Counter[str] = Counter()
        self._judged_us = -1
        self._judged: tuple[Mode, tuple[Reason, ...]] = ("off", ())

    def refusal(self, message: AnyMessage, sensor: Speaker, now_us: int) -> Refusal | None:
        """Why `message` may not be taken in; None where it may."""
        refused = self._judge(message, now_us)
        if refused is not None:
            self.refused[refused.code] += 1
        return refused

    def _judge(self, message: AnyMessage, now_us: int) -> Refusal | None:
        profile = self._profile
        if isinstance(message, Heartbeat):
            return None
        if now_us != self._judged_us:
            # The messages of one batch come at one moment: the mode is computed once for all of them.
            self._judged = mode_of(self._policy, dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC))
            self._judged_us = now_us
        mode, reasons = self._judged
        if mode == "off":
            return self._refuse(reasons[0].code, reasons[0].words, **reasons[0].values)
        if profile == "lab":
            return None
        if isinstance(message, SoundLevel):
            return None if profile == "noise-levels" else self._refuse("LEGAL_MODALITY", "policy_modality_sound")
        if isinstance(message, Occupancy):
            return None if profile == "statistics-only" else self._refuse("LEGAL_MODALITY", "policy_modality_video")
        return self._judge_detection(message)

    def _judge_detection(self, detection: Detection) -> Refusal | None:
        sound = detection.event in SOUND_EVENTS
        if self._profile in {"statistics-only", "noise-levels"}:
            return self._refuse("LEGAL_CLASS_NOT_LISTED", "policy_no_events", event=detection.event)
        if self._profile == "fr-2023-380":
            if sound:
                return self._refuse("LEGAL_MODALITY", "policy_modality_sound")
            if detection.event not in FR_2023_380_VIDEO:
                return self._refuse("LEGAL_CLASS_NOT_LISTED", "policy_class_not_listed", event=detection.event)
        return self._refuse("LEGAL_FIELD_MISSING:policy.basis", "policy_basis_missing")

    def _refuse(self, code: str, words: str, **values: str) -> Refusal:
        return Refusal(code, words, {"profile": self._profile, **values})
