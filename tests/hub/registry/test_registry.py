"""The registry: who is in, who is out, and how they are."""

from __future__ import annotations

import asyncio

import pytest
import uuid6

from hub.registry import CodeRefused, Registry, SensorExists, SensorRecord, SensorUnknown, health_of
from hub.registry.registry import FRESH_S
from hub.registry.secret import Attempts, code_hash, new_code
from sensors.protocol import Heartbeat, SoundLevel

NOW = 1_800_000_000_000_000
KEY, OTHER = b"k" * 32, b"o" * 32
MIC = SensorRecord(id="mic-1", kind="microphone", latitude=45.44, longitude=4.38, created_us=NOW)


def beat(sent: int = NOW, **fields: object) -> Heartbeat:
    values = {
        "id": uuid6.uuid7(), "sensor": "mic-1", "sent": sent, "uptime_s": 5.0, "clock_offset_us": 0,
        "clock_sigma_us": 90, "queue_depth": 0, "dropped": 0, "capture": "ok", "software": "tocsin-0.1.0",
    }  # fmt: skip
    return Heartbeat(**{**values, **fields})  # type: ignore[arg-type]


def level(start: int, l90: float) -> SoundLevel:
    return SoundLevel(
        id=uuid6.uuid7(), sensor="mic-1", sent=start, start=start, period_s=1.0,
        laeq=l90 + 5, lafmax=90.0, lcpeak=95.0, l10=80.0, l50=70.0, l90=l90,
    )  # fmt: skip


async def test_a_sensor_enrols_once_with_its_code(registry: Registry) -> None:
    await registry.add(MIC)
    code = await registry.new_code("mic-1", NOW)
    sensor = await registry.enrol(code.lower().replace("-", " "), KEY, "microphone", "tocsin-0.1.0", NOW + 1)
    assert (sensor.public_key, sensor.enrolled_us, sensor.software) == (KEY, NOW + 1, "tocsin-0.1.0")
    with pytest.raises(CodeRefused) as caught:
        await registry.enrol(code, OTHER, None, "", NOW + 2)
    assert caught.value.code == "code_used"
    assert (await registry.sensor("mic-1")).public_key == KEY  # type: ignore[union-attr]


async def test_of_two_who_show_one_code_at_the_same_time_one_gets_in(registry: Registry, elsewhere: Registry) -> None:
    await registry.add(MIC)
    code = await registry.new_code("mic-1", NOW)
    results = await asyncio.gather(
        registry.enrol(code, KEY, None, "", NOW), elsewhere.enrol(code, OTHER, None, "", NOW), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["CodeRefused", "SensorRecord"]


async def test_a_code_expires_is_replaced_and_must_be_right(registry: Registry) -> None:
    await registry.add(MIC)
    first = await registry.new_code("mic-1", NOW)
    second = await registry.new_code("mic-1", NOW)
    for code, at_us, kind, expected in (
        (first, NOW, None, "code_invalid"),
        (new_code(), NOW, None, "code_invalid"),
        ("", NOW, None, "code_invalid"),
        (second, NOW + 900_000_000, None, "code_expired"),
        (second, NOW, "camera", "kind_mismatch"),
    ):
        with pytest.raises(CodeRefused) as caught:
            await registry.enrol(code, KEY, kind, "", at_us)  # type: ignore[arg-type]
        assert caught.value.code == expected
    await registry.enrol(second, KEY, "microphone", "", NOW + 899_999_999)


async def test_a_revocation_from_another_process_holds_at_once(registry: Registry, elsewhere: Registry) -> None:
    await elsewhere.add(MIC)
    await elsewhere.enrol(await elsewhere.new_code("mic-1", NOW), KEY, None, "", NOW)
    assert (await registry.sensor("mic-1")).revoked_us is None  # type: ignore[union-attr]
    await elsewhere.revoke("mic-1", NOW + 5, "stolen")
    await asyncio.sleep(FRESH_S)
    sensor = await registry.sensor("mic-1")
    assert sensor is not None
    assert (sensor.revoked_us, sensor.revoked_reason) == (NOW + 5, "stolen")
    assert [site.id for site in await registry.sites(NOW)] == []


async def test_a_revoked_sensor_comes_back_only_with_a_new_code(registry: Registry) -> None:
    await registry.add(MIC)
    before = await registry.new_code("mic-1", NOW)
    token = await registry.new_token("mic-1")
    await registry.revoke("mic-1", NOW)
    assert await registry.sensor_of_token(token) is None
    with pytest.raises(CodeRefused):
        await registry.enrol(before, KEY, None, "", NOW)
    after = await registry.new_code("mic-1", NOW)
    assert (await registry.enrol(after, OTHER, None, "", NOW)).revoked_us is None


async def test_a_next_key_replaces_the_old_one_at_its_first_use(registry: Registry) -> None:
    await registry.add(MIC)
    await registry.enrol(await registry.new_code("mic-1", NOW), KEY, None, "", NOW)
    sensor = await registry.rotate("mic-1", OTHER)
    assert (sensor.public_key, sensor.next_key) == (KEY, OTHER)
    sensor = await registry.promote("mic-1")
    assert (sensor.public_key, sensor.next_key) == (OTHER, None)


async def test_moving_changes_the_place_and_keeps_the_rest(registry: Registry) -> None:
    outline = ((45.0, 4.0), (45.1, 4.0), (45.1, 4.1))
    await registry.add(SensorRecord(id="cam-1", kind="camera", latitude=45.0, longitude=4.0, field_of_view=outline))
    moved = await registry.move("cam-1", 45.5, 4.5, 6.0, zones={"gate": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))})
    assert (moved.latitude, moved.longitude, moved.height_m, moved.field_of_view) == (45.5, 4.5, 6.0, outline)
    (site,) = await registry.sites(NOW)
    assert site.zones == {"gate": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))}


async def test_unknown_and_known_ids_are_named(registry: Registry) -> None:
    await registry.add(MIC)
    with pytest.raises(SensorExists):
        await registry.add(MIC)
    for change in (
        registry.revoke("x", NOW),
        registry.new_code("x", NOW),
        registry.move("x", 0, 0),
        registry.new_token("x"),
    ):
        with pytest.raises(SensorUnknown):
            await change
    assert await registry.sensor("x") is None


async def test_what_sensors_say_of_themselves_survives_a_restart(registry: Registry, elsewhere: Registry) -> None:
    await registry.add(MIC)
    await registry.sensors()
    late, early = beat(NOW, clock_sigma_us=70), beat(NOW - 5_000_000)
    registry.heard("mic-1", [late, early, level(NOW, 41.0), level(NOW - 1_000_000, 60.0)], NOW)
    registry.heard("nobody", [late], NOW)
    await registry.flush()
    sensor = await elsewhere.sensor("mic-1")
    assert sensor is not None
    assert (sensor.heartbeat, sensor.last_seen_us) == (late, NOW)
    (site,) = await elsewhere.sites(NOW)
    assert (site.noise_db, site.capture_ok) == (41.0, True)


async def test_a_change_by_a_person_does_not_lose_what_a_sensor_just_said(registry: Registry) -> None:
    await registry.add(MIC)
    await registry.sensors()
    registry.heard("mic-1", [beat()], NOW)
    moved = await registry.move("mic-1", 45.0, 4.0)
    assert moved.last_seen_us == NOW
    (view,) = await registry.overview(NOW)
    assert (view.state, view.clock_sigma_us) == ("ok", 90)


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({}, "never", "not_enrolled"),
        ({"public_key": KEY}, "never", "not_heard_yet"),
        ({"last_seen_us": NOW, "heartbeat": beat()}, "ok", ""),
        ({"last_seen_us": NOW - 34_000_000, "heartbeat": beat()}, "ok", ""),
        ({"last_seen_us": NOW - 36_000_000, "heartbeat": beat()}, "lost", "silent"),
        ({"last_seen_us": NOW, "heartbeat": beat(capture="lost", capture_reason="no_card")}, "lost", "no_card"),
        ({"last_seen_us": NOW, "heartbeat": beat(capture="degraded")}, "degraded", "capture_degraded"),
        ({"last_seen_us": NOW, "heartbeat": beat(clock_offset_us=-2_000_000)}, "degraded", "clock_off"),
        ({"last_seen_us": NOW, "heartbeat": beat(clock_sigma_us=30_000)}, "degraded", "clock_poor"),
        ({"last_seen_us": NOW, "heartbeat": beat(queue_depth=6_000)}, "degraded", "backlog"),
        ({"last_seen_us": NOW, "revoked_us": NOW, "revoked_reason": "stolen"}, "revoked", "stolen"),
    ],
)
def test_health_has_one_state_and_its_reason(fields: dict[str, object], state: str, reason: str) -> None:
    sensor = SensorRecord(id="mic-1", kind="microphone", latitude=0, longitude=0, **fields)  # type: ignore[arg-type]
    health = health_of(sensor, NOW)
    assert (health.state, health.reason) == (state, reason)


def test_codes_are_long_readable_and_told_apart_from_tokens() -> None:
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(len(code) == 14 and not set(code) & set("01IO") for code in codes)
    assert code_hash("abcd-efgh-jkmn") == code_hash(" ABCDEFGHJKMN ")


def test_who_tries_too_often_waits_and_others_do_not() -> None:
    attempts = Attempts(limit=3, window_s=60)
    assert [attempts.wait_s("a", float(now)) for now in range(3)] == [0, 0, 0]
    assert attempts.wait_s("a", 3.0) == 57.0
    assert attempts.wait_s("b", 3.0) == 0
    assert attempts.wait_s("a", 61.0) == 0
    many = Attempts(limit=3, window_s=60)
    waits = [many.wait_s(f"address-{number}", 0.0) for number in range(40)]
    assert waits == [0.0] * 30 + [60.0] * 10, "a crowd of addresses shares one bound"
