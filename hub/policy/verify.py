"""Checks an audit log without the hub: every leaf, every signed head, and that nothing was cut off or put in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from hub.policy.audit import Head, Leaf
from hub.policy.merkle import Frontier

BLOCK: Final = 65_536
"""Leaves that are hashed into the tree together."""
_sha256: Final = hashlib.sha256


class Verdict(Struct, frozen=True):
    """What was found: `faults` is empty where the log is sound."""

    size: int
    erased: int
    heads: int
    root: bytes
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """True where nothing is wrong."""
        return not self.faults


def verify(leaves: Iterable[Leaf], heads: Sequence[Head], trusted_key: bytes | None = None) -> Verdict:
    """Walk the log once; `heads` may hold heads that were kept elsewhere, `trusted_key` is the hub's key if known."""
    faults: list[str] = []
    waiting = sorted(heads, key=lambda head: head.size)
    frontier, erased = Frontier(), 0
    position = 0
    for head in waiting:
        if not head.holds():
            faults.append(f"the signature of the head at {head.size} is not valid")
        elif trusted_key is not None and head.public_key != trusted_key:
            faults.append(f"the head at {head.size} was signed with another key")

    def compare(size: int) -> None:
        nonlocal position
        while position < len(waiting) and waiting[position].size == size:
            if waiting[position].root != frontier.root():
                faults.append(f"the first {size} records are not those that were signed")
            position += 1

    compare(0)
    waits: list[bytes] = []
    for expected, leaf in enumerate(leaves):
        if leaf.sequence != expected:
            faults.append(f"record {expected} is missing or out of order (found {leaf.sequence})")
            break
        if leaf.record is None or leaf.salt is None:
            erased += 1
        elif _sha256(b"\x00" + leaf.salt + leaf.record).digest() != leaf.leaf:
            faults.append(f"record {leaf.sequence} was changed")
        waits.append(leaf.leaf)
        signed = position < len(waiting) and waiting[position].size == expected + 1
        if signed or len(waits) == BLOCK:
            frontier.extend(waits)
            waits.clear()
            compare(frontier.size)
    frontier.extend(waits)
    if position < len(waiting) and not any("missing" in fault for fault in faults):
        faults.append(f"the log ends at {frontier.size}, and a head of {waiting[-1].size} was signed: it was cut off")
    return Verdict(frontier.size, erased, len(waiting), frontier.root(), tuple(faults))
