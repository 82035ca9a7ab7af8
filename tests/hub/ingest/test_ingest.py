"""What intake takes in, and how it refuses: every refusal has a status and a stable code, and nothing is half done."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib

import msgspec
import pytest

from sensors.identity import Identity

WEEK_US = 7 * 86_400_000_000
JSON = "application/json"
PACK = "application/msgpack"


async def kept(hub) -> list:
    return [entry.message for entry in await hub.log.read(0, 10_000)]


async def test_a_signed_batch_is_in_the_log_when_it_is_acknowledged(hub, detection, heartbeat) -> None:
    messages = [detection(), heartbeat()]
    answer = await hub.send(messages)
    assert answer.status == 200
    assert [answer.body[name] for name in ("accepted", "repeated", "refused")] == [2, 0, []]
    assert await kept(hub) == messages


async def test_a_repeat_changes_nothing(hub, detection) -> None:
    messages = [detection(), detection()]
    await hub.send(messages)
    answer = await hub.send([*messages, detection(), messages[0]])
    assert [answer.body[name] for name in ("accepted", "repeated", "refused")] == [1, 3, []]
    assert len(await kept(hub)) == 3


async def test_json_is_taken_like_messagepack(hub, detection) -> None:
    message = detection()
    body = msgspec.json.encode({"messages": [message]})
    answer = await hub.post(body, hub.signed(body, content_type="application/json"))
    assert answer.body["accepted"] == 1
    assert await kept(hub) == [message]


async def test_one_bad_message_does_not_lose_the_others(hub, detection) -> None:
    good = [detection(), detection()]
    plain = msgspec.to_builtins(detection())
    bad = [
        {**plain, "event": "face"},
        {**plain, "type": "recording"},
        {**plain, "audio": "UklGRg=="},
        {**plain, "score": 1.5},
        {**plain, "sensor": "mic-2"},
        {**plain, "sent": plain["sent"] + 3_600_000_000},
        {**plain, "sent": plain["sent"] - WEEK_US - 1_000_000},
        {**plain, "onset": plain["onset"] + 60_000_000},
        {**plain, "event": "intrusion"},
    ]
    body = msgspec.json.encode({"messages": [good[0], *bad, good[1]]})
    answer = await hub.post(body, hub.signed(body, content_type="application/json"))
    assert answer.status == 200
    assert answer.body["accepted"] == 2
    assert [(entry["index"], entry["code"]) for entry in answer.body["refused"]] == [
        (1, "event_unknown"),
        (2, "type_unknown"),
        (3, "field_unknown"),
        (4, "message_invalid"),
        (5, "sensor_mismatch"),
        (6, "sent_in_future"),
        (7, "sent_too_old"),
        (8, "onset_after_sent"),
        (9, "kind_mismatch"),
    ]
    assert all(entry["id"] == plain["id"] for entry in answer.body["refused"])
    assert await kept(hub) == good


async def test_what_the_profile_does_not_allow_is_refused_before_the_log(
    tmp_path, start_hub, detection, heartbeat
) -> None:
    async with start_hub(tmp_path, profile="statistics-only") as hub:
        answer = await hub.send([detection(), heartbeat()])
        assert answer.body["accepted"] == 1
        (refused,) = answer.body["refused"]
        assert refused["code"] == "LEGAL_FIELD_MISSING:controller"
        assert [message.__struct_config__.tag for message in await kept(hub)] == ["heartbeat"]


async def test_a_batch_without_a_good_message_is_refused_as_a_whole_with_its_list(hub, detection) -> None:
    answer = await hub.send([detection(onset=1_600_000_000_000_000)])
    assert (answer.status, answer.code) == (422, "batch_refused")
    assert answer.body["refused"][0]["code"] == "onset_too_old"


async def test_a_sensor_can_not_speak_for_another(hub, detection) -> None:
    await hub.enrol("mic-2")
    answer = await hub.send([detection("mic-2")])
    assert (answer.status, answer.code) == (403, "sensor_mismatch")
    assert await kept(hub) == []


async def test_a_revoked_sensor_is_out_at_once(hub, detection) -> None:
    assert (await hub.send([detection()])).status == 200
    await hub.registry.revoke("mic-1", time.time_ns() // 1_000, "stolen")
    answer = await hub.send([detection()])
    assert (answer.status, answer.code) == (403, "sensor_revoked")
    assert len(await kept(hub)) == 1


async def test_an_unknown_sensor_is_not_let_in(hub, detection, pack) -> None:
    stranger = Identity.generate("mic-9")
    body = pack([detection("mic-9")])
    answer = await hub.post(body, hub.signed(body, identity=stranger))
    assert (answer.status, answer.code) == (401, "sensor_unknown")


async def test_another_key_with_the_right_name_is_not_let_in(hub, detection, pack) -> None:
    body = pack([detection()])
    answer = await hub.post(body, hub.signed(body, identity=Identity.generate("mic-1")))
    assert (answer.status, answer.code) == (401, "signature_invalid")


async def test_the_same_request_twice_is_a_replay(hub, detection, pack) -> None:
    body = pack([detection()])
    headers = hub.signed(body)
    assert (await hub.post(body, headers)).status == 200
    answer = await hub.post(body, headers)
    assert (answer.status, answer.code) == (401, "signature_replayed")


@pytest.mark.parametrize("offset_s", [-301, 302])
async def test_a_signature_of_another_time_is_stale(hub, detection, pack, offset_s: int) -> None:
    body = pack([detection()])
    answer = await hub.post(body, hub.signed(body, created_s=int(time.time()) + offset_s))
    assert (answer.status, answer.code) == (401, "signature_stale")


@pytest.mark.parametrize(
    "changes",
    [{"method": "PUT"}, {"authority": "other.example"}, {"path": "/api/v1/enrol"}],
    ids=["method", "authority", "path"],
)
async def test_a_signature_for_something_else_is_refused(hub, detection, pack, changes: dict[str, str]) -> None:
    body = pack([detection()])
    answer = await hub.post(body, hub.signed(body, **changes))
    assert (answer.status, answer.code) == (401, "signature_invalid")


async def test_a_body_that_was_changed_on_the_way_is_refused(hub, detection, pack) -> None:
    headers = hub.signed(pack([detection()]))
    answer = await hub.post(pack([detection()]), headers)
    assert (answer.status, answer.code) == (400, "digest_mismatch")


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Signature-Input", None, "credentials_missing"),
        ("Signature", None, "credentials_missing"),
        ("Signature-Input", "tocsin=", "signature_malformed"),
        ("Signature-Input", 'tocsin=("@method");created=1;keyid="mic-1";nonce="a"', "signature_incomplete"),
        ("Signature-Input", "a" * 7_000, "signature_malformed"),
        ("Signature", "tocsin=:AAAA:", "signature_malformed"),
        ("Signature", "other=:" + "A" * 86 + "==:", "signature_malformed"),
        ("Content-Digest", "md5=:AAAA:", "digest_unsupported"),
        ("Content-Digest", None, "digest_unsupported"),
        ("Authorization", "Bearer tcs_nothing", "token_invalid"),
        ("Authorization", "Basic bWljOjE=", "token_invalid"),
    ],
)
async def test_credentials_that_are_no_good_have_a_code(hub, detection, pack, header, value, code) -> None:
    body = pack([detection()])
    headers = hub.signed(body)
    headers.pop(header, None)
    if value is not None:
        headers[header] = value
    answer = await hub.post(body, headers)
    assert (answer.status in {400, 401}, answer.code) == (True, code)


async def test_a_foreign_sensor_speaks_with_its_token_for_itself_only(hub, detection) -> None:
    token = await hub.registry.new_token("mic-1")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = await hub.post(msgspec.json.encode({"messages": [detection(), detection("mic-2")]}), headers)
    assert answer.body["accepted"] == 1
    assert answer.body["refused"][0]["code"] == "sensor_mismatch"
    await hub.registry.revoke("mic-1", 1)
    answer = await hub.post(msgspec.json.encode({"messages": [detection()]}), headers)
    assert (answer.status, answer.code) == (401, "token_invalid")


async def test_tokens_and_codes_are_not_in_the_store(hub, tmp_path) -> None:
    token = await hub.registry.new_token("mic-1")
    code = await hub.registry.new_code("mic-1", 1)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("state.sqlite*"))
    assert token.encode() not in stored
    assert code.encode() not in stored
    assert code.replace("-", "").encode() not in stored


HOSTILE = {
    "empty": (b"", PACK, 400, "body_malformed"),
    "truncated msgpack": (b"\x81\xa8messages\x91\x8b\xa2id", PACK, 400, "body_malformed"),
    "trailing bytes": (b"\x81\xa8messages\x90\x00", PACK, 422, "batch_invalid"),
    "not a batch": (b"\x91\x01", PACK, 422, "batch_invalid"),
    "no messages": (b'{"messages":[]}', JSON, 422, "batch_invalid"),
    "too many messages": (b'{"messages":[' + b",".join([b"1"] * 1_001) + b"]}", JSON, 422, "batch_invalid"),
    "deep JSON": (b'{"messages":' + b"[" * 10_000 + b"]" * 10_000 + b"}", JSON, 400, "body_malformed"),
    "deep message": (b'{"messages":[' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"]}", JSON, 400, "body_malformed"),
    "deep msgpack": (b"\x81\xa8messages\x91" + b"\x91" * 100_000 + b"\x01", PACK, 400, "body_malformed"),
    "map of 4 billion": (b"\x81\xa8messages\xdd\xff\xff\xff\xff", PACK, 422, "batch_invalid"),
    "not UTF-8": (b'{"messages":[{"type":"\xff\xfe"}]}', JSON, 400, "body_malformed"),
    "NaN": (b'{"messages":[NaN]}', JSON, 400, "body_malformed"),
    "another type": (b"{}", "text/plain", 415, "type_unsupported"),
    "too large": (b"\x00" * (2**20 + 1), PACK, 413, "body_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_body_gets_a_code_and_no_traceback(hub, name: str) -> None:
    body, content_type, status, code = HOSTILE[name]
    answer = await hub.post(body, hub.signed(body, content_type=content_type))
    assert (answer.status, answer.code) == (status, code)
    assert "Traceback" not in str(answer.body)
    assert await kept(hub) == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
async def test_a_compressed_bomb_is_refused_without_being_opened(hub, encoding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000)) if encoding.startswith("gzip") else zlib.compress(bytes(50_000_000))
    headers = {**hub.signed(bomb), "Content-Encoding": encoding}
    answer = await hub.post(bomb, headers)
    assert (answer.status, answer.code) == (415, "encoding_unsupported")


async def test_a_body_without_a_length_is_refused(hub, detection, pack) -> None:
    body = pack([detection()])

    async def chunks():
        yield body

    async with hub.session.post(hub.url, data=chunks(), headers=hub.signed(body)) as response:
        assert response.status == 411
        assert (await response.json(content_type=None))["code"] == "length_required"


async def test_a_full_queue_says_when_to_come_back_and_takes_nothing(tmp_path, start_hub, detection) -> None:
    async with start_hub(tmp_path, max_queued=10) as hub:
        answers = await asyncio.gather(*(hub.send([detection() for _ in range(8)]) for _ in range(20)))
        busy = [answer for answer in answers if answer.status == 503]
        assert busy
        assert {answer.code for answer in busy} == {"log_full"}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in busy)
        accepted = sum(answer.body["accepted"] for answer in answers if answer.status == 200)
        assert accepted == len(await kept(hub)) == 8 * (20 - len(busy))


async def test_a_hub_whose_clock_was_set_back_refuses_nothing_for_good(tmp_path, start_hub, detection) -> None:
    """A token is not bound to a time, as a signature is: what is told now must not be dropped by whoever told it."""
    behind_us = [0]
    async with start_hub(tmp_path, clock=lambda: time.time_ns() // 1_000 - behind_us[0]) as hub:
        token = await hub.registry.new_token("mic-1")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = msgspec.json.encode({"messages": [detection(), detection()]})
        behind_us[0] = 3_600_000_000
        answer = await hub.post(body, headers)
        assert (answer.status, answer.code) == (503, "clock_set_back")
        assert await kept(hub) == []
        behind_us[0] = 0
        answer = await hub.post(body, headers)
        assert (answer.status, answer.body["accepted"]) == (200, 2)
