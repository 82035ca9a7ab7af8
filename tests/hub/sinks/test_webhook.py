"""One attempt at one receiver: what counts as delivered, and what is never connected to."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hub.incident import Incident
from hub.sinks.address_guard import AddressBlocked, GuardedResolver, is_public
from hub.sinks.endpoints import Endpoint, EndpointRefused
from hub.sinks.webhook import Attempt, Webhook
from hub.store import Notice

NOW_US = 1_790_000_001_000_000


@pytest.fixture
def notice(make_incident: Callable[..., Incident]) -> Notice:
    return Notice(kind="dispatch", message_id="msg_1", incident=make_incident(), confirmed_us=NOW_US, sent_us=NOW_US)


async def send(endpoint: Endpoint, notice: Notice) -> Attempt:
    webhook = await Webhook.open(endpoint, "tocsin")
    try:
        return await webhook.deliver(notice, 1)
    finally:
        await webhook.close()


def answering(**answer: Any) -> Callable[[web.Request], Any]:
    async def behave(_request: web.Request) -> web.Response:
        return web.Response(**answer)

    return behave


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_success(endpoint: Endpoint, receiver: Any, notice: Notice, status: int) -> None:
    receiver.behave = answering(status=status)
    attempt = await send(endpoint, notice)
    assert (attempt.verdict, attempt.delivery.status, attempt.delivery.error) == ("delivered", status, None)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 500, 503])
async def test_anything_else_is_a_failure(endpoint: Endpoint, receiver: Any, notice: Notice, status: int) -> None:
    receiver.behave = answering(status=status, headers={"Location": receiver.url + "?again"})
    attempt = await send(endpoint, notice)
    assert (attempt.verdict, attempt.delivery.error) == ("failed", f"http_{status}")
    assert len(receiver.got) == 1, "a redirect is not followed"


async def test_410_means_gone(endpoint: Endpoint, receiver: Any, notice: Notice) -> None:
    receiver.behave = answering(status=410)
    assert (await send(endpoint, notice)).verdict == "gone"


@pytest.mark.parametrize(
    ("status", "header", "pause_s"),
    [(429, None, 15.0), (502, "3", 15.0), (504, "120", 120.0), (503, "40", 40.0), (500, None, None), (503, "x", None)],
)
async def test_a_receiver_that_asks_for_time_gets_it(
    endpoint: Endpoint, receiver: Any, notice: Notice, status: int, header: str | None, pause_s: float | None
) -> None:
    receiver.behave = answering(status=status, headers={"Retry-After": header} if header else {})
    assert (await send(endpoint, notice)).pause_s == pause_s


async def test_the_log_keeps_the_request_without_secrets_and_a_short_answer(
    endpoint: Endpoint, receiver: Any, notice: Notice
) -> None:
    receiver.behave = answering(status=500, text="x" * 100_000)
    delivery = (await send(endpoint, notice)).delivery
    assert len(delivery.answer) == 1_024
    assert endpoint.secret.removeprefix("whsec_") not in str(delivery)
    assert delivery.request["webhook-id"] == "msg_1"


async def test_a_receiver_that_never_answers_is_left_after_the_time_out(notice: Notice, endpoint: Endpoint) -> None:
    done = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    attempt = await send(msgspec.structs.replace(endpoint, url=url, timeout_s=0.2), notice)
    done.set()
    server.close()
    assert (attempt.verdict, attempt.delivery.status, attempt.delivery.error) == ("failed", None, "timeout")


async def test_an_endless_answer_is_not_read_to_its_end(endpoint: Endpoint, receiver: Any, notice: Notice) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"." * 65_536)
        return response

    receiver.behave = pour
    attempt = await send(endpoint, notice)
    assert (attempt.verdict, len(attempt.delivery.answer)) == ("delivered", 1_024)


async def test_a_receiver_that_closes_or_is_not_there_is_a_failure(endpoint: Endpoint, notice: Notice) -> None:
    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    gone = msgspec.structs.replace(endpoint, url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (await send(gone, notice)).delivery.error == "closed"
    server.close()
    await server.wait_closed()
    assert (await send(gone, notice)).delivery.error == "connect"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://localhost/",
    ],
)
async def test_the_hubs_own_network_is_never_connected_to(url: str, endpoint: Endpoint, notice: Notice) -> None:
    attempt = await send(msgspec.structs.replace(endpoint, url=url, allow_private=()), notice)
    assert (attempt.verdict, attempt.delivery.error) == ("failed", "blocked_address")


@pytest.mark.parametrize("url", ["https://2130706433/", "https://127.1/", "https://0x7f000001/"])
async def test_odd_spellings_of_an_address_are_not_connected_to(url: str, endpoint: Endpoint, notice: Notice) -> None:
    attempt = await send(msgspec.structs.replace(endpoint, url=url, allow_private=()), notice)
    assert attempt.verdict == "failed"
    assert attempt.delivery.status is None


class _Answering(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_one_private_address_among_public_ones_blocks_the_name() -> None:
    with pytest.raises(AddressBlocked, match=r"10\.0\.0\.7"):
        await GuardedResolver((), _Answering("93.184.215.14", "10.0.0.7")).resolve("police.example", 443)
    allowed = await GuardedResolver({"police.example"}, _Answering("10.0.0.7")).resolve("police.example", 443)
    assert allowed[0]["host"] == "10.0.0.7"


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_no_more_public_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    nat64 = ipaddress.IPv6Address(ipaddress.IPv6Address("64:ff9b::").packed[:12] + address.packed)
    assert is_public(str(address)) == is_public(str(mapped)) == is_public(str(nat64))


@pytest.mark.parametrize("url", ["http://police.example/", "https://user:pass@police.example/", "https:///path"])
async def test_an_unsafe_address_is_refused_at_the_start(url: str, endpoint: Endpoint) -> None:
    with pytest.raises(EndpointRefused):
        await Webhook.open(msgspec.structs.replace(endpoint, url=url, allow_private=()), "tocsin")


async def test_the_same_message_is_the_same_bytes_in_every_format(endpoint: Endpoint, notice: Notice) -> None:
    for form, content_type in (
        ("cloudevents", "application/cloudevents+json"),
        ("cap", "application/cap+xml"),
        ("plain", "application/json"),
    ):
        webhook = await Webhook.open(msgspec.structs.replace(endpoint, format=form), "tocsin")
        assert webhook.render(notice) == webhook.render(notice)
        assert webhook.render(notice)[0] == content_type
        await webhook.close()


async def test_a_cloudevent_has_what_the_standard_asks_for(endpoint: Endpoint, receiver: Any, notice: Notice) -> None:
    await send(endpoint, notice)
    event = json.loads(receiver.got[0][1])
    assert event["specversion"] == "1.0"
    assert event["id"] == "msg_1"
    assert event["type"] == "org.tocsin.incident.confirmed"
    assert UUID(event["subject"]) == notice.incident.id  # type: ignore[union-attr]
    assert datetime.datetime.fromisoformat(event["time"]).timestamp() == NOW_US / 1e6
    assert all(name.isalnum() and name == name.lower() for name in event)
    assert event["data"]["place"]["ellipse"]["semi_major_m"] == 8.0
    assert "Claire" not in str(event)


@pytest.fixture
async def tls_receiver(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """An HTTPS receiver with a certificate of its own, that asks for the client's: its URL and the certificate."""
    path = tmp_path / "receiver.pem"
    path.write_bytes(_certificate("localhost"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=path)
    context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED

    async def take(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    server = TestServer(app)
    await server.start_server(ssl=context)
    yield f"https://localhost:{server.port}/", path
    await server.close()


async def test_a_receiver_is_believed_only_with_a_certificate_that_was_trusted(
    tls_receiver: tuple[str, Path], endpoint: Endpoint, notice: Notice
) -> None:
    url, certificate = tls_receiver
    there = msgspec.structs.replace(endpoint, url=url, allow_private=("localhost",))
    assert (await send(there, notice)).delivery.error == "tls"
    trusting = msgspec.structs.replace(there, ca_file=certificate, client_certificate_file=certificate)
    assert (await send(trusting, notice)).verdict == "delivered"
    without = msgspec.structs.replace(there, ca_file=certificate)
    assert (await send(without, notice)).verdict == "failed"


def _certificate(host: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private
