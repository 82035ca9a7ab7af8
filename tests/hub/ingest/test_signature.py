"""Signatures of the reference library of RFC 9421 are taken, and a claim is read strictly."""

from __future__ import annotations

import base64
import datetime
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.signature import WINDOW_S, Nonces, check_digest, parse_claim
from hub.problem import Problem

REQUIRED = ("@method", "@authority", "@path", "content-type", "content-digest")


class OneKey(HTTPSignatureKeyResolver):
    """Signs with one key."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self.key

    def resolve_public_key(self, key_id: str):
        return self.key.public_key()


def signed_by_the_library(url: str, body: bytes, keys: OneKey, covered: tuple[str, ...], **options: object):
    headers = {"Content-Type": "application/json", "User-Agent": "other-maker/1.0"}
    request = requests.Request("POST", url, data=body, headers=headers).prepare()
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    signer.sign(request, key_id="mic-1", covered_component_ids=covered, body=body, **options)  # type: ignore[arg-type]
    return {name: value for name, value in request.headers.items() if name != "Content-Length"}


@pytest.mark.parametrize(
    "covered", [REQUIRED, tuple(reversed(REQUIRED)), (*REQUIRED, "user-agent")], ids=["usual", "reversed", "more"]
)
async def test_what_the_reference_library_signs_is_taken(hub, detection, covered: tuple[str, ...]) -> None:
    import msgspec

    keys = OneKey()
    raw = keys.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    await hub.registry.enrol(await hub.registry.new_code("mic-1", 0), raw, None, "other", 1)
    body = msgspec.json.encode({"messages": [detection()]})
    now = datetime.datetime.now(datetime.UTC)
    headers = signed_by_the_library(
        str(hub.url), body, keys, covered, nonce="n1", created=now, expires=now + datetime.timedelta(seconds=60)
    )
    assert (await hub.post(body, headers)).body["accepted"] == 1


async def test_a_signature_without_a_nonce_or_past_its_end_is_refused(hub, detection, pack) -> None:
    keys = OneKey()
    now = datetime.datetime.now(datetime.UTC)
    bare = signed_by_the_library(str(hub.url), b"{}", keys, REQUIRED, created=now)
    assert (await hub.post(b"{}", bare)).code == "signature_incomplete"
    old = now - datetime.timedelta(seconds=30)
    ended = signed_by_the_library(
        str(hub.url), b"{}", keys, REQUIRED, nonce="n", created=old, expires=now - datetime.timedelta(seconds=10)
    )
    assert (await hub.post(b"{}", ended)).code == "signature_stale"


@given(signature_input=st.text(max_size=300), signature=st.text(max_size=200))
def test_no_text_in_the_headers_breaks_the_reader(signature_input: str, signature: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_claim(signature_input, signature, time.time())
    assert caught.value.status == 401


@given(value=st.text(alphabet="sha-256=:, ABCD/+md5", max_size=200))
def test_no_digest_field_passes_for_another_body(value: str) -> None:
    with pytest.raises(Problem):
        check_digest(value, b"body")


def test_every_digest_of_the_field_must_hold() -> None:
    import hashlib

    good = "sha-256=:" + base64.b64encode(hashlib.sha256(b"body").digest()).decode() + ":"
    also = "sha-512=:" + base64.b64encode(hashlib.sha512(b"body").digest()).decode() + ":"
    check_digest(good, b"body")
    check_digest(f"{good}, {also}", b"body")
    wrong = "sha-512=:" + base64.b64encode(hashlib.sha512(b"other").digest()).decode() + ":"
    with pytest.raises(Problem):
        check_digest(f"{good}, {wrong}", b"body")


def test_a_nonce_is_remembered_for_as_long_as_its_signature_could_come_again() -> None:
    nonces = Nonces()
    assert nonces.fresh("mic-1", "n", 1_000.0)
    assert nonces.fresh("mic-2", "n", 1_000.0)
    for now in (1_000.0, 1_299.0, 1_601.0, 1_000.0 + 2 * WINDOW_S):
        assert not nonces.fresh("mic-1", "n", now)


def test_nonces_take_bounded_memory() -> None:
    nonces = Nonces(limit=1_000)
    for number in range(10_000):
        assert nonces.fresh("mic-1", str(number), 1_000.0)
    assert len(nonces._new) + len(nonces._old) <= 1_000
