"""Time-stamps on the audit log, by a real authority: openssl behind HTTP, with keys made for the test."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.policy.audit import AuditLog, Record
from hub.store import migrate_engine, open_engine

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl, which plays the time-stamping authority")
SETTINGS = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


async def run(*command: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


async def openssl(*arguments: str | Path) -> None:
    assert OPENSSL is not None
    code, told = await run(OPENSSL, *arguments)
    assert code == 0, told


async def audit(*arguments: str | Path) -> tuple[int, str]:
    return await run(sys.executable, "-m", "hub.commands.main", "audit", *arguments)


async def make_authority(folder: Path) -> Path:
    """A root, and a certificate for time-stamping under it; the folder that holds them."""
    await asyncio.to_thread(folder.mkdir)
    settings = folder / "tsa.cnf"
    await asyncio.to_thread(settings.write_text, SETTINGS.format(folder=folder))
    await asyncio.to_thread((folder / "serial").write_text, "01\n")
    new = ("req", "-config", settings, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2")
    await openssl(*new, "-x509", "-extensions", "root", "-subj", "/CN=Root", "-keyout", folder / "ca.key", "-out",
                  folder / "ca.pem")  # fmt: skip
    await openssl(*new, "-x509", "-extensions", "leaf", "-subj", "/CN=Clock", "-keyout", folder / "tsa.key", "-CA",
                  folder / "ca.pem", "-CAkey", folder / "ca.key", "-out", folder / "tsa.pem")  # fmt: skip
    return folder


@pytest.fixture
async def authority(tmp_path: Path) -> Path:
    return await make_authority(tmp_path / "tsa")


@pytest.fixture
async def address(authority: Path, aiohttp_server: Callable[..., object]) -> str:
    """Where the authority answers: /tsr does, /old answers what it answered before, /page is no authority."""
    kept: list[bytes] = []

    async def stamp(request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        if request.path == "/page":
            return web.Response(text="hello")
        query, reply = authority / "query", authority / "reply"
        if request.path != "/old" or not kept:
            await asyncio.to_thread(query.write_bytes, await request.read())
            await openssl("ts", "-reply", "-config", authority / "tsa.cnf", "-queryfile", query, "-out", reply)
            kept.append(await asyncio.to_thread(reply.read_bytes))
        return web.Response(body=kept[-1], content_type="application/timestamp-reply")

    app = web.Application()
    app.router.add_post("/{which}", stamp)
    server = await aiohttp_server(app)  # type: ignore[misc]
    return str(server.make_url("/"))


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[tuple[Path, AuditLog]]:
    """A hub's data folder with three records under a signed head."""
    folder = tmp_path / "data"
    await asyncio.to_thread(folder.mkdir)
    engine = open_engine(f"sqlite+aiosqlite:///{folder / 'state.sqlite'}")
    await migrate_engine(engine)
    log = AuditLog(engine, Ed25519PrivateKey.generate())
    await log.append(*(Record(at_us=n, kind="decision", actor="p", subject=f"incident {n}") for n in range(3)))
    await log.sign_head(3)
    yield folder, log
    await engine.dispose()


async def test_a_stamp_holds_for_the_log_it_was_made_of_even_after_the_log_grew(
    data: tuple[Path, AuditLog], authority: Path, address: str, tmp_path: Path
) -> None:
    folder, log = data
    out = tmp_path / "head.tsr"
    assert await audit("stamp", "--data-dir", folder, "--tsa", f"{address}tsr", "--out", out) == (
        0,
        f"3 records time-stamped, in {out}\n",
    )
    await log.append(Record(at_us=4, kind="decision", actor="p", subject="incident 4"))
    await log.sign_head(4)
    code, told = await audit("verify", folder, "--stamp", out, "--tsa-certificate", authority / "ca.pem")
    assert code == 0, told
    assert "the first 3 records were so at 20" in told
    # And openssl itself agrees about what was stamped.
    await openssl("ts", "-verify", "-queryfile", authority / "query", "-in", out, "-CAfile", authority / "ca.pem")


async def test_a_stamp_of_another_log_by_another_authority_or_cut_is_told(
    data: tuple[Path, AuditLog], authority: Path, address: str, tmp_path: Path
) -> None:
    folder, _ = data
    out, other = tmp_path / "head.tsr", tmp_path / "other.tsr"
    await audit("stamp", "--data-dir", folder, "--tsa", f"{address}tsr", "--out", out)
    stranger = await make_authority(tmp_path / "stranger")
    await asyncio.to_thread((tmp_path / "file").write_bytes, b"another log's head")
    await openssl("ts", "-query", "-data", tmp_path / "file", "-sha256", "-cert", "-out", tmp_path / "query")
    await openssl("ts", "-reply", "-config", authority / "tsa.cnf", "-queryfile", tmp_path / "query", "-out", other)
    cut = tmp_path / "cut.tsr"
    await asyncio.to_thread(cut.write_bytes, (await asyncio.to_thread(out.read_bytes))[:-20])
    changed = tmp_path / "changed.tsr"
    whole = bytearray(await asyncio.to_thread(out.read_bytes))
    whole[-3] ^= 1
    await asyncio.to_thread(changed.write_bytes, whole)
    for file, root, code in (
        (out, stranger, "stamp_invalid"),
        (other, authority, "stamp_of_no_head"),
        (cut, authority, "stamp_invalid"),
        (changed, authority, "stamp_invalid"),
    ):
        answer, told = await audit("verify", folder, "--stamp", file, "--tsa-certificate", root / "ca.pem")
        assert answer == 1, told
        assert "NOT SOUND" in told
        assert code in told


async def test_what_is_no_answer_to_this_request_is_not_kept(
    data: tuple[Path, AuditLog], address: str, tmp_path: Path
) -> None:
    folder, _ = data
    out = tmp_path / "head.tsr"
    await audit("stamp", "--data-dir", folder, "--tsa", f"{address}tsr", "--out", tmp_path / "first.tsr")
    for tsa, code in (
        (f"{address}old", "tsa_answer_wrong"),
        (f"{address}page", "tsa_refused"),
        ("http://127.0.0.1:9/tsr", "tsa_unreachable"),
        ("no address", "tsa_unreachable"),
    ):
        answer, told = await audit("stamp", "--data-dir", folder, "--tsa", tsa, "--out", out)
        assert (answer, told.partition(":")[0]) == (1, code)
        assert not await asyncio.to_thread(out.exists)


async def test_a_stamp_without_the_authority_s_certificate_is_asked_for_it(data: tuple[Path, AuditLog]) -> None:
    assert (await audit("verify", data[0], "--stamp", "x.tsr"))[0] == 2
