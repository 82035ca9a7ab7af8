"""Signatures that the reference library and the Ed25519 of another library accept, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as Reference
from standardwebhooks.webhooks import WebhookVerificationError

from hub.sinks.endpoints import Endpoint, KeyRefused
from hub.sinks.signing import SignatureRefused, Signer, Verifier, signed_bytes

URL = "https://police.example/hook"


def secret(fill: int) -> str:
    return "whsec_" + base64.b64encode(bytes([fill]) * 32).decode()


def endpoint(**changes: Any) -> Endpoint:
    return Endpoint(name="police", url=URL, **changes)


@given(body=st.text(max_size=200), message_id=st.from_regex(r"msg_[0-9a-f]{8}", fullmatch=True))
def test_the_reference_library_makes_the_same_signature(body: str, message_id: str) -> None:
    signature = Signer.of(endpoint(secret=secret(1))).sign(message_id, 1_790_000_000, body.encode())
    moment = datetime.fromtimestamp(1_790_000_000, UTC)
    assert signature == Reference(secret(1)).sign(message_id, moment, body)


def test_a_rotation_signs_with_the_new_and_the_old_key() -> None:
    now_s = int(datetime.now(UTC).timestamp())
    signature = Signer.of(endpoint(secret=secret(2), old_secrets=(secret(1),))).sign("msg_1", now_s, b"{}")
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now_s), "webhook-signature": signature}
    assert len(signature.split(" ")) == 2
    for accepted in (secret(1), secret(2)):
        Reference(accepted).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Reference(secret(3)).verify(b"{}", headers)


def test_an_asymmetric_key_signs_beside_the_secret(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    text = "whsk_" + base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()
    (tmp_path / "key").write_text(text + "\n")
    signer = Signer.of(endpoint(secret=secret(1), signing_key_file=tmp_path / "key"))
    first, second = signer.sign("msg_1", 1_790_000_000, b"body").split(" ")
    assert first.startswith("v1,")
    version, encoded = second.split(",")
    assert version == "v1a"
    key.public_key().verify(base64.b64decode(encoded), signed_bytes("msg_1", 1_790_000_000, b"body"))


def test_a_call_back_signed_with_its_own_key_is_accepted_and_with_another_refused() -> None:
    key, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    callback_key = "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()
    verifier = Verifier.of(endpoint(secret=secret(1), callback_key=callback_key))
    signed = signed_bytes("id", 1_790_000_000, b"{}")
    good, bad = (f"v1a,{base64.b64encode(one.sign(signed)).decode()}" for one in (key, stranger))
    verifier.verify("id", "1790000000", good, b"{}", 1_790_000_010.0)
    verifier.verify("id", "1790000000", f"{bad} {good}", b"{}", 1_790_000_010.0)
    hmac_only = Signer.of(endpoint(secret=secret(1))).sign("id", 1_790_000_000, b"{}")
    for wrong in (bad, hmac_only, "", "v1a,", "v1a,%%%", "v2,abcd", "nonsense"):
        with pytest.raises(SignatureRefused):
            verifier.verify("id", "1790000000", wrong, b"{}", 1_790_000_010.0)
    with pytest.raises(SignatureRefused):
        verifier.verify("other", "1790000000", good, b"{}", 1_790_000_010.0)
    for moment in ("1789999000", "soon", "", "1e9", "١٢"):
        with pytest.raises(SignatureRefused):
            verifier.verify("id", moment, good, b"{}", 1_790_000_010.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "give it a `secret`"),
        ({"secret": "whsec_c2hvcnQ="}, "24 to 64"),
        ({"secret": "plain words"}, "24 to 64"),
        ({"signing_key": "whsk_AAAA"}, "32 or 64"),
        ({"signing_key": "whsk_" + base64.b64encode(bytes(64)).decode()}, "belong together"),
        ({"secret_file": Path("/nowhere/secret")}, "cannot be read"),
    ],
)
def test_an_unusable_key_is_refused_in_words_that_do_not_show_it(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(KeyRefused, match=words) as refusal:
        Signer.of(endpoint(**changes))
    assert "plain words" not in str(refusal.value)


def test_the_representation_of_a_signer_shows_no_key() -> None:
    assert repr(Signer.of(endpoint(secret=secret(1)))) == "Signer(v1=1, v1a=0)"
