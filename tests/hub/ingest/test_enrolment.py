"""Enrolment over HTTP: a sensor makes its key, shows its code once, and speaks; nothing is left where it fails."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import msgspec
import pytest

from hub.registry import SensorRecord
from sensors.enrolment import EnrolmentError, enrol
from sensors.identity import Identity, IdentityError

JSON = {"Content-Type": "application/json"}


async def new_sensor(hub, sensor: str = "mic-7", kind: str = "microphone") -> str:
    await hub.registry.add(SensorRecord(id=sensor, kind=kind, latitude=45.0, longitude=4.0))  # type: ignore[arg-type]
    return await hub.registry.new_code(sensor, time.time_ns() // 1_000)


async def test_an_enrolled_sensor_speaks_with_the_key_in_its_file(hub, detection, pack, tmp_path: Path) -> None:
    path = tmp_path / "mic-7.pem"
    identity = await enrol(str(hub.url.origin()), await new_sensor(hub), path, "microphone")
    assert (identity.sensor, identity.hub) == ("mic-7", str(hub.url.origin()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = await asyncio.to_thread(Identity.load, path)
    body = pack([detection("mic-7")])
    assert (await hub.post(body, hub.signed(body, identity=loaded))).status == 200


async def test_a_refused_code_leaves_no_key_behind(hub, tmp_path: Path) -> None:
    code = await new_sensor(hub)
    path = tmp_path / "k.pem"
    for wrong, kind, expected in (("K7QF-3M9X-TR2P", None, "code_invalid"), (code, "camera", "kind_mismatch")):
        with pytest.raises(EnrolmentError) as caught:
            await enrol(str(hub.url.origin()), wrong, path, kind)
        assert caught.value.code == expected
        assert not [name for name in os.listdir(tmp_path) if name.startswith("k.pem")]


async def test_a_file_that_is_there_costs_no_code(hub, tmp_path: Path) -> None:
    code = await new_sensor(hub)
    path = tmp_path / "k.pem"
    path.write_text("something else")
    with pytest.raises(IdentityError):
        await enrol(str(hub.url.origin()), code, path)
    assert path.read_text() == "something else"
    path.unlink()
    assert (await enrol(str(hub.url.origin()), code, path)).sensor == "mic-7"


async def test_a_hub_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError) as caught:
        await enrol("http://127.0.0.1:9", "X", tmp_path / "k.pem")
    assert caught.value.code == "hub_unreachable"
    with pytest.raises(EnrolmentError) as caught:
        await enrol("hub.example", "X", tmp_path / "k.pem")
    assert caught.value.code == "hub_unknown"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "enrolment_invalid"),
        (b"[" * 4_000, 422, "enrolment_invalid"),
        (b'{"code":"X","public_key":"short"}', 422, "enrolment_invalid"),
        (b'{"code":"X","public_key":"' + b"A" * 43 + b'=","admin":true}', 422, "enrolment_invalid"),
        (b'{"code":"X","public_key":"' + b"A" * 43 + b'="}', 403, "code_invalid"),
        (b" " * 5_000, 413, "body_too_large"),
    ],
)
async def test_what_is_no_enrolment_has_a_code(hub, body: bytes, status: int, code: str) -> None:
    answer = await hub.post(body, JSON, "/api/v1/enrol")
    assert (answer.status, answer.code) == (status, code)


async def test_guessing_codes_is_slow(hub) -> None:
    body = b'{"code":"X","public_key":"' + b"A" * 43 + b'="}'
    answers = [await hub.post(body, JSON, "/api/v1/enrol") for _ in range(8)]
    assert [answer.status for answer in answers] == [403] * 5 + [429] * 3
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_a_key_is_rotated_without_a_gap(hub, detection, pack) -> None:
    old, new = hub.identity, Identity.generate("mic-1")
    body = msgspec.json.encode({"public_key": new.public_key})
    headers = hub.signed(body, path="/api/v1/rotate", content_type="application/json")
    assert (await hub.post(body, headers, "/api/v1/rotate")).status == 200
    for identity, status in ((old, 200), (new, 200), (old, 401), (new, 200)):
        batch = pack([detection()])
        assert (await hub.post(batch, hub.signed(batch, identity=identity))).status == status
