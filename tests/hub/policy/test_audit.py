"""The audit log shows every change made to it afterwards, and can forget a text without losing its proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.policy.audit import AuditLog, Leaf, Record, load_audit_key
from hub.policy.verify import verify
from hub.store import migrate_engine, open_engine

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


def record(number: int) -> Record:
    return Record(at_us=1_795_000_000_000_000 + number, kind="decision", actor="p1", subject=f"incident {number}")


@pytest.fixture
async def audit() -> AsyncIterator[AuditLog]:
    engine = open_engine("sqlite://")
    await migrate_engine(engine)
    yield AuditLog(engine, KEY)
    await engine.dispose()


async def filled(audit: AuditLog, count: int) -> list[Leaf]:
    for number in range(count):
        await audit.append(record(number))
        if number in (2, count - 1):
            await audit.sign_head(number)
    return await audit.leaves()


async def test_an_untouched_log_is_sound(audit: AuditLog) -> None:
    leaves = await filled(audit, 9)
    verdict = verify(leaves, await audit.heads(), KEY.public_key().public_bytes_raw())
    assert verdict.sound
    assert (verdict.size, verdict.heads, verdict.erased) == (9, 2, 0)


async def test_several_records_in_one_go_are_as_many_leaves(audit: AuditLog) -> None:
    assert await audit.append(*(record(n) for n in range(5))) == 5
    assert verify(await audit.leaves(), [await audit.sign_head(1)]).sound


async def test_erasing_a_record_keeps_the_root_and_leaves_no_text(audit: AuditLog) -> None:
    before = verify(await filled(audit, 9), await audit.heads())
    assert await audit.erase([3]) == 1
    leaves = await audit.leaves()
    after = verify(leaves, await audit.heads())
    assert after.sound
    assert (after.root, after.erased) == (before.root, 1)
    assert leaves[3].record is None
    assert leaves[3].salt is None


@pytest.mark.parametrize("how", ["changed", "cut", "reordered", "put in", "taken out", "rebuilt"])
async def test_a_tampered_log_is_found_out(audit: AuditLog, how: str) -> None:
    leaves = await filled(audit, 9)
    heads = await audit.heads()
    if how == "changed":
        leaves[4] = msgspec.structs.replace(leaves[4], record=leaves[5].record)
    elif how == "cut":
        leaves = leaves[:6]
    elif how == "reordered":
        leaves[4], leaves[5] = leaves[5], leaves[4]
    elif how == "put in":
        leaves.insert(4, leaves[4])
    elif how == "taken out":
        del leaves[4]
    else:
        # Somebody with the database, but without the key, writes a consistent new log.
        engine = open_engine("sqlite://")
        await migrate_engine(engine)
        forged = AuditLog(engine, Ed25519PrivateKey.generate())
        leaves = await filled(forged, 9)
        heads = await forged.heads()
        await engine.dispose()
    assert not verify(leaves, heads, KEY.public_key().public_bytes_raw()).sound


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit.key"
    first = load_audit_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert load_audit_key(path).private_bytes_raw() == first.private_bytes_raw()


def test_a_hub_killed_while_it_made_its_key_makes_it_anew(tmp_path: Path) -> None:
    (tmp_path / "audit.new").write_bytes(b"half a k")
    assert len(load_audit_key(tmp_path / "audit.key").private_bytes_raw()) == 32
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audit.key"]
