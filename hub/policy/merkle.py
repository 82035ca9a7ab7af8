"""The Merkle tree of the audit log: RFC 6962 section 2.1 (as in RFC 9162), pure functions over leaf hashes.

A leaf is SHA-256(0x00 ‖ data), a node SHA-256(0x01 ‖ left ‖ right). The tree over n leaves splits at the largest power
of two below n, so a growing log never changes the hash of a full subtree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

_sha256: Final = hashlib.sha256
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf's data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees of a growing log: what is kept to add a leaf in O(log n) without the others."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if len(roots) != size.bit_count():
            raise ValueError(f"a log of {size} leaves has {size.bit_count()} full subtrees, not {len(roots)}")
        self.size = size
        self._roots = list(roots)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Roots of the full subtrees, largest first."""
        return tuple(self._roots)

    def append(self, leaf: bytes) -> None:
        """Add the hash of a leaf."""
        size, carried = self.size, leaf
        while size & 1:
            carried = node_hash(self._roots.pop(), carried)
            size >>= 1
        self._roots.append(carried)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add many leaf hashes at once: full subtrees are hashed level by level, twice as fast as one by one."""
        at = 0
        while at < len(leaves):
            # The largest subtree that begins at this size and that the leaves still fill.
            level = (len(leaves) - at).bit_length() - 1
            if self.size:
                level = min(level, (self.size & -self.size).bit_length() - 1)
            block = list(leaves[at : at + (1 << level)])
            while len(block) > 1:
                pairs = zip(block[::2], block[1::2], strict=True)
                block = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
            size, carried = self.size >> level, block[0]
            while size & 1:
                carried = node_hash(self._roots.pop(), carried)
                size >>= 1
            self._roots.append(carried)
            self.size += 1 << level
            at += 1 << level

    def root(self) -> bytes:
        """The tree head of the leaves so far."""
        if not self._roots:
            return EMPTY_ROOT
        *rest, head = self._roots
        for root in reversed(rest):
            head = node_hash(root, head)
        return head


def _split(size: int) -> int:
    """The largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of leaf `index` (RFC 6962 section 2.1.1), from the leaf up. Raises IndexError outside the log."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} is not in a log of {len(leaves)}")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_proof(index, leaves[:k]), root_of(leaves[k:])]
    return [*inclusion_proof(index - k, leaves[k:]), root_of(leaves[:k])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True where `leaf` is leaf `index` of the log of `size` with `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, head = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            head = node_hash(step, head)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            head = node_hash(head, step)
        node >>= 1
        last >>= 1
    return last == 0 and head == root


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Proof that the first `old_size` leaves are a prefix of the log (RFC 6962 section 2.1.2)."""
    if not 0 < old_size <= len(leaves):
        raise ValueError(f"no proof from {old_size} leaves to {len(leaves)}")

    def subproof(size: int, part: Sequence[bytes], whole: bool) -> list[bytes]:
        if size == len(part):
            return [] if whole else [root_of(part)]
        k = _split(len(part))
        if size <= k:
            return [*subproof(size, part[:k], whole), root_of(part[k:])]
        return [*subproof(size - k, part[k:], False), root_of(part[:k])]

    return subproof(old_size, leaves, True)


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True where the log of `new_size` continues the one of `old_size` (RFC 9162 section 2.1.4.2)."""
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old_head = new_head = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_head, new_head = node_hash(step, old_head), node_hash(step, new_head)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new_head = node_hash(new_head, step)
        node >>= 1
        last >>= 1
    return last == 0 and old_head == old_root and new_head == new_root
