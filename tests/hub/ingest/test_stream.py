"""The WebSocket of a sensor: the same judgement as of a request, frame by frame."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest

PATH = "/api/v1/stream"


def opened(hub: Any, headers: dict[str, str] | None = None) -> Any:
    signed = headers if headers is not None else hub.signed(b"", method="GET", path=PATH)
    return hub.session.ws_connect(hub.url.with_path(PATH), headers=signed)


async def told(socket: Any) -> dict[str, Any]:
    return msgspec.json.decode(await socket.receive_str(timeout=30))


async def test_frames_are_kept_and_answered_in_order(hub: Any, detection: Any, heartbeat: Any, pack: Any) -> None:
    messages = [detection() for _ in range(3)]
    async with opened(hub) as socket:
        await socket.send_bytes(pack(messages))
        await socket.send_bytes(pack([messages[0], heartbeat()]))
        await socket.send_str(msgspec.json.encode({"messages": [detection()]}).decode())
        answers = [await told(socket) for _ in range(3)]
    assert [(one["accepted"], one["repeated"]) for one in answers] == [(3, 0), (1, 1), (1, 0)]
    assert all(one["lease"]["granted"] for one in answers)
    assert len(await hub.log.read(0)) == 5


async def test_a_bad_frame_gets_its_reason_and_the_next_is_taken(hub: Any, detection: Any, pack: Any) -> None:
    async with opened(hub) as socket:
        await socket.send_bytes(b"\x00")
        await socket.send_str("{")
        await socket.send_bytes(pack([detection("mic-2")]))
        await socket.send_bytes(pack([detection()]))
        answers = [await told(socket) for _ in range(4)]
    assert [one.get("code") for one in answers] == ["batch_invalid", "body_malformed", "sensor_mismatch", None]
    assert answers[3]["accepted"] == 1


async def test_a_frame_that_is_too_large_ends_the_stream(hub: Any) -> None:
    async with opened(hub) as socket:
        await socket.send_bytes(bytes(2**20 + 1))
        closing = await socket.receive(timeout=30)
    assert closing.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_sensor_that_is_revoked_is_let_go_at_its_next_frame(hub: Any, detection: Any, pack: Any) -> None:
    async with opened(hub) as socket:
        await hub.registry.revoke("mic-1", 1)
        await socket.send_bytes(pack([detection()]))
        await socket.receive(timeout=30)
    assert socket.close_code == 4_403
    assert await hub.log.read(0) == []


async def test_a_foreign_sensor_comes_with_its_token(hub: Any, detection: Any, pack: Any) -> None:
    token = await hub.registry.new_token("mic-1")
    async with opened(hub, {"Authorization": f"Bearer {token}"}) as socket:
        await socket.send_bytes(pack([detection()]))
        assert (await told(socket))["accepted"] == 1


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nobody"}, {"Signature": "x", "Signature-Input": "y"}]
)
async def test_a_stranger_gets_no_stream(hub: Any, headers: dict[str, str]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with opened(hub, headers):
            pass
    assert refused.value.status == 401


async def test_a_request_for_a_stream_counts_once(hub: Any) -> None:
    headers = hub.signed(b"", method="GET", path=PATH)
    async with opened(hub, headers):
        pass
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with opened(hub, headers):
            pass
    assert refused.value.status == 401


async def test_a_sensor_holds_a_few_streams_at_most_and_a_plain_request_none(hub: Any) -> None:
    async with opened(hub), opened(hub), opened(hub), opened(hub):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with opened(hub):
                pass
        assert refused.value.status == 429
    headers = hub.signed(b"", method="GET", path=PATH)
    async with hub.session.get(hub.url.with_path(PATH), headers=headers) as answer:
        assert answer.status == 426
