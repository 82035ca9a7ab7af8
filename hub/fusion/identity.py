"""Who is who: the identity of an incident, which of those told before a shot revises, and when two tell the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

import msgspec

from hub.fusion.settings import FusionSettings
from hub.fusion.shots import Shot
from hub.incident import Incident


def incident_id(onset_us: int, seed: str) -> UUID:
    """A UUIDv8 (RFC 9562) that follows from the evidence: milliseconds of the onset, then a hash of `seed`."""
    digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    value = ((onset_us // 1_000) & ((1 << 48) - 1)) << 80 | digest
    value = value & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62)
    return UUID(int=value)


def new_id(onset_us: int, first: UUID, taken: set[UUID]) -> UUID:
    """The id of an incident that begins with this detection; never one that another one was told by."""
    seed = str(first)
    while (identity := incident_id(onset_us, seed)) in taken:
        seed += "'"
    return identity


def followed(shots: Sequence[Shot], told: Sequence[Incident], settings: FusionSettings) -> dict[int, int]:
    """Which incident told before each shot revises, by their places in the two lists; a shot without one is new.

    The pairs that share the most detections come first, then those of one moment. A shot that has neither in common
    with an incident is another one: what a person has judged must never come to mean something else.
    """
    beside_us = settings.echo_tail_s * 1e6
    pairs: list[tuple[int, int, int, int]] = []
    for at, incident in enumerate(told):
        used = {arrival.detection for arrival in incident.arrivals}
        for number, shot in enumerate(shots):
            shared, apart_us = len(used & shot.detections), abs(incident.onset_us - shot.onset_us)
            if shared or apart_us <= beside_us:
                pairs.append((-shared, apart_us, number, at))
    found: dict[int, int] = {}
    for _, _, number, at in sorted(pairs):
        if number not in found and at not in found.values():
            found[number] = at
    return found


def same(one: Incident, other: Incident) -> bool:
    """True if two revisions tell the same."""
    return msgspec.structs.replace(one, revision=0, updated_us=0) == msgspec.structs.replace(
        other, revision=0, updated_us=0
    )
