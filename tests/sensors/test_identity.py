"""The sensor's key file and its signatures, checked against the reference library of RFC 9421."""

from __future__ import annotations

import base64
import datetime
import stat
import time
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms
from yarl import URL

from sensors.identity import Identity, IdentityError, authority_of


class OneKey(HTTPSignatureKeyResolver):
    """Knows one public key."""

    def __init__(self, public_key: str) -> None:
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return self.key

    def resolve_private_key(self, key_id: str) -> Ed25519PublicKey:
        raise NotImplementedError


def signed_request(identity: Identity, body: bytes, url: str = "http://hub.example:8400/api/v1/ingest"):
    headers = identity.sign(
        method="POST",
        authority=authority_of(URL(url)),
        path="/api/v1/ingest",
        content_type="application/msgpack",
        body=body,
        created_s=int(time.time()),
    )
    return requests.Request("POST", url, data=body, headers=headers).prepare()


def test_the_reference_library_verifies_what_a_sensor_signs() -> None:
    identity = Identity.generate("mic-1")
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(identity.public_key))
    (result,) = verifier.verify(signed_request(identity, b"body"), body=b"body", max_age=datetime.timedelta(minutes=5))
    assert result.parameters["keyid"] == "mic-1"
    assert set(result.covered_components) == {
        '"@method"', '"@authority"', '"@path"', '"content-type"', '"content-digest"', '"@signature-params"',
    }  # fmt: skip


@pytest.mark.parametrize("header", ["Content-Type", "Content-Digest", "Signature-Input", "Signature"])
def test_the_reference_library_refuses_a_changed_header(header: str) -> None:
    identity = Identity.generate("mic-1")
    request = signed_request(identity, b"body")
    other = signed_request(identity, b"other")
    request.headers[header] = "application/json" if header == "Content-Type" else other.headers[header]
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=OneKey(identity.public_key))
    with pytest.raises(InvalidSignature):
        verifier.verify(request, body=b"body")


def test_two_signatures_of_one_body_never_share_a_nonce() -> None:
    identity = Identity.generate("mic-1")
    inputs = {signed_request(identity, b"").headers["Signature-Input"] for _ in range(100)}
    assert len(inputs) == 100


def test_a_key_file_is_for_its_owner_only_and_comes_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "mic-1.pem"
    made = Identity.create(path, "mic-1", "https://hub.example")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Identity.load(path)
    assert (loaded.sensor, loaded.hub, loaded.public_key) == ("mic-1", "https://hub.example", made.public_key)


def test_a_key_that_others_may_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "mic-1.pem"
    Identity.create(path, "mic-1")
    path.chmod(0o644)
    with pytest.raises(IdentityError, match="chmod 600") as caught:
        Identity.load(path)
    assert caught.value.code == "key_exposed"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mic-1.pem"
    before = Identity.create(path, "mic-1").public_key
    with pytest.raises(IdentityError) as caught:
        Identity.create(path, "mic-2")
    assert caught.value.code == "key_exists"
    assert Identity.load(path).public_key == before


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "key_missing"),
        ("Tocsin-Sensor: mic-1\nnot a key", "key_invalid"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key_nameless"),
        ("Tocsin-Sensor: MIC 1\n", "key_nameless"),
    ],
)
def test_a_file_that_is_no_key_says_what_is_wrong(tmp_path: Path, text: str | None, code: str) -> None:
    path = tmp_path / "mic-1.pem"
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    with pytest.raises(IdentityError) as caught:
        Identity.load(path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://Hub.Example/x", "hub.example"),
        ("http://hub.example:80/x", "hub.example"),
        ("https://hub.example:8443/x", "hub.example:8443"),
        ("http://[::1]:8400/x", "[::1]:8400"),
    ],
)
def test_an_authority_is_lower_case_and_without_the_default_port(url: str, authority: str) -> None:
    assert authority_of(URL(url)) == authority
