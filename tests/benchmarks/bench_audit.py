"""How long it takes to check an audit log offline, beside what only hashes the same bytes."""

from __future__ import annotations

import hashlib
import secrets
import time
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.commands._figures import Benched
from hub.policy.audit import Head, Leaf, head_bytes
from hub.policy.merkle import Frontier, leaf_hash
from hub.policy.verify import verify

ROWS = 1_000_000
BODY = b'{"at_us":1795000000000000,"kind":"decision","actor":"p-0123456789ab","subject":"incident 018f0000-0000-7000"}'


def made(rows: int) -> tuple[list[Leaf], list[Head]]:
    """A sound log of `rows` records with a head over all of them."""
    frontier, leaves = Frontier(), []
    salts = secrets.token_bytes(16 * rows)
    for number in range(rows):
        salt = salts[16 * number : 16 * number + 16]
        leaf = leaf_hash(salt + BODY)
        leaves.append(Leaf(number, number, "decision", salt, BODY, leaf))
        frontier.append(leaf)
    key = Ed25519PrivateKey.generate()
    root = frontier.root()
    signature = key.sign(head_bytes(rows, 1, root))
    return leaves, [Head(rows, 1, root, key.public_key().public_bytes_raw(), signature)]


def run(rounds: int) -> dict[str, Benched]:
    """Seconds for a million records."""
    leaves, heads = made(ROWS)
    ours, theirs = [], []
    for _ in range(min(rounds, 3)):
        began = time.perf_counter()
        verdict = verify(leaves, heads)
        ours.append(time.perf_counter() - began)
        assert verdict.sound
        began = time.perf_counter()
        for leaf in leaves:
            hashlib.sha256((leaf.salt or b"") + (leaf.record or b"")).digest()
        theirs.append(time.perf_counter() - began)
    return {
        "audit_verify_1m_s": Benched(median(ours), "s", baseline=median(theirs), baseline_name="hashing alone"),
    }
