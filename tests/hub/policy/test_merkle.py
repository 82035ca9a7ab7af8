"""The audit tree is RFC 6962's: its vectors, its proofs, and no proof for what is not so."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.policy.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}  # fmt: skip

sizes = st.integers(1, 40)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_the_known_roots_come_out(size: int) -> None:
    assert root_of([leaf_hash(data) for data in DATA[:size]]).hex() == ROOTS[size]


@given(st.lists(st.integers(0, 70), max_size=6))
def test_many_at_once_are_the_same_tree_as_one_by_one(parts: list[int]) -> None:
    single, together, done = Frontier(), Frontier(), 0
    for part in parts:
        some = [leaf_hash(str(done + number).encode()) for number in range(part)]
        together.extend(some)
        for leaf in some:
            single.append(leaf)
        done += part
        assert (together.size, together.roots) == (single.size, single.roots)
    assert together.root() == single.root()


@given(sizes, st.data())
def test_every_leaf_has_a_proof_that_holds_for_it_alone(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree = leaves(size)
    root, proof = root_of(tree), inclusion_proof(index, tree)
    assert verify_inclusion(tree[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not verify_inclusion(tree[index], index, size, [*proof, root], root)
    for wrong in {index - 1, index + 1, size} - {index}:
        assert not verify_inclusion(tree[index], wrong, size, proof, root)


@given(sizes, sizes)
def test_a_log_that_only_grew_proves_it_and_a_changed_one_cannot(a: int, b: int) -> None:
    old, new = sorted((a, b))
    tree = leaves(new)
    proof = consistency_proof(old, tree)
    assert verify_consistency(old, new, root_of(tree[:old]), root_of(tree), proof)
    changed = [leaf_hash(b"forged"), *tree[1:]]
    assert not verify_consistency(old, new, root_of(tree[:old]), root_of(changed), consistency_proof(old, changed))


@given(st.integers(0, 40))
def test_a_frontier_goes_on_where_it_was_kept(size: int) -> None:
    kept = Frontier()
    for leaf in leaves(size):
        kept.append(leaf)
    again = Frontier(kept.size, kept.roots)
    again.append(leaf_hash(b"next"))
    assert again.root() == root_of([*leaves(size), leaf_hash(b"next")])
    assert len(again.roots) == (size + 1).bit_count()


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="full subtrees"):
        Frontier(3, [hashlib.sha256(b"").digest()])
