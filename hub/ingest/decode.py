"""Bytes to messages: strict in what a message is, lenient in that one bad message does not lose the others."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from hub.problem import Problem
from sensors.protocol import (
    MAX_BATCH,
    AnyMessage,
    batch_json_decoder,
    batch_msgpack_decoder,
    message_json_decoder,
)

Format = Literal["json", "msgpack"]
FORMATS: Final[dict[str, Format]] = {
    "application/json": "json",
    "application/msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
}


class Refused(Struct, frozen=True):
    """One message that was not taken: its place in the batch, its id where it could be read, a stable code, and why."""

    index: int
    id: str | None
    code: str
    detail: str


class _Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]


class _Named(Struct, frozen=True):
    id: UUID


_envelope_json: Final = msgspec.json.Decoder(_Envelope)
_envelope_msgpack: Final = msgspec.msgpack.Decoder(_Envelope)
_message_msgpack: Final = msgspec.msgpack.Decoder(AnyMessage)
_named_json: Final = msgspec.json.Decoder(_Named)
_named_msgpack: Final = msgspec.msgpack.Decoder(_Named)


def decode_batch(body: bytes, form: Format) -> tuple[list[tuple[int, AnyMessage]], list[Refused]]:
    """The messages of a batch with their index, and those that were refused by the schema.

    Problem 400 `body_malformed` where the body is not the format that it says, 422 `batch_invalid` where it is no
    batch.
    """
    try:
        batch = batch_json_decoder.decode(body) if form == "json" else batch_msgpack_decoder.decode(body)
    except msgspec.ValidationError:
        return _decode_each(body, form)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(form, error) from None
    return list(enumerate(batch.messages)), []


def _malformed(form: Format, error: Exception) -> Problem:
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return Problem(400, "body_malformed", f"The body is not {form}: {why}.")


def _decode_each(body: bytes, form: Format) -> tuple[list[tuple[int, AnyMessage]], list[Refused]]:
    envelope_decoder: Any = _envelope_json if form == "json" else _envelope_msgpack
    decoder: Any = message_json_decoder if form == "json" else _message_msgpack
    try:
        envelope: _Envelope = envelope_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Problem(422, "batch_invalid", f"The body is not a batch of messages: {error}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(form, error) from None
    good: list[tuple[int, AnyMessage]] = []
    refused: list[Refused] = []
    for index, raw in enumerate(envelope.messages):
        try:
            good.append((index, decoder.decode(raw)))
        except msgspec.ValidationError as error:
            refused.append(Refused(index, _id_of(raw, form), _code_of(str(error)), str(error)))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            refused.append(Refused(index, None, "message_malformed", str(_malformed(form, error).detail)))
    return good, refused


def _id_of(raw: msgspec.Raw, form: Format) -> str | None:
    try:
        named = _named_json.decode(raw) if form == "json" else _named_msgpack.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return str(named.id)


def _code_of(reason: str) -> str:
    """The stable code of a schema error."""
    if "`$.event`" in reason:
        return "event_unknown"
    if "`$.type`" in reason or "field `type`" in reason:
        return "type_unknown"
    if "unknown field" in reason:
        return "field_unknown"
    return "message_invalid"
