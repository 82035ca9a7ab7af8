"""The hub with its own certificate: people and sensors over TLS, nothing in the clear, and no old protocol."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.app import serving
from hub.config import Http, HubConfig, Limits, PolicyConfig
from hub.keys import LOG, REGISTRY
from hub.registry import SensorRecord
from sensors.identity import Identity
from sensors.protocol import Heartbeat
from sensors.spool import Spool
from sensors.uplink import Uplink

POLICY = PolicyConfig(profile="lab", responsible_person="A. Tester", start="2026-01-01", end="2099-01-01")


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "hub.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "hub.key").write_bytes(private)


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[tuple[aiohttp.web.Application, int, ssl.SSLContext]]:
    """A hub with its certificate, its port, and a client's view that trusts it."""
    await asyncio.to_thread(write_certificate, tmp_path)
    limits = Limits(idle_s=2.0)
    key = tmp_path / "hub.key"
    http = Http(host="localhost", port=0, tls_certificate=tmp_path / "hub.crt", tls_key=key, limits=limits)
    trusting = await asyncio.to_thread(ssl.create_default_context, cafile=str(tmp_path / "hub.crt"))
    async with serving(HubConfig(data_dir=tmp_path / "data", policy=POLICY, http=http)) as (app, port):
        yield app, port, trusting


async def test_people_are_served_and_a_stranger_certificate_is_noticed(secured) -> None:
    _, port, trusting = secured
    async with aiohttp.ClientSession(f"https://localhost:{port}") as session:
        async with session.get("/api/v1/status", ssl=trusting) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("/api/v1/status")


async def test_nothing_is_said_in_the_clear_and_no_old_protocol_is_spoken(secured) -> None:
    _, port, trusting = secured
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://localhost:{port}/api/v1/status")
    assert trusting.minimum_version >= ssl.TLSVersion.TLSv1_2
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    tls = writer.get_extra_info("ssl_object")
    assert tls.version() in {"TLSv1.2", "TLSv1.3"}
    writer.close()
    assert reader is not None


async def test_a_cookie_is_for_the_secured_line_alone(secured) -> None:
    app, port, trusting = secured
    from hub.keys import ACCOUNTS

    await app[ACCOUNTS].create("anna", "administrator", "the bell of the old town", 1)
    async with (
        aiohttp.ClientSession(f"https://localhost:{port}") as session,
        session.post(
            "/api/v1/session",
            json={"name": "anna", "password": "the bell of the old town"},
            headers={"X-Tocsin": "1"},
            ssl=trusting,
        ) as answer,
    ):
        assert answer.status == 200
        said = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= {part.strip() for part in said.split(";")}


async def test_a_sensor_delivers_over_it(secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, port, trusting = secured
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    identity = Identity.generate("mic-1")
    await app[REGISTRY].add(SensorRecord(id="mic-1", kind="microphone", latitude=45.4, longitude=4.3))
    now_us = time.time_ns() // 1_000
    code = await app[REGISTRY].new_code("mic-1", now_us)
    await app[REGISTRY].enrol(code, base64.b64decode(identity.public_key), None, "test", now_us)
    spool = Spool(":memory:")
    import uuid6

    beat = Heartbeat(
        id=uuid6.uuid7(), sensor="mic-1", sent=now_us, uptime_s=1.0, clock_offset_us=0, clock_sigma_us=1, queue_depth=0,
        dropped=0, capture="ok", software="x",
    )  # fmt: skip
    await spool.put(beat)
    uplink = Uplink(f"https://localhost:{port}", identity, spool)
    running = asyncio.create_task(uplink.run())
    assert await uplink.drain(60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await spool.aclose()
    assert [entry.message.id for entry in await app[LOG].read(0)] == [beat.id]


async def test_who_never_begins_to_speak_is_let_go(secured) -> None:
    _, port, _ = secured
    reader, writer = await asyncio.open_connection("localhost", port)
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()
