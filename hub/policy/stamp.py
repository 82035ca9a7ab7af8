"""RFC 3161 time-stamps on tree heads: a third party swears when the log was so, and the hub cannot backdate it.

Only the hash of a head goes to the authority: no record, no name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import aiohttp
from cryptography import x509
from msgspec import Struct
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from hub.policy.audit import Head, head_bytes

QUERY_TYPE: Final = "application/timestamp-query"
REPLY_TYPE: Final = "application/timestamp-reply"
ANSWER_BYTES_MAX: Final = 64 * 1024
"""An answer with a whole chain of certificates is about 6 kB."""
ANSWER_S: Final = 30.0


class StampRefused(Exception):
    """No time-stamp that counts: `code` is stable, the text says what was wrong."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class Stamp(Struct, frozen=True):
    """At `at_us` (by the authority's clock) the log had `size` records, as the head of that size says."""

    at_us: int
    size: int


def stamped_bytes(head: Head) -> bytes:
    """What the authority's time is put on: exactly what the hub itself signed."""
    return head_bytes(head.size, head.at_us, head.root)


async def fetch(head: Head, authority: str) -> bytes:
    """Ask the authority at `authority` (HTTP, RFC 3161 section 3.4) for a time-stamp on `head`; the answer as it came.

    Raises StampRefused where it can't be reached, says no, or answers to another request than this one.
    """
    asked = TimestampRequestBuilder().data(stamped_bytes(head)).hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
            session.post(authority, data=asked.as_bytes(), headers={"Content-Type": QUERY_TYPE}) as answer,
        ):
            if answer.status != 200 or answer.content_type != REPLY_TYPE:
                raise StampRefused("tsa_refused", f"{authority} answered {answer.status} {answer.content_type}")
            body = await answer.content.read(ANSWER_BYTES_MAX + 1)
            while len(body) <= ANSWER_BYTES_MAX and (more := await answer.content.read(ANSWER_BYTES_MAX + 1)):
                body += more
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise StampRefused("tsa_unreachable", f"{authority}: {error or type(error).__name__}") from None
    stamp = _decode(body)
    if stamp.tst_info.nonce != asked.nonce or _imprint(stamp) != hashlib.sha256(stamped_bytes(head)).digest():
        raise StampRefused("tsa_answer_wrong", f"{authority} answered to another request")
    return body


def check(body: bytes, heads: Iterable[Head], roots: Sequence[x509.Certificate]) -> Stamp:
    """Which of `heads` the time-stamp in `body` stands on, and when; the authority's certificate leads to `roots`.

    Raises StampRefused: `stamp_invalid` where the answer or its signature is not right, `stamp_of_no_head` where it
    stands on no head of this log, which is then not the log that was stamped.
    """
    stamp = _decode(body)
    builder = VerifierBuilder(roots=list(roots))
    try:
        imprint = _imprint(stamp)
        head = next((one for one in heads if hashlib.sha256(stamped_bytes(one)).digest() == imprint), None)
        # The signature first: what it says of a head counts only where it is the authority's own.
        builder.build().verify(stamp, imprint)
    except (VerificationError, ValueError) as error:
        raise StampRefused("stamp_invalid", f"the time-stamp does not hold: {error}") from None
    if head is None:
        raise StampRefused("stamp_of_no_head", "the time-stamp stands on a head that is not in this log")
    return Stamp(round(stamp.tst_info.gen_time.timestamp() * 1e6), head.size)


def _decode(body: bytes) -> TimeStampResponse:
    if len(body) > ANSWER_BYTES_MAX:
        raise StampRefused("stamp_invalid", f"a time-stamp is at most {ANSWER_BYTES_MAX} bytes")
    try:
        stamp = decode_timestamp_response(body)
        if stamp.status != 0:
            raise StampRefused(
                "tsa_refused", f"the authority refused: {', '.join(stamp.status_string) or stamp.status}"
            )
        # Parsed here once, so that an answer without a token is found before it is kept.
        _imprint(stamp)
    except ValueError as error:
        raise StampRefused("stamp_invalid", f"this is no time-stamp: {error}") from None
    return stamp


def _imprint(stamp: TimeStampResponse) -> bytes:
    return stamp.tst_info.message_imprint.message
